import CPython
import LoopIR
import Lowering
import Syntax

/// What every free name and path of a function, and of the decorated functions it may call, stood for when the call came: a
/// value, so that the compiler needs neither Python nor its lock.
struct PythonNames: NameResolver, Sendable {
  /// The names of each function; the entry's first.
  private var tables: [[[String]: ResolvedName]] = []
  /// The functions; the spans of each lie in the source of the same position.
  private var functions: [Syntax.Function] = []
  /// The sources of the functions.
  private(set) var sources: [SourceFile] = []
  /// The shape variables that are bounds of loops, and so their labels.
  private(set) var shapeNames: [String] = []
  /// The callbacks that names stand for, by the positions that the compiler knows them by.
  private(set) var callbacks: [HeldCallback] = []
  /// The function whose names are resolved.
  private var current = 0

  func resolve(_ path: [String]) -> ResolvedName {
    tables.indices.contains(current)
      ? tables[current][path] ?? .missing(known: []) : .missing(known: [])
  }

  func function(_ id: FunctionID) -> DecoratedFunction? {
    guard functions.indices.contains(id.index) else { return nil }
    var names = self
    names.current = id.index
    return DecoratedFunction(functions[id.index], names: names)
  }

  func fileName(ofSource source: Int32) -> String? {
    let index = Int(source)
    return sources.indices.contains(index) ? sources[index].name : nil
  }

  /// Looks up every name and path of the entry, and of each decorated function that one of them stands for.
  ///
  /// Paths that end in anything but what is fixed once and for all are watched from now on.
  /// - Returns: the functions found, the entry first, and whether more paths are watched now than before, so that the
  ///   key has to be made anew.
  mutating func lookUp(
    from entry: FunctionState
  ) throws(PythonException) -> (states: [FunctionState], watchesMore: Bool) {
    var states = [entry]
    var watchesMore = false
    var index = 0
    while index < states.count {
      let state = states[index]
      let source = Int32(truncatingIfNeeded: index)
      functions.append(index == 0 ? state.syntax : state.syntax.relocated(to: source))
      sources += state.callee.sources
      tables.append([:])
      watchesMore = try lookUp(in: state.scope, index, &states) || watchesMore
      shapeNames += state.syntax.rangeNames.filter { name in
        if case .shapeVariable? = tables[index][[name]] { true } else { false }
      }
      index += 1
    }
    return (states, watchesMore)
  }

  private mutating func lookUp(
    in scope: Scope, _ index: Int, _ states: inout [FunctionState]
  ) throws(PythonException) -> Bool {
    var table: [[String]: ResolvedName] = [:]
    defer { tables[index] = table }
    var objects: [[String]: Retained] = [:]
    for name in scope.names.roots {
      guard let object = try scope.object(ofRoot: name) else {
        table[[name]] = .missing(known: try scope.namesInScope())
        continue
      }
      table[[name]] = try meaning(of: object.pointer, &states)
      objects[[name]] = Retained(object.taken())
    }
    var watchesMore = false
    for path in scope.names.paths {
      guard let name = path.last, let base = objects[Array(path.dropLast())] else { continue }
      guard py_is_module(base.pointer) || py_is_class(base.pointer) else {
        table[path] = .unsupported("an attribute of \(base.pointer.description)")
        continue
      }
      let key = try name.python()
      guard let object = try base.pointer.optionalAttribute(key.pointer) else {
        table[path] = .missing(known: try Self.attributes(of: base.pointer))
        watchesMore = try scope.watch(path) || watchesMore
        continue
      }
      let meaning = try meaning(of: object.pointer, &states)
      table[path] = meaning
      if !Self.isFixed(meaning, object.pointer) {
        watchesMore = try scope.watch(path) || watchesMore
      }
      objects[path] = Retained(object.taken())
    }
    return watchesMore
  }

  /// A reference in a table.
  private final class Retained {
    let pointer: PythonPointer

    init(_ owned: PythonPointer) { pointer = owned }

    deinit { py_release(pointer) }
  }

  /// Whether the attribute of a module is taken to stay what it is.
  private static func isFixed(_ meaning: ResolvedName, _ object: PythonPointer) -> Bool {
    switch meaning {
    case .intrinsic, .scalarType: true
    case .unsupported: py_is_module(object) || py_is_class(object)
    case .integer, .float, .bool, .typedScalar, .complex, .function, .foreign, .missing,
      .shapeVariable, .typeVariable:
      false
    }
  }

