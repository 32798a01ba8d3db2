import CPython

/// A Python object, borrowed unless said otherwise.
typealias PythonPointer = UnsafeMutablePointer<PyObject>

/// Says that a Python exception is set in this thread.
struct PythonException: Error {}

/// A reference that its scope owns.
struct OwnedObject: ~Copyable {
  let pointer: PythonPointer

  /// Takes over a new reference; nil says that a Python exception is set.
  init(_ new: PythonPointer?) throws(PythonException) {
    guard let new else { throw PythonException() }
    pointer = new
  }

  /// Takes a reference of its own to a borrowed object.
  init(retaining borrowed: PythonPointer) {
    py_retain(borrowed)
    pointer = borrowed
  }

  deinit { py_release(pointer) }

  /// Hands the reference to the caller, who must release it.
  consuming func taken() -> PythonPointer {
    let pointer = pointer
    discard self
    return pointer
  }

  /// The attribute of that name.
  func attribute(_ name: String) throws(PythonException) -> OwnedObject {
    try pointer.attribute(name)
  }
}

extension PythonPointer {
  /// The attribute of that name.
  func attribute(_ name: String) throws(PythonException) -> OwnedObject {
    try OwnedObject(PyObject_GetAttrString(self, name))
  }

  /// The attribute of that name, or nil where there is none; other exceptions go on.
  func optionalAttribute(_ name: PythonPointer) throws(PythonException) -> OwnedObject? {
    if let found = PyObject_GetAttr(self, name) { return try OwnedObject(found) }
    try forgetException(py_attribute_error())
    return nil
  }

  /// The name of the object's class.
  var className: String {
    guard let name = PyObject_GetAttrString(py_type_object(self), "__name__") else {
      PyErr_Clear()
      return "object"
    }
    defer { py_release(name) }
    guard let text = try? String(python: name) else {
      PyErr_Clear()
      return "object"
    }
    return text
  }

  /// "a list", "an ndarray": the object's class with its article.
  var description: String {
    if self == py_none() { return "None" }
    let name = className
    let vowels: Set<Character> = ["a", "e", "i", "o", "u", "A", "E", "I", "O", "U"]
    return (name.first.map(vowels.contains) == true ? "an " : "a ") + name
  }

  /// Calls the object with positional arguments.
  func call(_ arguments: PythonPointer?...) throws(PythonException) -> OwnedObject {
    let tuple = try OwnedObject(PyTuple_New(arguments.count))
    for (index, argument) in arguments.enumerated() {
      let argument = argument ?? py_none()
      py_retain(argument)
      if PyTuple_SetItem(tuple.pointer, index, argument) != 0 { throw PythonException() }
    }
    return try OwnedObject(PyObject_Call(self, tuple.pointer, nil))
  }

  /// The items of a tuple or list, as many as there are when asked.
  func forEachItem(_ visit: (PythonPointer) throws(PythonException) -> Void) throws(PythonException)
  {
    var index = 0
    while true {
      let size = py_is_list(self) ? PyList_Size(self) : PyTuple_Size(self)
      if size < 0 { throw PythonException() }
      if index >= size { return }
      guard let item = py_is_list(self) ? PyList_GetItem(self, index) : PyTuple_GetItem(self, index)
      else { throw PythonException() }
      let held = OwnedObject(retaining: item)
      try visit(held.pointer)
      index += 1
    }
  }

  /// The strings of a tuple or list.
  func strings() throws(PythonException) -> Set<String> {
    var result: Set<String> = []
    try forEachItem { (item) throws(PythonException) in result.insert(try String(python: item)) }
    return result
  }

  /// The strings that a tuple holds, in order.
  func texts() throws(PythonException) -> [String] {
    var result: [String] = []
    try forEachItem { (item) throws(PythonException) in result.append(try String(python: item)) }
    return result
  }

