import CCUDA

/// Which calls run as CUDA graphs.
public enum GraphUse: Sendable {
  case never
  /// Those that repeat the call before and have several launches.
  case whereWorthIt
  /// All whose launches can be known before the first runs.
  case always
}

/// Replays the launches of a program as CUDA graphs, where many of them repeat others, or always.
///
/// The host part runs at each call and records its launches, a stretch at a time: up to where the host has to see what the kernels
/// have done, to the end of an iteration behind which there are many, or to the end of the call.
///
///     while error[0] > tol:          fetch  [0, 1, …, 57]  fetch  [0, 1, …, 57]  fetch  [0, 1, …, 57]  fetch  [58]
///       for _ in 0..<50: …     →             launched               launched             a graph
///     …                                                                                and so on
///
/// Where the launches of a stretch are those of the one before between the same places of the host part, or of the one that stood at
/// its place in the call before, but perhaps for the grids or arguments of a few, a graph is made of them, and from then on the nodes
/// that differ are changed and the graph runs again.
///
/// Where all launches are to be of graphs, so is the first stretch, and one that is no repetition: as many nodes are changed as it takes,
/// and where other kernels follow each other, another graph is made. Calls that run at the same time have graphs of their own.
///
/// Where all of a call was graphs of the call before, the host part runs no more until the arguments differ: nothing else decides
/// what it launches, unless it allocates temporaries or fetches elements.
final class LaunchGraphs: Sendable {
  /// After so many calls in a row that repeated nothing, the program is left to plain launches.
  static let greatestMisses = 4

  private struct State {
    var misses = 0
    /// Whether no call was made yet.
    var isFirst = true
    var isInUse = false
    /// What the calls before left.
    var history = LaunchHistory()
    var replay: Replay?
  }

  /// The graphs that a call with these arguments launches.
  private struct Replay: Sendable {
    var arguments: [Int64]
    var graphs: [LaunchGraph]
  }

  private let state = Locked(State())
  private let isForced: Bool

  /// Nil where no call is to be a graph, where none has launches that could repeat others, or where a kernel of the module needs more
  /// than a plain launch.
  init?(_ module: CUDAModule, _ code: HostCode, _ use: GraphUse) {
    guard use != .never, !module.launchers.contains(where: \.isCooperative) else { return nil }
    isForced = use == .always
    if !isForced && code.launches.count < LaunchRecorder.leastCount && !code.hasLoops { return nil }
  }

  /// Runs the body of a call, launches that repeat others together; nil, with nothing done, where plain launches are better.
  func run(
    _ code: HostCode, _ frame: HostFrame, _ services: StreamServices
  ) throws(CUDAError) -> HostOutcome? {
    // The caller's graph has the launches themselves.
    guard !services.isCaptured, let known = begin(code, frame) else { return nil }
    if case .all(let graphs) = known {
      defer { state.withLock { $0.isInUse = false } }
      for graph in graphs { try graph.launch(services) }
      return .done
    }
    var history = LaunchHistory()
    if case .some(let known) = known { history = known }
    let recorder = LaunchRecorder(code, services, history, isForced: isForced)
    var replay: Replay?
    defer {
      recorder.freeRetired()
      if case .some = known { end(recorder, replay) }
    }
    let arguments = code.isDecidedByArguments ? code.arguments.map { frame[$0.register] } : nil
    let outcome = try interpret(code, from: code.bodyStart, frame, recorder)
    guard outcome == .done else {
      try recorder.flush()
      return outcome
    }
    try recorder.endStretch(at: .end)
    if let arguments, let graphs = recorder.unchangedGraphs {
      replay = Replay(arguments: arguments, graphs: graphs)
    }
    return outcome
  }

  /// What is known of a call from those before.
  private enum Known {
    /// Nothing: it runs while another does.
    case none
    /// What some of its stretches may be.
    case some(LaunchHistory)
    /// All that it launches.
    case all([LaunchGraph])
  }

