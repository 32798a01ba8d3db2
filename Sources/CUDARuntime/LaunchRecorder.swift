import CCUDA

/// Keeps the launches of a call, to be given to the driver together.
///
/// What the call frees stays allocated until then, and serves later temporaries of the same size: launches run one
/// after the other, in a graph too.
final class LaunchRecorder: HostServices {
  typealias Failure = CUDAError

  /// One launch, and which of all arguments are its own.
  struct Launch: Sendable {
    var kernel: Int
    var shape: LaunchShape
    var arguments: Range<Int>
  }

  /// Where graphs are chosen by the runtime, more launches than this are not kept: a graph of them would take long to make.
  static let greatestCount = 4096

  let services: StreamServices
  private(set) var launches: [Launch] = []
  private(set) var arguments: [Int64] = []
  /// Whether launches are given to the driver as they come, because there were too many to keep.
  private(set) var isDirect = false
  private let argumentCounts: [Int]
  /// How many launches are kept at most.
  private let limit: Int
  private var sizes: [UInt64: UInt64] = [:]
  private var retired: [UInt64] = []

  /// - Parameters:
  ///   - former: the call before, which this one is likely to repeat.
  ///   - limit: how many launches are kept at most.
  init(
    _ code: HostCode, _ services: StreamServices, like former: LaunchTrace? = nil,
    atMost limit: Int = LaunchRecorder.greatestCount
  ) {
    self.services = services
    self.limit = limit
    argumentCounts = code.kernelArguments.map(\.count)
    if let former {
      launches.reserveCapacity(former.launches.count)
      arguments.reserveCapacity(former.arguments.count)
    }
  }

  func allocate(_ bytes: UInt64) throws(CUDAError) -> UInt64? {
    if let index = retired.lastIndex(where: { sizes[$0] == bytes }) {
      return retired.remove(at: index)
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
    if launches.count >= limit {
      try flush()
      isDirect = true
    }
    if isDirect { return try services.launch(plan, frame) }
    let first = arguments.count
    let table = frame.arguments[plan.kernel]
    for i in 0..<argumentCounts[plan.kernel] {
      arguments.append(table[i]?.load(as: Int64.self) ?? 0)
    }
    launches.append(
      Launch(
        kernel: plan.kernel, shape: LaunchShape(plan, frame), arguments: first..<arguments.count))
    frame.launchCount &+= 1
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

  /// The launches so far must run now, and so what follows is not kept either.
  func fetch(
    _ plan: FetchPlan, slot: UInt64?, _ frame: HostFrame
  ) throws(CUDAError) -> HostOutcome? {
    try flush()
    isDirect = true
    return try services.fetch(plan, slot: slot, frame)
  }

  /// Gives the launches kept so far to the driver, one by one.
  func flush() throws(CUDAError) {
    for launch in launches {
      try withArguments(of: launch) { table throws(CUDAError) in
        try services.launch(launch.kernel, launch.shape, table)
      }
    }
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

/// The launches of a call that is over.
struct LaunchTrace: Sendable {
  var launches: [LaunchRecorder.Launch]
  var arguments: [Int64]

  /// The positions at which another call has another grid or other arguments; nil where other kernels follow each other.
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
