import CPython
import LoopIR
import Syntax

/// What messages about a call, and the binding of its arguments, need to know of the function that is called.
final class Callee {
  let name: String
  let parameters: [Syntax.Function.Parameter]
  let sources: [SourceFile]
  /// The parameters' names as interned Python strings, owned.
  let parameterNames: UnsafeMutableBufferPointer<PythonPointer>
  /// The dictionaries that came as arguments.
  let dictionaries: DictionaryShapes

  /// Describes a function.
  init(
    name: String, parameters: [Syntax.Function.Parameter], sources: [SourceFile]
  ) throws(PythonException) {
    self.name = name
    self.parameters = parameters
    self.sources = sources
    dictionaries = DictionaryShapes(parameters: parameters.count)
    var names: [PythonPointer] = []
    for parameter in parameters {
      let new = try parameter.name.python().taken()
      var interned: PythonPointer? = new
      PyUnicode_InternInPlace(&interned)
      names.append(interned ?? new)
    }
    parameterNames = .allocate(capacity: names.count)
    _ = parameterNames.initialize(from: names)
  }

  deinit {
    for name in parameterNames { py_release(name) }
    parameterNames.deallocate()
  }

  /// The number of arguments that a call takes.
  var count: Int { parameterNames.count }

  // MARK: - Messages

  /// Raises a `TypeMismatchError` about an argument.
  func typeMismatch(_ place: ArgumentPlace, _ message: String) -> PythonException {
    raise(diagnostic(.type, place, message), in: sources)
  }

  /// Raises a `ValueError` about an argument.
  func wrongValue(_ place: ArgumentPlace, _ message: String) -> PythonException {
    raise(diagnostic(.value, place, message), in: sources)
  }

  private func diagnostic(
    _ category: Diagnostic.Category, _ place: ArgumentPlace, _ message: String
  ) -> Diagnostic {
    let key = place.key.map { String(describing: $0, orElse: "?") }
    return diagnostic(category, place.parameter, key: key, message)
  }

  /// A diagnostic about an argument, or about an entry of a dictionary; the message follows its name.
  func diagnostic(
    _ category: Diagnostic.Category, _ parameter: Int, key: String? = nil, _ message: String
  ) -> Diagnostic {
    guard parameters.indices.contains(parameter) else {
      return Diagnostic(.bug, "no parameter \(parameter): \(message)", at: [])
    }
    let span = parameters[parameter].span
    let spans = span.line > 0 ? [span] : []
    return Diagnostic(
      category, "argument '\(self.name(of: parameter, key: key))'\(message)", at: spans)
  }

  /// A parameter's name, or that of an entry of the dictionary passed for it: `d["key"]`.
  func name(of parameter: Int, key: String?) -> String {
    guard parameters.indices.contains(parameter) else { return "?" }
    let name = parameters[parameter].name
    return key.map { CallSignature.Entry.name($0, of: name) } ?? name
  }

  /// Raises a `TypeMismatchError` about the call as a whole.
  func wrongCall(_ message: String, help: String? = nil) -> PythonException {
    let takes =
      parameters.isEmpty
      ? "it takes none" : "it takes \(parameters.map(\.name).joined(separator: ", "))"
    let spans = parameters.first.map { $0.span.line > 0 ? [$0.span] : [] } ?? []
    return raise(
      Diagnostic(
        .type, "\(name)() \(message): \(takes), and the keyword opts.", at: spans, help: help),
      in: sources)
  }

  // MARK: - Options among the arguments

  /// Whether an object says how to compile: options, a schedule, or a dictionary of schedules.
  static func isOptions(_ object: PythonPointer) throws(PythonException) -> Bool {
    if py_is_dict(object) {
      let values = try OwnedObject(PyDict_Values(object))
      var isSchedule = false
      try values.pointer.forEachItem { value throws(PythonException) in
        if try value.optionalAttribute(InternedNames.shared.packed) != nil { isSchedule = true }
      }
      return isSchedule
    }
    for name in [InternedNames.shared.token, InternedNames.shared.packed] {
      if try object.optionalAttribute(name) != nil { return true }
    }
    return false
  }
}