  /// Takes what is known of the calls before; nil where another thread has it or graphs are no use, unless all calls are graphs.
  private func begin(_ code: HostCode, _ frame: HostFrame) -> Known? {
    state.withLock { state in
      defer { state.isFirst = false }
      // What has no loop repeats itself from call to call alone.
      let isWorthIt = state.misses < Self.greatestMisses && (!state.isFirst || code.hasLoops)
      guard isForced || isWorthIt else { return nil }
      if state.isInUse { return isForced ? Known.none : nil }
      state.isInUse = true
      if let replay = state.replay,
        zip(replay.arguments, code.arguments).allSatisfy({ $0 == frame[$1.register] })
      {
        return .all(replay.graphs)
      }
      defer { state.history = LaunchHistory() }
      return .some(state.history)
    }
  }

  private func end(_ recorder: LaunchRecorder, _ replay: Replay?) {
    state.withLock { state in
      state.isInUse = false
      state.history = recorder.history
      state.history.endCall()
      state.replay = replay
      state.misses = recorder.repeatsNothing ? state.misses + 1 : 0
    }
  }
}

/// A CUDA graph whose nodes are the launches of a call, one after the other.
///
/// - Requires: the device's context is current, but for `deinit`.
final class LaunchGraph: @unchecked Sendable {
  private let module: CUDAModule
  private let executable: OpaquePointer
  private let nodes: [OpaquePointer?]
  /// How often nodes were changed: what it was before, it is no more.
  private(set) var version = 0

  /// Makes a graph of what was recorded; nil where the driver makes none.
  init?(_ recorder: LaunchRecorder) {
    module = recorder.services.module
    let functions = module.device.driver.functions
    var graph: OpaquePointer?
    guard functions.pointee.create_graph(&graph, 0) == 0, let graph else { return nil }
    // The executable form holds all that is needed.
    defer { _ = functions.pointee.destroy_graph(graph) }
    var nodes: [OpaquePointer?] = []
    for launch in recorder.launches {
      var node: OpaquePointer?
      var last: OpaquePointer? = nodes.last ?? nil
      let result = Self.withNode(launch, recorder) { parameters in
        functions.pointee.add_kernel_node(&node, graph, &last, nodes.isEmpty ? 0 : 1, parameters)
      }
      guard result == 0 else { return nil }
      nodes.append(node)
    }
    var executable: OpaquePointer?
    guard functions.pointee.instantiate_graph(&executable, graph, 0) == 0, let executable else {
      return nil
    }
    self.nodes = nodes
    self.executable = executable
  }

  deinit {
    try? module.device.withContext { () throws(CUDAError) in
      module.device.driver.besideCaptures {
        _ = module.device.driver.functions.pointee.destroy_graph_exec(executable)
      }
    }
  }

  /// Gives the nodes at some positions the grid and the arguments of what was recorded; false where the driver cannot.
  func change(_ positions: [Int], _ recorder: LaunchRecorder) -> Bool {
    if positions.isEmpty { return true }
    version += 1
    return positions.allSatisfy { position in
      let result = Self.withNode(recorder.launches[position], recorder) { parameters in
        module.device.driver.functions.pointee.update_kernel_node(
          executable, nodes[position], parameters)
      }
      return result == 0
    }
  }

  func launch(_ services: StreamServices) throws(CUDAError) {
    let driver = module.device.driver
    try driver.check(
      driver.functions.pointee.launch_graph(executable, services.stream.pointer),
      "launching \(nodes.count) kernels as a graph")
  }

  /// Calls `body` with a launch as the driver describes nodes.
  private static func withNode(
    _ launch: LaunchRecorder.Launch, _ recorder: LaunchRecorder,
    _ body: (UnsafePointer<parpy_cuda_kernel_node>) -> parpy_cuda_result
  ) -> parpy_cuda_result {
    let launcher = recorder.services.module.launchers[launch.kernel]
    var node = parpy_cuda_kernel_node()
    node.function = launcher.function
    node.blocks_x = launch.shape.blocksX
    node.blocks_y = launch.shape.blocksY
    node.blocks_z = launch.shape.blocksZ
    node.threads_x = launch.shape.threads
    node.threads_y = 1
    node.threads_z = 1
    node.shared_bytes = launcher.sharedBytes
    let result = try? recorder.withArguments(of: launch) { table throws(CUDAError) in
      node.arguments = table
      return body(&node)
    }
    return result ?? Int32(parpy_cuda_invalid_value)
  }
}