  /// What an object means to the compiler.
  private mutating func meaning(
    of object: PythonPointer, _ states: inout [FunctionState]
  ) throws(PythonException) -> ResolvedName {
    if py_is_bool(object) { return .bool(py_is_true(object)) }
    if let scalar = NumPyTypes.shared.pointee.scalar, py_is_instance(object, scalar) {
      if let (type, bits) = try NumPyScalar.read(object) {
        guard let imaginary = bits.imaginary else { return .typedScalar(type, bits: bits.value) }
        return .complex(
          type, isWeak: false, real: Double(bitPattern: UInt64(bitPattern: bits.value)),
          imaginary: Double(bitPattern: UInt64(bitPattern: imaginary)))
      }
      return .unsupported(object.description)
    }
    if py_is_int(object) {
      var overflow: Int32 = 0
      let value = PyLong_AsLongLongAndOverflow(object, &overflow)
      return overflow == 0 ? .integer(value) : .unsupported("an integer of more than 64 bits")
    }
    if py_is_float(object) { return .float(PyFloat_AsDouble(object)) }
    if py_is_complex(object) {
      return .complex(
        .complex128, isWeak: true, real: PyComplex_RealAsDouble(object),
        imaginary: PyComplex_ImagAsDouble(object))
    }
    if py_is_native_function(object), let state = FunctionState.of(function: object) {
      let known = states.firstIndex { $0 === state }
      if known == nil { states.append(state) }
      return .function(name: state.callee.name, FunctionID(known ?? states.count - 1))
    }
    let hooks = try Hooks.current()
    if let name = try hooks.name(of: object, in: hooks.intrinsics),
      let intrinsic = Intrinsic(rawValue: name)
    {
      return .intrinsic(intrinsic)
    }
    if py_is_instance(object, hooks.shapeVariable) {
      return .shapeVariable(UInt64(UInt(bitPattern: object)))
    }
    if py_is_instance(object, hooks.typeVariable) {
      return .typeVariable(UInt64(UInt(bitPattern: object)))
    }
    if let name = try hooks.name(of: object, in: hooks.dtypes) {
      return ScalarType(name: name).map { .scalarType($0) } ?? .unsupported("the type \(name)")
    }
    if py_is_instance(object, hooks.external) {
      return try ForeignDeclarations(of: object).externals()
    }
    if py_is_instance(object, hooks.callback) {
      let known = callbacks.firstIndex { $0.pointer == object }
      if known == nil { callbacks.append(HeldCallback(OwnedObject(retaining: object))) }
      return try ForeignDeclarations(of: object).callback(position: known ?? callbacks.count - 1)
    }
    if py_is_class(object), try Self.isBfloat16(object) { return .scalarType(.bfloat16) }
    return .unsupported(try Self.isArray(object) ? "an array" : object.description)
  }

  /// Whether calls can take an object as an array; its class tells, so that no code of it runs.
  private static func isArray(_ object: PythonPointer) throws(PythonException) -> Bool {
    let names = InternedNames.shared
    for name in [names.arrayInterface, names.cudaArrayInterface, names.dlpack] {
      if try py_type_object(object).optionalAttribute(name) != nil { return true }
    }
    return false
  }

  /// Whether a class is the scalar type of `ml_dtypes`, which may be imported at any time.
  private static func isBfloat16(_ type: PythonPointer) throws(PythonException) -> Bool {
    guard let scalar = NumPyTypes.shared.pointee.scalar else { return false }
    let answer = PyObject_IsSubclass(type, scalar)
    if answer < 0 { try forgetException(py_exception()) }
    guard answer == 1 else { return false }
    let name = try type.attribute("__name__")
    guard py_is_string(name.pointer) else { return false }
    return try String(python: name.pointer) == "bfloat16"
  }

  /// The names of an object's attributes.
  private static func attributes(of object: PythonPointer) throws(PythonException) -> [String] {
    let list = try OwnedObject(PyObject_Dir(object))
    var names: [String] = []
    try list.pointer.forEachItem { name throws(PythonException) in
      if py_is_string(name) { names.append(try String(python: name)) }
    }
    return names
  }
}
