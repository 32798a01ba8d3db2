import CPython

/// A decorated function together with all decorated functions that it may call: what a key has to hold beside the
/// arguments.
final class Environment {
  /// Tells the environments of one function apart in keys.
  let serial: UInt64
  /// Every label of the functions, once.
  let labels: [String]
  let options: OptionsReader
  /// The most names whose words a key may hold.
  let capacity: Int
  private let scopes: [Scope]

  /// The environment of functions with the given scopes, the called one first.
  init(serial: UInt64, scopes: [Scope], labels: [String]) throws(PythonException) {
    self.serial = serial
    self.scopes = scopes
    self.labels = labels
    options = try OptionsReader(labels: labels)
    capacity = scopes.reduce(1) { $0 + $1.capacity }
  }

  /// Whether these are the scopes and labels of the environment.
  func consists(of others: [Scope], _ otherLabels: [String]) -> Bool {
    labels == otherLabels && scopes.count == others.count
      && zip(scopes, others).allSatisfy { $0 === $1 }
  }

  /// Lets the frame hold the words of the environment.
  @inline(__always)
  func makeRoom(in frame: CallFrame.Reference) {
    if frame.pointee.labelCapacity < labels.count || frame.pointee.nameCapacity < capacity {
      frame.pointee.grow(labels: labels.count, names: capacity)
    }
  }

  /// Adds what every free name stands for now to the frame, and which environment this is.
  @inline(__always)
  func append(to frame: CallFrame.Reference) throws(PythonException) {
    frame.pointee.beginScope()
    for scope in scopes { try scope.append(to: frame) }
    Scope.append(serial: serial, to: frame)
  }
}
