/// Values of the process that each call looks at stand at fixed addresses, which variables without an initial value point to:
///
///     private nonisolated(unsafe) static var place: UnsafeMutablePointer<NumPyTypes>?
///
///     static var shared: UnsafeMutablePointer<NumPyTypes> {
///       @inline(__always) get {
///         if let place { return place }
///         return make()
///       }
///     }
///
/// A look costs a load then. At a lazy `static let` it is a call of the runtime on Linux, and at a `static var` that is changed in
/// place a check of exclusive access: several times a call, a good part of what a call costs.
extension UnsafeMutablePointer {
  /// A value that is never freed.
  static func kept(_ value: Pointee) -> Self {
    let place = Self.allocate(capacity: 1)
    place.initialize(to: value)
    return place
  }
}
