import CPython

/// Torch's class of tensors and its own export to DLPack, once the user has imported Torch; we never import it.
///
/// `Tensor.__dlpack__` is Python code and takes microseconds; what it calls in the end takes a tenth of that, and the
/// exchange of C functions a hundredth.
struct TorchTensors {
  /// `torch.Tensor`.
  var tensor: PythonPointer?
  /// `torch._C._to_dlpack`.
  var export: PythonPointer?
  /// `Tensor.is_neg` and `Tensor.is_conj`, functions of a tensor.
  var isNegated: PythonPointer?
  var isConjugated: PythonPointer?
  /// `torch._C._cuda_getCurrentRawStream`, a function of a device's position; nil where this Torch has no CUDA.
  var rawStream: PythonPointer?
  /// `Tensor.__dlpack_c_exchange_api__`; nil where this Torch has none that we know.
  var exchange: UnsafePointer<parpy_dlpack_exchange>?

  private nonisolated(unsafe) static var place: UnsafeMutablePointer<TorchTensors>?

  /// What the process has.
  static var shared: UnsafeMutablePointer<TorchTensors> {
    @inline(__always) get {
      if let place { return place }
      return make()
    }
  }

  @inline(never)
  private static func make() -> UnsafeMutablePointer<TorchTensors> {
    let made = UnsafeMutablePointer.kept(TorchTensors())
    place = made
    return made
  }

  /// Whether the object is a tensor, or of a subclass.
  static func includes(_ object: PythonPointer) -> Bool {
    shared.pointee.tensor.map { py_is_instance(object, $0) } ?? false
  }

  /// Keeps the class where `object` is a tensor of an imported Torch that has everything needed; whether it is one.
  static func look(for object: PythonPointer) -> Bool {
    guard shared.pointee.tensor == nil else { return includes(object) }
    do throws(PythonException) {
      let name = try "torch".python()
      guard let found = PyImport_GetModule(name.pointer) else {
        PyErr_Clear()
        return false
      }
      let torch = try OwnedObject(found)
      let tensor = try torch.attribute("Tensor")
      guard py_is_instance(object, tensor.pointer) else { return false }
      let export = try torch.attribute("_C").attribute("_to_dlpack")
      _ = try OwnedObject(PyObject_GetAttr(object, InternedNames.shared.requiresGradient))
      let isNegated = try tensor.attribute("is_neg")
      let isConjugated = try tensor.attribute("is_conj")
      let rawStream = PyObject_GetAttrString(
        try torch.attribute("_C").pointer, "_cuda_getCurrentRawStream")
      PyErr_Clear()
      let exchange = exchange(of: tensor.pointer)
      shared.pointee = TorchTensors(
        tensor: tensor.taken(), export: export.taken(), isNegated: isNegated.taken(),
        isConjugated: isConjugated.taken(), rawStream: rawStream, exchange: exchange)
      return true
    } catch {
      // A Torch of another make: its tensors are read by the protocol.
      PyErr_Clear()
      return false
    }
  }

  /// The C functions of a class; nil where it has none, or of a version that we do not know.
  private static func exchange(of type: PythonPointer) -> UnsafePointer<parpy_dlpack_exchange>? {
    let name = "dlpack_exchange_api"
    guard let capsule = PyObject_GetAttrString(type, "__dlpack_c_exchange_api__") else {
      PyErr_Clear()
      return nil
    }
    // The class holds the capsule, and the structure outlives both.
    defer { py_release(capsule) }
    guard PyCapsule_IsValid(capsule, name) != 0, let memory = PyCapsule_GetPointer(capsule, name)
    else { return nil }
    let found = UnsafePointer(memory.assumingMemoryBound(to: parpy_dlpack_exchange.self))
    return found.pointee.major == 1 && found.pointee.tensor_from_object != nil ? found : nil
  }

  /// The stream that Torch's work on a CUDA device goes to; nil where it does not say.
  static func currentStream(device: Int32) -> UInt? {
    guard let function = shared.pointee.exchange?.pointee.current_stream else {
      return statedStream(device: device)
    }
    var stream: UnsafeMutableRawPointer?
    guard function(DLPackDevice.cuda.rawValue, device, &stream) == 0 else {
      PyErr_Clear()
      return nil
    }
    return UInt(bitPattern: stream)
  }

  /// The same, of a Torch without the exchange of C functions.
  private static func statedStream(device: Int32) -> UInt? {
    guard let function = shared.pointee.rawStream else { return nil }
    do throws(PythonException) {
      let position = try OwnedObject(PyLong_FromLong(Int(device)))
      let stream = try OwnedObject(py_call_one(function, position.pointer))
      return UInt(bitPattern: try stream.pointer.integer())
    } catch {
      PyErr_Clear()
      return nil
    }
  }
}
