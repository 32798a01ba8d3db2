import Synchronization

/// The functions whose kernels may not have ended yet: what a failure that is found later may be of.
final class LaunchedFunctions: Sendable {
  /// A function and the stream that its kernels were queued on.
  private struct Launch: Hashable {
    var name: String
    var stream: UInt
  }

  private struct State {
    var launches: [Launch] = []
    /// Set by the first failure: what is queued afterwards never runs.
    var isClosed = false
  }

  /// More are not remembered, the oldest first.
  private static let mostLaunches = 16

  private let state = Locked(State())
  /// Changes whenever functions are forgotten, so that those that go on are noted again.
  private let generation = Atomic<Int>(1)

  /// What a function knows of the latest note of it, so that most calls need no lock.
  final class Mark: Sendable {
    fileprivate let generation = Atomic<Int>(0)
    fileprivate let stream = Atomic<UInt>(0)
  }

  /// Notes that kernels of the function are about to be queued on the stream.
  @inline(__always)
  func note(_ name: @autoclosure () -> String, _ mark: Mark, on stream: CUDAStream) {
    let current = generation.load(ordering: .relaxed)
    if mark.generation.load(ordering: .relaxed) == current,
      mark.stream.load(ordering: .relaxed) == stream.handle
    {
      return
    }
    insert(Launch(name: name(), stream: stream.handle))
    mark.stream.store(stream.handle, ordering: .relaxed)
    mark.generation.store(current, ordering: .relaxed)
  }

  private func insert(_ launch: Launch) {
    state.withLock { state in
      if state.isClosed || state.launches.contains(launch) { return }
      if state.launches.count >= Self.mostLaunches { state.launches.removeFirst() }
      state.launches.append(launch)
    }
  }

  /// Forgets what was queued on the stream, or on all of them, since it has ended well.
  func forget(on stream: CUDAStream? = nil) {
    state.withLock { state in
      if state.launches.isEmpty || state.isClosed { return }
      state.launches.removeAll { stream == nil || $0.stream == stream?.handle }
      generation.add(1, ordering: .relaxed)
    }
  }

  /// The error with the functions that it may be about.
  func blamed(for error: CUDAError) -> CUDAError {
    guard error.reason == .contextLost else { return error }
    let names = state.withLock { state -> [String] in
      state.isClosed = true
      return state.launches.map(\.name)
    }
    var suspects: [String] = []
    for name in names where !suspects.contains("'\(name)'") { suspects.append("'\(name)'") }
    guard !suspects.isEmpty else { return error }
    var error = error
    error.message += " It was a kernel of \(suspects.joined(separator: " or "))."
    return error
  }
}
