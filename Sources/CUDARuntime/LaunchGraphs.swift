import CCUDA

/// Which calls run as CUDA graphs.
public enum GraphUse: Sendable {
  case never
  /// Those that repeat the call before and have several launches.
  case whereWorthIt
  /// All whose launches can be known before the first runs.
  case always
}

/// Replays the launches of a program as one CUDA graph, where calls with many of them repeat each other, or always.
///
/// The host part runs each time and records its launches. Where they are those of the call before, but perhaps for the grids or
/// arguments of a few, a graph is made of them, and from then on the nodes that differ are changed and the graph runs again.
///
/// Where all calls are to be graphs, so is the first, and one that is no repetition: as many nodes are changed as it takes, and where
/// other kernels follow each other, another graph is made. Calls that run at the same time have graphs of their own.
final class LaunchGraphs: Sendable {
  /// How many launches of one call make a graph worth it.
  static let leastLaunches = 2
  /// After so many calls in a row that repeated none, the program is left to plain launches.
  static let greatestMisses = 4

  /// What is known of the call before.
  private struct Memory: Sendable {
    var trace: LaunchTrace?
    var graph: LaunchGraph?
    /// Whether the next call gets it.
    var isKept = true
  }

  private struct State {
    var launchCount = 0
    var misses = 0
    var isInUse = false
    var memory = Memory()
  }

  private let state = Locked(State())
  private let isForced: Bool

  /// Nil where no call is to be a graph, or a kernel of the module needs more than a plain launch.
  init?(_ module: CUDAModule, _ use: GraphUse) {
    guard use != .never, !module.launchers.contains(where: \.isCooperative) else { return nil }
    isForced = use == .always
  }

  /// Notes how many launches a call had.
  func note(launches: Int) {
    state.withLock { $0.launchCount = launches }
  }

  /// Runs the body of a call, its launches together; nil, with nothing done, where plain launches are better.
  func run(
    _ code: HostCode, _ frame: HostFrame, _ services: StreamServices
  ) throws(CUDAError) -> HostOutcome? {
    guard var memory = begin() else { return nil }
    var isMiss = false
    defer { end(memory, isMiss: isMiss, launches: frame.launchCount) }
    // The caller's graph has the launches themselves.
    if services.isCaptured { return nil }

    let recorder = LaunchRecorder(
      code, services, like: memory.trace, atMost: isForced ? .max : LaunchRecorder.greatestCount)
    defer { recorder.freeRetired() }
    let outcome = try interpret(code, from: code.bodyStart, frame, recorder)
    guard outcome == .done, !recorder.isDirect,
      recorder.launches.count >= (isForced ? 1 : Self.leastLaunches)
    else {
      try recorder.flush()
      return outcome
    }
    let changes = memory.trace.flatMap { $0.changes(to: recorder.trace) }
    let isRepetition = changes.map { $0.count <= recorder.launches.count / 2 } ?? false
    memory.trace = recorder.trace
    if !isRepetition && !isForced {
      memory.graph = nil
    } else if changes.flatMap({ memory.graph?.change($0, recorder) }) != true {
      memory.graph = LaunchGraph(recorder)
    }
    if let graph = memory.graph {
      try graph.launch(services)
    } else {
      isMiss = true
      try recorder.flush()
    }
    return outcome
  }

  /// Takes what is known of the call before; nil where another thread has it or graphs are no use, unless all calls are graphs.
  private func begin() -> Memory? {
    state.withLock { state -> Memory? in
      let isWorthIt =
        state.launchCount >= Self.leastLaunches && state.misses < Self.greatestMisses
      guard isForced || isWorthIt else { return nil }
      if state.isInUse { return isForced ? Memory(isKept: false) : nil }
      state.isInUse = true
      defer { state.memory = Memory() }
      return state.memory
    }
  }

  private func end(_ memory: Memory, isMiss: Bool, launches: Int) {
    if !memory.isKept { return }
    state.withLock { state in
      state.isInUse = false
      state.memory = memory
      state.misses = isMiss ? state.misses + 1 : 0
      state.launchCount = launches
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
    positions.allSatisfy { position in
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
