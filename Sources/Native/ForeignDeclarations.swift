import CPython
import LoopIR
import Lowering
import Syntax

/// Reads what `@parpy.external` and `@parpy.callback` made of a function.
struct ForeignDeclarations {
  private let object: PythonPointer

  /// A reader of an object.
  init(of object: PythonPointer) { self.object = object }

  /// The declarations of an external function, one for each backend.
  func externals() throws(PythonException) -> ResolvedName {
    let name = try object.attribute("__name__")
    let declarations = try object.attribute("_declarations")
    let text = try String(python: name.pointer)
    var found: [ForeignFunction] = []
    try declarations.pointer.forEachItem { declaration throws(PythonException) in
      let backend = try Self.text(declaration, "backend")
      guard let intrinsic = Self.backend(backend) else { return }
      found.append(
        ForeignFunction(
          text, .external(try Self.external(declaration), backend: intrinsic),
          try Self.parameters(declaration), try Self.result(declaration)))
    }
    return .foreign(name: text, found)
  }

  /// The declaration of a callback that has the given position among those of the compilation.
  func callback(position: Int) throws(PythonException) -> ResolvedName {
    let name = try object.attribute("__name__")
    let declaration = try object.attribute("_declaration")
    let text = try String(python: name.pointer)
    let function = ForeignFunction(
      text, .callback(position: position), try Self.parameters(declaration.pointer),
      try Self.result(declaration.pointer))
    return .foreign(name: text, [function])
  }

  private static func backend(_ name: String) -> Intrinsic? {
    switch name {
    case "Cpu": .backendCpu
    case "Cuda": .backendCuda
    case "Metal": .backendMetal
    default: nil
    }
  }

  private static func external(
    _ declaration: PythonPointer
  ) throws(PythonException) -> ExternalFunction {
    let isDevice = try declaration.attribute("is_device")
    let header = try text(declaration, "header")
    let threads = try declaration.attribute("threads")
    let threadsPerBlock = try declaration.attribute("threads_per_block")
    return ExternalFunction(
      try text(declaration, "symbol"), isDevice: py_is_true(isDevice.pointer),
      header: header.isEmpty ? nil : header, threads: try threads.pointer.integer(),
      threadsPerBlock: try threadsPerBlock.pointer.integer())
  }

  private static func text(
    _ declaration: PythonPointer, _ name: String
  ) throws(PythonException) -> String {
    let value = try declaration.attribute(name)
    return try String(python: value.pointer)
  }

  private static func parameters(
    _ declaration: PythonPointer
  ) throws(PythonException) -> [ForeignFunction.Parameter] {
    let parameters = try declaration.attribute("parameters")
    var found: [ForeignFunction.Parameter] = []
    try parameters.pointer.forEachItem { parameter throws(PythonException) in
      let annotation = try text(parameter, "annotation")
      found.append(
        ForeignFunction.Parameter(try text(parameter, "name"), Annotation(annotation)))
    }
    return found
  }

  private static func result(
    _ declaration: PythonPointer
  ) throws(PythonException) -> ForeignFunction.Result? {
    let isWeak = try declaration.attribute("is_weak")
    let type = ScalarType(name: try text(declaration, "result"))
    return type.map { ForeignFunction.Result($0, isWeak: py_is_true(isWeak.pointer)) }
  }
}
