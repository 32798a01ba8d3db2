import CPython
import Syntax

/// The enclosing scopes of a decorated function: where its free names are looked up, at each call, as Python would.
final class Scope {
  /// A free name.
  private struct Root {
    let name: PythonPointer
    /// The cell of an enclosing function's variable; nil for globals and builtins.
    let cell: PythonPointer?
  }

  /// A dotted path whose value, not only whose first name, is part of the key.
  private struct Watched {
    let root: Root
    let attributes: [PythonPointer]
  }

  /// How a looked-up object enters the key.
  private enum Kind: UInt64 {
    case identity, integer, float, missing
  }

  let names: FreeNames
  private let roots: UnsafeMutableBufferPointer<Root>
  private let globals: PythonPointer
  private let builtins: PythonPointer
  private let closure: PythonPointer
  private var cellNames: [String] = []
  private var watched: [Watched] = []
  private var watchedPaths: Set<[String]> = []
  /// Whether there is any watched path; at a fixed address, for the hot path.
  private let watchesPaths: UnsafeMutablePointer<Bool>

  /// The scopes of the Python function that has the free names.
  init(of function: PythonPointer, names: FreeNames) throws(PythonException) {
    self.names = names
    let globals = try function.attribute("__globals__")
    let builtins = try function.attribute("__builtins__")
    let closure = try function.attribute("__closure__")
    let code = try function.attribute("__code__")
    let freeNames = try code.attribute("co_freevars")
    guard py_is_dict(globals.pointer), py_is_dict(builtins.pointer) else {
      throw raise(py_type_error(), "the scopes of the function are not dictionaries")
    }
    var cells: [String: PythonPointer] = [:]
    var index = 0
    try freeNames.pointer.forEachItem { name throws(PythonException) in
      let cell = py_is_tuple(closure.pointer) ? PyTuple_GetItem(closure.pointer, index) : nil
      cells[try String(python: name)] = cell
      index += 1
    }
    var found: [Root] = []
    for name in names.roots {
      let new = try name.python().taken()
      var interned: PythonPointer? = new
      PyUnicode_InternInPlace(&interned)
      found.append(Root(name: interned ?? new, cell: cells[name]))
    }
    roots = .allocate(capacity: found.count)
    _ = roots.initialize(from: found)
    self.globals = globals.taken()
    self.builtins = builtins.taken()
    self.closure = closure.taken()
    watchesPaths = .allocate(capacity: 1)
    watchesPaths.initialize(to: false)
    cellNames = cells.keys.sorted()
  }

  deinit {
    for root in roots { py_release(root.name) }
    roots.deallocate()
    for path in watched { path.attributes.forEach { py_release($0) } }
    py_release(globals)
    py_release(builtins)
    py_release(closure)
    watchesPaths.deallocate()
  }

  /// The most names whose words a key may hold.
  var capacity: Int { names.roots.count + names.paths.count }

  /// The objects that the scope owns, for the garbage collector.
  var referents: [PythonPointer] { [globals, builtins, closure] }

  // MARK: - The key

  /// Adds what every free name stands for now to the frame: two words each.
  @inline(__always)
  func append(to frame: CallFrame.Reference) throws(PythonException) {
    if watchesPaths.pointee {
      for path in watched { try append(path, to: frame) }
    }
    for root in roots { append(try object(of: root), to: frame) }
  }

  /// Adds the number of an environment, in the form of a name's two words.
  @inline(__always)
  static func append(serial: UInt64, to frame: CallFrame.Reference) {
    frame.pointee.append(type: Kind.integer.rawValue)
    frame.pointee.append(type: serial)
  }

  /// New references to the objects whose identity is in the words of `frame`, read just now.
  static func identities(in frame: CallFrame.Reference) -> [PythonPointer] {
    var objects: [PythonPointer] = []
    for index in stride(from: frame.pointee.scopeTypes, to: frame.pointee.typeCount, by: 2) {
      guard frame.pointee.types[index] == Kind.identity.rawValue,
        let object = PythonPointer(bitPattern: UInt(frame.pointee.types[index + 1]))
      else { continue }
      py_retain(object)
      objects.append(object)
    }
    return objects
  }

