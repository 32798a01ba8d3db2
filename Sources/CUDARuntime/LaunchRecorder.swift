import CCUDA

/// Keeps the launches of a stretch, to be given to the driver together; see `LaunchGraphs`.
///
/// What the call frees stays allocated until its end, and serves later temporaries of the same size: launches run one
/// after the other, in a graph too.
final class LaunchRecorder: HostServices {
  typealias Failure = CUDAError

  /// One launch, and which of all arguments are its own.
  struct Launch: Sendable {
    var kernel: Int
    var shape: LaunchShape
    var arguments: Range<Int>
  }

  /// Where graphs are chosen by the runtime, how many launches make one worth it.
  static let leastCount = 2
  /// And more than this are not kept: a graph of them would take long to make.
  static let greatestCount = 4096
  /// With so many launches a stretch ends with the iteration of an outermost loop.
  static let longCount = 256
  /// And with so many with that of any loop.
  static let veryLongCount = 2048

  /// With more bytes than this that the call has freed, those are given back before there are more; then kernels are long, too.
  private static let greatestRetired: UInt64 = 64 << 20

  let services: StreamServices
  /// What stretches may repeat.
  private(set) var history: LaunchHistory
  // Only the thread of the call has them, and each launch touches them; checks of exclusive access took a third of its time.
  @exclusivity(unchecked)
  private(set) var launches: [Launch] = []
  @exclusivity(unchecked)
  private(set) var arguments: [Int64] = []
  private let isForced: Bool
  /// Where the stretch began.
  private var start = LaunchStretch.Place.start
  /// Whether the launches of the stretch are given to the driver as they come, because there were too many to keep.
  private var isDirect = false
  /// The graphs of the stretches that could be some, and how many stretches were none.
  private var graphs: [LaunchGraph] = []
  private var misses = 0
  /// Whether some launches were given to the driver by themselves, or in graphs that were made or changed for it.
  private var hasOthers = false
  private let code: HostCode
  private var sizes: [UInt64: UInt64] = [:]
  private var retired: [UInt64] = []

  /// - Parameters:
  ///   - history: what is known of the calls before.
  ///   - isForced: whether all stretches are to be graphs.
  init(
    _ code: HostCode, _ services: StreamServices,
    _ history: LaunchHistory = LaunchHistory(), isForced: Bool = false
  ) {
    self.code = code
    self.services = services
    self.history = history
    self.isForced = isForced
  }

  /// Whether there were stretches that could be graphs, and none was.
  var repeatsNothing: Bool { misses > 0 && graphs.isEmpty }

  /// The graphs that all launches were of, if each was as it had been.
  var unchangedGraphs: [LaunchGraph]? { hasOthers ? nil : graphs }

  func allocate(_ bytes: UInt64) throws(CUDAError) -> UInt64? {
    if let index = retired.lastIndex(where: { sizes[$0] == bytes }) {
      return retired.remove(at: index)
    }
    if retired.reduce(0, { $0 &+ (sizes[$1] ?? 0) }) > Self.greatestRetired {
      try flush()
      freeRetired()
    }
    var address = try services.allocate(bytes)
    if address == nil {
      // Without what waits to be freed there may be enough.
      try flush()
      freeRetired()
      address = try services.allocate(bytes)
    }
    if let address, address != 0 { sizes[address] = bytes }
    return address
  }

  func free(_ address: UInt64) {
    if address != 0 { retired.append(address) }
  }

  /// Gives back what the call has freed.
  func freeRetired() {
    for address in retired {
      sizes[address] = nil
      services.free(address)
    }
    retired = []
  }

  func launch(_ plan: LaunchPlan, _ frame: HostFrame) throws(CUDAError) {
    if launches.count >= Self.greatestCount && !isForced {
      try flush()
      isDirect = true
    }
    if isDirect {
      hasOthers = true
      return try services.launch(plan, frame)
    }
    let first = arguments.count
    let table = frame.arguments[plan.kernel]
    for i in 0..<code.kernelArguments[plan.kernel].count {
      arguments.append(table[i]?.load(as: Int64.self) ?? 0)
    }
    launches.append(
      Launch(
        kernel: plan.kernel, shape: LaunchShape(plan, frame), arguments: first..<arguments.count))
  }

  /// Gives the launches to the driver, and waits for them.
  func wait() throws(CUDAError) {
    try flush()
    try services.wait()
  }

  /// Programs that call back are not recorded.
  func callBack(_ function: Int, _ words: UnsafeMutablePointer<Int64>) -> HostOutcome? {
    .callbackFailed
  }

  /// The launches so far must run now.
  func fetch(
    _ plan: FetchPlan, slot: UInt64?, _ frame: HostFrame
  ) throws(CUDAError) -> HostOutcome? {
    try endStretch(at: .fetch(plan.index))
    return try services.fetch(plan, slot: slot, frame)
  }

  func endIteration(at position: Int) throws(CUDAError) {
    if launches.count < Self.longCount { return }
    if launches.count >= Self.veryLongCount || code.outermostLoops.contains(position) {
      try endStretch(at: .iteration(position))
    }
  }

  // MARK: Stretches

  /// Gives the launches kept so far to the driver: as a graph where they repeat those of the stretch before, or where all do.
  func endStretch(at end: LaunchStretch.Place) throws(CUDAError) {
    let stretch = LaunchStretch(start: start, end: end)
    defer {
      start = end
      isDirect = false
    }
    guard !isDirect, launches.count >= (isForced ? 1 : Self.leastCount) else { return try flush() }
    let trace = trace
    let most = isForced ? launches.count : launches.count / 2
    let candidate = history.candidate(for: stretch, trace, changing: most)
    var graph: LaunchGraph?
    if candidate != nil || isForced {
      graph = candidate?.graph
      let changes = candidate?.changes ?? []
      if graph?.change(changes, self) != true { graph = LaunchGraph(self) }
      hasOthers = hasOthers || graph !== candidate?.graph || !changes.isEmpty
    }
    history.keep(stretch, LaunchMemory(trace, graph))
    guard let graph else {
      misses += 1
      return try flush()
    }
    graphs.append(graph)
    try graph.launch(services)
    forget()
  }

  /// Gives the launches kept so far to the driver, one by one.
  func flush() throws(CUDAError) {
    hasOthers = hasOthers || !launches.isEmpty
    for launch in launches {
      try withArguments(of: launch) { table throws(CUDAError) in
        try services.launch(launch.kernel, launch.shape, table)
      }
    }
    forget()
  }

  private func forget() {
    launches = []
    arguments = []
  }

  /// Calls `body` with the addresses of a launch's arguments.
  func withArguments<Result>(
    of launch: Launch,
    _ body: (UnsafeMutablePointer<UnsafeMutableRawPointer?>) throws(CUDAError) -> Result
  ) throws(CUDAError) -> Result {
    try arguments.withUnsafeMutableBufferPointer { values throws(CUDAError) in
      let table = UnsafeMutablePointer<UnsafeMutableRawPointer?>.allocate(
        capacity: launch.arguments.count + 1)
      defer { table.deallocate() }
      for (i, argument) in launch.arguments.enumerated() {
        (table + i).initialize(
          to: values.baseAddress.map { UnsafeMutableRawPointer($0 + argument) })
      }
      return try body(table)
    }
  }

  /// What was recorded, to be compared with another call's.
  var trace: LaunchTrace { LaunchTrace(launches: launches, arguments: arguments) }
}
