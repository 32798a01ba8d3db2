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
enum LaunchMemory: Sendable {
  /// Those that were given to the driver by themselves.
  case launches(LaunchTrace)
  case graph(LaunchGraph)

  /// The launches; nil where a graph could not be changed, and has some of the former and some of the later ones.
  var trace: LaunchTrace? {
    switch self {
    case .launches(let trace): trace
    case .graph(let graph): graph.trace
    }
  }

  var graph: LaunchGraph? {
    if case .graph(let graph) = self { graph } else { nil }
  }
}

/// The stretches that a new one may repeat.
///
/// A loop over time repeats its latest iterations, or those of the call before: where each has other arguments, as in
///
///     for wave in range(n): launch(A, wave)
///
/// no stretch of a call is like another one, and all are like those at the same place in the order of the call before.
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

  /// A stretch that another one repeats, and the positions of the launches in which they differ.
  struct Candidate {
    var memory: LaunchMemory
    var changes: [Int]

    /// First what can be launched as it is, then what only has to become a graph, then what has a graph to be changed.
    fileprivate var cost: (Int, Int) {
      let hasGraph = memory.graph != nil
      return (changes.isEmpty ? hasGraph ? 0 : 1 : hasGraph ? 2 : 3, changes.count)
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
      memories.compactMap { memory in
        memory.trace?.changes(to: trace).map { Candidate(memory: memory, changes: $0) }
      }
      .filter { $0.changes.count <= most }
      .min { $0.cost < $1.cost }
  }

  /// Keeps the next stretch of the call.
  mutating func keep(_ stretch: LaunchStretch, _ memory: LaunchMemory, launches: Int) {
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
