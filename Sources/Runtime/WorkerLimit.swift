import CRuntime

/// How many workers a pool may have, its caller included.
enum WorkerLimit: Equatable {
  /// At most one a core, and at most what the user asked for.
  case onePerCore(atMost: Int64?)
  /// This many whatever the machine, for tests.
  case exactly(Int64)

  /// The largest pool: what the gate of a `WorkerPool` can count.
  static let largest: Int64 = 32_767

  /// The limit that `PARPY_NUM_THREADS` sets, none where it is not set or empty; nil for anything but a positive integer.
  init?(environmentValue text: String?) {
    guard let text = text?.filter({ !$0.isWhitespace }), !text.isEmpty else {
      self = .onePerCore(atMost: nil)
      return
    }
    guard let count = Int64(text), count > 0 else { return nil }
    self = .onePerCore(atMost: count)
  }

  /// The number of workers on the cores that the process has now, at least 1.
  func workerCount() -> Int64 {
    let count =
      switch self {
      case .onePerCore(let requested): min(parpy_core_count(), requested ?? Self.largest)
      case .exactly(let count): count
      }
    return min(max(count, 1), Self.largest)
  }
}
