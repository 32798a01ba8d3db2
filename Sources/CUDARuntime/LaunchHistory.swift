/// The launches between two places of the host part.
struct LaunchStretch: Hashable {
  enum Place: Hashable {
    /// That of the call.
    case start, end
    /// Where the host gets an element: which of the program's fetches that is.
    case fetch(Int)
    /// The end of a loop's iteration, by the position of its instruction.
    case iteration(Int)
  }

  var start: Place
  var end: Place
}

/// What is known of a stretch of launches.
struct LaunchMemory: Sendable {
  let trace: LaunchTrace
  /// The graph that it was; nil where its launches were given to the driver by themselves.
  private let graph: LaunchGraph?
  private let version: Int

  init(_ trace: LaunchTrace, _ graph: LaunchGraph?) {
    self.trace = trace
    self.graph = graph
    version = graph?.version ?? 0
  }

  /// The graph, if it is of these launches still.
  var currentGraph: LaunchGraph? { graph?.version == version ? graph : nil }
}

/// The stretches that a new one may repeat.
///
/// A loop over time repeats its latest iterations, or those of the call before: where each has other arguments, as in
///
///     for wave in range(n): launch(A, wave)
///
/// no stretch of a call is like another one, and all are like those at the same place in the order of the call before. Iterations in
/// which many launches differ share one graph, whose nodes are changed, until a call repeats the one before; then each gets its own,
/// and the next call changes none.
struct LaunchHistory: Sendable {
  /// The latest between two places of the host part.
  private var latest: [LaunchStretch: LaunchMemory] = [:]
  /// Those of the call before, and of this one, in the order of the call: the first ones, of `greatestCount` launches together.
  private var former: [(stretch: LaunchStretch, memory: LaunchMemory)] = []
  private var present: [(stretch: LaunchStretch, memory: LaunchMemory)] = []
  /// How many stretches of this call could be graphs, and how many launches `present` has.
  private var ordinal = 0
  private var kept = 0

  /// Graphs of fewer launches are not made of stretches that repeat only those of the call before: each would have its own.
  static let leastOfCall = 16

  /// A stretch that another one repeats.
  struct Candidate {
    let graph: LaunchGraph?
    /// The positions of the launches in which they differ.
    let changes: [Int]

    /// How long it takes, in changes of a node: nothing for what can be launched as it is. Graphs take longer to make than all their
    /// nodes to change; one of launches that the call before had too is made where that pays after some calls.
    fileprivate let cost: Int

    fileprivate init?(_ memory: LaunchMemory, _ trace: LaunchTrace) {
      guard let changes = memory.trace.changes(to: trace) else { return nil }
      self.changes = changes
      graph = memory.currentGraph
      let making = changes.isEmpty ? trace.launches.count / 8 : 2 * trace.launches.count
      cost = changes.count + (graph == nil ? making : 0)
    }
  }

  /// What follows belongs to another call.
  mutating func endCall() {
    former = present
    present = []
    (ordinal, kept) = (0, 0)
  }

  /// The stretch that launches repeat, those with the same kernels but perhaps others' grids or arguments; nil where there is none.
  ///
  /// - Parameter most: how many of them may have others.
  func candidate(for stretch: LaunchStretch, _ trace: LaunchTrace, changing most: Int) -> Candidate?
  {
    var memories = latest[stretch].map { [$0] } ?? []
    if trace.launches.count >= Self.leastOfCall, ordinal < former.count,
      former[ordinal].stretch == stretch
    {
      memories.append(former[ordinal].memory)
    }
    return
      memories.compactMap { Candidate($0, trace) }
      .filter { $0.changes.count <= most }
      .min { $0.cost < $1.cost }
  }

  /// Keeps the next stretch of the call.
  mutating func keep(_ stretch: LaunchStretch, _ memory: LaunchMemory) {
    let launches = memory.trace.launches.count
    latest[stretch] = memory
    // Later ones have no place among these: they would not be found at theirs.
    if present.count == ordinal && kept + launches <= LaunchRecorder.greatestCount {
      present.append((stretch, memory))
      kept += launches
    }
    ordinal += 1
  }
}

/// The launches of a stretch that is over.
struct LaunchTrace: Sendable {
  var launches: [LaunchRecorder.Launch]
  var arguments: [Int64]

  /// The positions at which another stretch has another grid or other arguments; nil where other kernels follow each other.
  func changes(to other: LaunchTrace) -> [Int]? {
    guard launches.count == other.launches.count else { return nil }
    var changes: [Int] = []
    let isSame = arguments == other.arguments
    for (index, (old, new)) in zip(launches, other.launches).enumerated() {
      guard old.kernel == new.kernel else { return nil }
      if old.shape != new.shape
        || !isSame && arguments[old.arguments] != other.arguments[new.arguments]
      {
        changes.append(index)
      }
    }
    return changes
  }
}
