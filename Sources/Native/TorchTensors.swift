import CPython

/// Torch's class of tensors and its own export to DLPack, once the user has imported Torch; we never import it.
///
/// `Tensor.__dlpack__` is Python code and takes microseconds; what it calls in the end takes a tenth of that.
struct TorchTensors {
  /// `torch.Tensor`.
  var tensor: PythonPointer?
  /// `torch._C._to_dlpack`.
  var export: PythonPointer?

  /// The classes of the process; at a fixed address, so that no check of exclusive access is made at each look.
  nonisolated(unsafe) static let shared: UnsafeMutablePointer<TorchTensors> = {
    let types = UnsafeMutablePointer<TorchTensors>.allocate(capacity: 1)
    types.initialize(to: TorchTensors(tensor: nil, export: nil))
    return types
  }()

  /// Whether the object is a tensor, or of a subclass.
  static func includes(_ object: PythonPointer) -> Bool {
    shared.pointee.tensor.map { py_is_instance(object, $0) } ?? false
  }

  /// Keeps the class where `object` is a tensor of an imported Torch that has everything needed.
  static func look(for object: PythonPointer) {
    guard shared.pointee.tensor == nil else { return }
    do throws(PythonException) {
      let name = try "torch".python()
      guard let found = PyImport_GetModule(name.pointer) else {
        PyErr_Clear()
        return
      }
      let torch = try OwnedObject(found)
      let tensor = try torch.attribute("Tensor")
      guard py_is_instance(object, tensor.pointer) else { return }
      let export = try torch.attribute("_C").attribute("_to_dlpack")
      _ = try OwnedObject(PyObject_GetAttr(object, InternedName.isNegated))
      _ = try OwnedObject(PyObject_GetAttr(object, InternedName.isConjugated))
      _ = try OwnedObject(PyObject_GetAttr(object, InternedName.requiresGradient))
      shared.pointee = TorchTensors(tensor: tensor.taken(), export: export.taken())
    } catch {
      // A Torch of another make: its tensors are read by the protocol.
      PyErr_Clear()
    }
  }
}
