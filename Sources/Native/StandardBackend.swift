import CPython

/// What `CompileBackend.Auto` stands for, as far as a call has asked for it: a part of the key of calls whose options leave
/// the backend to it, so that they find the versions of the backend that it stands for now.
///
/// Read and written with the GIL held.
enum StandardBackend: UInt64 {
  /// No call has needed it since it may have changed.
  case open
  case cpu
  /// CUDA, since there is a GPU: functions that it does not have run on the CPU.
  case foundCUDA
  /// CUDA, by `set_default` or the environment: it is used, or the call is refused.
  case chosenCUDA
  /// The same of Metal.
  case foundMetal
  case chosenMetal

  private nonisolated(unsafe) static var place: UnsafeMutablePointer<StandardBackend>?

  /// What it stands for now.
  private static var word: UnsafeMutablePointer<StandardBackend> {
    @inline(__always) get {
      if let place { return place }
      return make()
    }
  }

  @inline(never)
  private static func make() -> UnsafeMutablePointer<StandardBackend> {
    let made = UnsafeMutablePointer<StandardBackend>.kept(.open)
    place = made
    return made
  }

  static var current: StandardBackend {
    @inline(__always) get { word.pointee }
  }

  /// How often it was forgotten what `Auto` stands for.
  private(set) nonisolated(unsafe) static var age: UInt64 = 0

  /// Lets the next call that needs it ask anew.
  static func forget() {
    word.pointee = .open
    age &+= 1
  }

  /// Notes what a look gave that began at an age; not where it was forgotten since.
  static func note(_ found: StandardBackend, of age: UInt64) {
    if age == self.age { word.pointee = found }
  }

  /// The position of the bits in the word of a key that holds a token.
  private static let shift: UInt64 = 60

  /// Whether options with a token are for CUDA; the two low bits of a token are the backend, as `_options.py` numbers them.
  @inline(__always)
  func isCUDA(token: Int64) -> Bool {
    switch token & 3 {
    case 0: self == .foundCUDA || self == .chosenCUDA
    case 2: true
    default: false
    }
  }

  /// Whether options with a token are for a GPU.
  @inline(__always)
  func isGPU(token: Int64) -> Bool { token & 3 == 3 || isCUDA(token: token) }

  /// The word of a key for a token of options, with this where they leave the backend to `Auto`.
  @inline(__always)
  func keyWord(token: Int64) -> UInt64 {
    let bits = UInt64(bitPattern: token)
    return token & 3 == 0 ? bits | rawValue << Self.shift : bits
  }
}

/// `_native.forget_default_backend()`: the next call that needs it asks anew what `Auto` stands for.
@c public func parpy_forget_default_backend(
  _ module: UnsafeMutablePointer<PyObject>?, _ ignored: UnsafeMutablePointer<PyObject>?
) -> UnsafeMutablePointer<PyObject>? {
  StandardBackend.forget()
  return newReference { () throws(PythonException) in OwnedObject(retaining: py_none()).taken() }
}