  @inline(__always)
  private func append(_ object: PythonPointer?, to frame: CallFrame.Reference) {
    var kind = Kind.identity
    var bits = UInt64(UInt(bitPattern: object))
    if let object {
      if py_is_exact_int(object) {
        var overflow: Int32 = 0
        let value = PyLong_AsLongLongAndOverflow(object, &overflow)
        if overflow == 0 {
          kind = .integer
          bits = UInt64(bitPattern: value)
        }
      } else if py_is_exact_float(object) {
        kind = .float
        bits = PyFloat_AsDouble(object).bitPattern
      }
    } else {
      kind = .missing
    }
    frame.pointee.append(type: kind.rawValue)
    frame.pointee.append(type: bits)
  }

  /// Adds what a watched path stands for; its object lives on until the call is over.
  private func append(
    _ path: Watched, to frame: CallFrame.Reference
  ) throws(PythonException) {
    guard let root = try object(of: path.root) else { return append(nil, to: frame) }
    var object = OwnedObject(retaining: root)
    for attribute in path.attributes {
      guard let next = try object.pointer.optionalAttribute(attribute) else {
        return append(nil, to: frame)
      }
      object = next
    }
    append(object.pointer, to: frame)
    frame.pointee.keep(object)
  }

  /// What a root stands for, borrowed from its scope; nil where there is no such name.
  @inline(__always)
  private func object(of root: Root) throws(PythonException) -> PythonPointer? {
    if let cell = root.cell {
      guard let value = PyObject_GetAttr(cell, InternedNames.shared.cellContents) else {
        // An empty cell: the enclosing function has not assigned the variable yet.
        try forgetException(py_value_error())
        return nil
      }
      // The cell holds another reference.
      py_release(value)
      return value
    }
    if let value = PyDict_GetItemWithError(globals, root.name) { return value }
    if PyErr_Occurred() != nil { throw PythonException() }
    if let value = PyDict_GetItemWithError(builtins, root.name) { return value }
    if PyErr_Occurred() != nil { throw PythonException() }
    return nil
  }

  // MARK: - Look-up for the compiler

  /// What the first name of a path stands for; a new reference.
  func object(ofRoot name: String) throws(PythonException) -> OwnedObject? {
    guard let index = names.roots.firstIndex(of: name) else { return nil }
    return try object(of: roots[index]).map { OwnedObject(retaining: $0) }
  }

  /// Makes the value of a path part of the key; false where it was already.
  func watch(_ path: [String]) throws(PythonException) -> Bool {
    guard let first = path.first, let index = names.roots.firstIndex(of: first),
      watchedPaths.insert(path).inserted
    else { return false }
    var attributes: [PythonPointer] = []
    for name in path.dropFirst() { attributes.append(try name.python().taken()) }
    watched.append(Watched(root: roots[index], attributes: attributes))
    watchesPaths.pointee = true
    return true
  }

  /// Every name that a function body here could use, sorted, for suggestions: of builtins, those that the compiler knows.
  func namesInScope() throws(PythonException) -> [String] {
    var known = Set(cellNames)
    let keys = try OwnedObject(PyDict_Keys(globals))
    try keys.pointer.forEachItem { key throws(PythonException) in
      if py_is_string(key) { known.insert(try String(python: key)) }
    }
    let hooks = try Hooks.current()
    let items = try OwnedObject(PyDict_Items(builtins))
    try items.pointer.forEachItem { item throws(PythonException) in
      guard let key = PyTuple_GetItem(item, 0), py_is_string(key),
        let value = PyTuple_GetItem(item, 1), try hooks.name(of: value, in: hooks.intrinsics) != nil
      else { return }
      known.insert(try String(python: key))
    }
    return known.filter { !$0.hasPrefix("__") }.sorted()
  }
}