  /// The value of an integer object; raises what Python raises where it is none or does not fit.
  func integer() throws(PythonException) -> Int {
    let value = PyLong_AsLongLong(self)
    if value == -1, PyErr_Occurred() != nil { throw PythonException() }
    return Int(truncatingIfNeeded: value)
  }
}

extension String {
  /// The text of a Python string.
  init(python object: PythonPointer) throws(PythonException) {
    var size = 0
    guard let bytes = PyUnicode_AsUTF8AndSize(object, &size) else { throw PythonException() }
    let buffer = UnsafeRawBufferPointer(start: bytes, count: size)
    self = String(decoding: buffer, as: UTF8.self)
  }

  /// What `str(object)` gives, or a placeholder where that raises.
  init(describing object: PythonPointer, orElse placeholder: String) {
    self = placeholder
    do throws(PythonException) {
      let text = try OwnedObject(PyObject_Str(object))
      self = try String(python: text.pointer)
    } catch {
      PyErr_Clear()
    }
  }

  /// What `repr(object)` gives, or a placeholder where that raises.
  init(representing object: PythonPointer, orElse placeholder: String) {
    self = placeholder
    do throws(PythonException) {
      let text = try OwnedObject(PyObject_Repr(object))
      self = try String(python: text.pointer)
    } catch {
      PyErr_Clear()
    }
  }

  /// A new Python string.
  func python() throws(PythonException) -> OwnedObject {
    var copy = self
    let new = copy.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) {
        PyUnicode_FromStringAndSize($0.baseAddress, $0.count)
      }
    }
    return try OwnedObject(new)
  }
}

/// Clears the exception that is set where it is of the given class; otherwise it goes on.
func forgetException(_ type: PythonPointer?) throws(PythonException) {
  guard PyErr_ExceptionMatches(type) != 0 else { throw PythonException() }
  PyErr_Clear()
}

/// Clears the exception that is set, and gives its text.
func takenExceptionText() -> String {
  var (type, value, traceback): (PythonPointer?, PythonPointer?, PythonPointer?) = (nil, nil, nil)
  PyErr_Fetch(&type, &value, &traceback)
  PyErr_NormalizeException(&type, &value, &traceback)
  let text = value.map { String(describing: $0, orElse: "?") } ?? "?"
  for object in [type, value, traceback] { object.map { py_release($0) } }
  return text
}

/// Sets an exception of the given class with a message.
func raise(_ type: PythonPointer?, _ message: String) -> PythonException {
  PyErr_SetString(type, message)
  return PythonException()
}

/// Strings that attribute look-ups use again and again, made once.
struct InternedNames {
  let token = Self.name("_token")
  let parallelize = Self.name("parallelize")
  let packed = Self.name("_packed")
  let options = Self.name("opts")
  let cellContents = Self.name("cell_contents")
  let arrayInterface = Self.name("__array_interface__")
  let cudaArrayInterface = Self.name("__cuda_array_interface__")
  let array = Self.name("_array")
  let description = Self.name("_description")
  let requiresGradient = Self.name("requires_grad")
  let data = Self.name("data")
  let address = Self.name("ptr")
  let shape = Self.name("shape")
  let strides = Self.name("strides")
  let dtype = Self.name("dtype")
  let isContiguous = Self.name("_c_contiguous")
  let dlpack = Self.name("__dlpack__")
  let dlpackDevice = Self.name("__dlpack_device__")

  private nonisolated(unsafe) static var place: UnsafeMutablePointer<InternedNames>?

  /// The strings of the process.
  static var shared: InternedNames {
    @inline(__always) get {
      if let place { return place.pointee }
      return make()
    }
  }

  @inline(never)
  private static func make() -> InternedNames {
    let made = UnsafeMutablePointer.kept(InternedNames())
    place = made
    return made.pointee
  }

  /// An immortal string; None in the one case, no memory at start, where Python cannot make it.
  private static func name(_ text: String) -> PythonPointer {
    guard let name = PyUnicode_InternFromString(text) else {
      PyErr_Clear()
      return py_none()
    }
    return name
  }
}
