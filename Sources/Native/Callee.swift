import CPython
import Syntax

/// What messages about a call, and the binding of its arguments, need to know of the function that is called.
final class Callee {
  let name: String
  let parameters: [Syntax.Function.Parameter]
  let sources: [SourceFile]
  /// The parameters' names as interned Python strings, owned.
  let parameterNames: UnsafeMutableBufferPointer<PythonPointer>

  /// Describes a function.
  init(
    name: String, parameters: [Syntax.Function.Parameter], sources: [SourceFile]
  ) throws(PythonException) {
    self.name = name
    self.parameters = parameters
    self.sources = sources
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
  func typeMismatch(_ parameter: Int, _ message: String) -> PythonException {
    raise(diagnostic(.type, parameter, message), in: sources)
  }

  /// Raises a `ValueError` about an argument.
  func wrongValue(_ parameter: Int, _ message: String) -> PythonException {
    raise(diagnostic(.value, parameter, message), in: sources)
  }

  /// A diagnostic about an argument; the message follows its name.
  func diagnostic(
    _ category: Diagnostic.Category, _ parameter: Int, _ message: String
  ) -> Diagnostic {
    guard parameters.indices.contains(parameter) else {
      return Diagnostic(.bug, "no parameter \(parameter): \(message)", at: [])
    }
    let named = parameters[parameter]
    let spans = named.span.line > 0 ? [named.span] : []
    return Diagnostic(category, "argument '\(named.name)'\(message)", at: spans)
  }

  /// Raises a `TypeMismatchError` about the call as a whole.
  func wrongCall(_ message: String) -> PythonException {
    let takes =
      parameters.isEmpty
      ? "it takes none" : "it takes \(parameters.map(\.name).joined(separator: ", "))"
    let spans = parameters.first.map { $0.span.line > 0 ? [$0.span] : [] } ?? []
    return raise(
      Diagnostic(.type, "\(name)() \(message): \(takes), and the keyword opts.", at: spans),
      in: sources)
  }
}
