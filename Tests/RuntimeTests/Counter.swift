import Synchronization

/// A count that threads may add to.
final class Counter: Sendable {
  private let value = Atomic<Int>(0)
  var count: Int { value.load(ordering: .sequentiallyConsistent) }
  func add(_ amount: Int = 1) { value.wrappingAdd(amount, ordering: .sequentiallyConsistent) }
}
