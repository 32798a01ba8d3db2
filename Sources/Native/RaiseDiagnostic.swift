import CPython
import Syntax

/// Sets the Python exception that stands for the diagnostics of an error.
///
/// The first decides class and place; the texts of all are in the message.
func raise(_ error: DiagnosticError, in sources: [SourceFile]) -> PythonException {
  guard let first = error.diagnostics.first else {
    return raise(Diagnostic(.bug, "an error without a message", at: []), in: sources)
  }
  var message = first.rendered(with: sources)
  for other in error.diagnostics.withoutRepetitions.dropFirst() {
    message += "\n\n" + other.rendered(with: sources)
  }
  return raise(first, message, in: sources)
}

/// Sets the Python exception that stands for the diagnostic.
func raise(_ diagnostic: Diagnostic, in sources: [SourceFile]) -> PythonException {
  raise(diagnostic, diagnostic.rendered(with: sources), in: sources)
}

/// Emits the diagnostic as a Python warning; throws where the user's filters make it an exception.
func warn(_ diagnostic: Diagnostic, in sources: [SourceFile]) throws(PythonException) {
  let span = diagnostic.spans.first ?? .none
  let message = try diagnostic.rendered(with: sources).python()
  let file = try fileName(of: span, in: sources).python()
  let line = try OwnedObject(PyLong_FromLong(Int(span.line)))
  _ = try Hooks.current().warn.call(message.pointer, file.pointer, line.pointer)
}

/// Sets the exception for `diagnostic` with the whole text.
private func raise(
  _ diagnostic: Diagnostic, _ text: String, in sources: [SourceFile]
) -> PythonException {
  do {
    let hooks = try Hooks.current()
    let span = diagnostic.spans.first ?? .none
    switch diagnostic.category {
    case .program: try setPlaced(hooks.compileError, text, span, sources)
    case .type: try setPlaced(hooks.typeMismatchError, text, span, sources)
    case .bug: try setPlaced(hooks.internalCompilerError, text, span, sources)
    case .name: try setBuiltin(py_name_error(), text, span, sources)
    case .index: try setBuiltin(py_index_error(), text, span, sources)
    case .value: try setBuiltin(py_value_error(), text, span, sources)
    case .overflow: try setBuiltin(py_overflow_error(), text, span, sources)
    }
  } catch {
    // An exception is set already: the one that stopped ours.
  }
  return PythonException()
}

/// The four values that say where: file name, line, column, last line; None where there is no place.
private func place(
  _ span: Span, _ sources: [SourceFile]
) throws(PythonException) -> OwnedObject {
  let tuple = try OwnedObject(PyTuple_New(4))
  let file = span.line > 0 ? try fileName(of: span, in: sources).python().taken() : noneReference()
  PyTuple_SetItem(tuple.pointer, 0, file)
  for (index, number) in [span.line, span.column, span.endLine].enumerated() {
    let value = span.line > 0 ? PyLong_FromLong(Int(number)) : noneReference()
    PyTuple_SetItem(tuple.pointer, index + 1, value)
  }
  return tuple
}

/// A new reference to None.
private func noneReference() -> PythonPointer {
  py_retain(py_none())
  return py_none()
}

/// The name of the file that a span lies in.
private func fileName(of span: Span, in sources: [SourceFile]) -> String {
  let index = Int(span.source)
  return sources.indices.contains(index) ? sources[index].name : "<unknown>"
}

/// Sets an exception of a class of ours, which takes the place with the message.
private func setPlaced(
  _ type: PythonPointer, _ text: String, _ span: Span, _ sources: [SourceFile]
) throws(PythonException) {
  let place = try place(span, sources)
  let message = try text.python()
  let exception = try type.call(
    message.pointer, PyTuple_GetItem(place.pointer, 0), PyTuple_GetItem(place.pointer, 1),
    PyTuple_GetItem(place.pointer, 2), PyTuple_GetItem(place.pointer, 3))
  PyErr_SetObject(py_type_object(exception.pointer), exception.pointer)
}

/// Sets an exception of a class of Python's, with the place as attributes.
private func setBuiltin(
  _ type: PythonPointer?, _ text: String, _ span: Span, _ sources: [SourceFile]
) throws(PythonException) {
  guard let type else { throw raise(py_runtime_error(), text) }
  let place = try place(span, sources)
  let message = try text.python()
  let exception = try type.call(message.pointer)
  for (index, name) in ["filename", "lineno", "col_offset", "end_lineno"].enumerated() {
    let value = PyTuple_GetItem(place.pointer, index)
    guard PyObject_SetAttrString(exception.pointer, name, value) == 0 else {
      throw PythonException()
    }
  }
  PyErr_SetObject(type, exception.pointer)
}
