import CPython
import Syntax

/// Reads CPython's syntax tree of one function into `Syntax`.
///
/// What `Syntax` has no node for becomes a diagnostic, and reading goes on behind it, so that one error shows all
/// that is to be mended.
struct ASTReader {
  /// Added to a line of the tree to give the line in the file.
  let lineOffset: Int
  /// Added to a column of the tree to give the column in the file.
  let columnOffset: Int
  let source: SourceFile
  /// What was found wrong so far.
  var diagnostics: [Diagnostic] = []
  /// How deep the reader is in nested statements and expressions.
  var depth = 0

  /// The stack that compiling the nested parts takes which are now read, and the most so far.
  var stack = StackUse()

  /// Deeper trees than this (`elif` nests, too) are refused, before any later stage runs out of stack.
  static let maximumDepth = 500
  /// How many operands an `and`, a comparison or a call may have: later stages nest them.
  static let maximumOperands = 100

  /// Reads the `ast.FunctionDef` of a function.
  ///
  /// - Throws: `PythonException` with the exception for all that `Syntax` does not cover.
  static func read(
    _ definition: PythonPointer, source: SourceFile, columnOffset: Int
  ) throws(PythonException) -> (function: Syntax.Function, stack: StackUse) {
    var reader = ASTReader(
      lineOffset: Int(source.firstLine) - 1, columnOffset: columnOffset, source: source)
    let function = try reader.readFunction(definition)
    if !reader.diagnostics.isEmpty {
      throw raise(DiagnosticError(reader.diagnostics), in: [source])
    }
    return (function, reader.stack)
  }

  private mutating func readFunction(
    _ node: PythonPointer
  ) throws(PythonException) -> Syntax.Function {
    let span = try headOfFunction(node)
    let name = try string(node, "name")
    if node.className != "FunctionDef" {
      reject("async functions are", at: span)
    }
    let arguments = try node.attribute("args")
    let parameters = try readParameters(arguments.pointer)
    let body = try readBody(of: node, "body")
    return Syntax.Function(name, parameters: parameters, body: body, at: span)
  }

  /// The line that `def` stands on, to its end.
  private func headOfFunction(_ node: PythonPointer) throws(PythonException) -> Span {
    var span = try span(of: node)
    span.endLine = span.line
    let line = source.line(span.line) ?? ""
    span.endColumn = Int32(
      clamping: line.utf8.reversed().drop { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }.count)
    return span
  }

  // MARK: - Parameters

  private mutating func readParameters(
    _ arguments: PythonPointer
  ) throws(PythonException) -> [Syntax.Function.Parameter] {
    var parameters: [Syntax.Function.Parameter] = []
    for list in ["posonlyargs", "args"] {
      for parameter in try items(arguments, list) {
        parameters.append(try readParameter(parameter.pointer))
      }
    }
    for parameter in try items(arguments, "kwonlyargs") {
      reject("keyword-only parameters are", at: try span(of: parameter.pointer))
    }
    for (field, stars) in [("vararg", "*"), ("kwarg", "**")] {
      let parameter = try arguments.attribute(field)
      if parameter.pointer == py_none() { continue }
      let name = try string(parameter.pointer, "arg")
      reject("star-parameters (\(stars)\(name)) are", at: try span(of: parameter.pointer))
    }
    for list in ["defaults", "kw_defaults"] {
      for value in try items(arguments, list) where value.pointer != py_none() {
        reject(
          "default values of parameters are", at: try span(of: value.pointer),
          help:
            "pass the value in every call, or use a constant of the module in place of the parameter"
        )
      }
    }
    return parameters
  }

  private mutating func readParameter(
    _ node: PythonPointer
  ) throws(PythonException) -> Syntax.Function.Parameter {
    let name = try string(node, "arg")
    var span = try span(of: node)
    // The span that Python gives includes the annotation.
    span.endLine = span.line
    span.endColumn = span.column + Int32(clamping: name.utf8.count)
    if name == "opts" {
      diagnostics.append(
        Diagnostic(
          .program, "A parameter cannot be called 'opts': calls pass the options under this name.",
          at: span))
    }
    return Syntax.Function.Parameter(name, at: span)
  }

  // MARK: - Diagnostics

  /// Notes that `what` ("lambdas are") is not supported.
  mutating func reject(_ what: String, at span: Span, help: String? = nil) {
    let message = what.prefix(1).uppercased() + what.dropFirst() + " not supported."
    diagnostics.append(Diagnostic(.program, message, at: span, help: help))
  }

  // MARK: - Fields of nodes

  /// Where a node stands in the file.
  func span(of node: PythonPointer) throws(PythonException) -> Span {
    Span(
      line: Int32(clamping: try integer(node, "lineno") + lineOffset),
      column: Int32(clamping: try integer(node, "col_offset") + columnOffset),
      endLine: Int32(clamping: try integer(node, "end_lineno") + lineOffset),
      endColumn: Int32(clamping: try integer(node, "end_col_offset") + columnOffset))
  }

  /// The integer in a field, cut to what can be a line or a column.
  private func integer(_ node: PythonPointer, _ field: String) throws(PythonException) -> Int {
    let value = try node.attribute(field)
    return min(max(try value.pointer.integer(), 0), 1 << 30)
  }

  /// The string in a field.
  func string(_ node: PythonPointer, _ field: String) throws(PythonException) -> String {
    let value = try node.attribute(field)
    return try String(python: value.pointer)
  }

  /// The nodes in a list field.
  func items(_ node: PythonPointer, _ field: String) throws(PythonException) -> [Held] {
    let list = try node.attribute(field)
    var nodes: [Held] = []
    try list.pointer.forEachItem { nodes.append(Held($0)) }
    return nodes
  }

  /// A node that an array keeps alive.
  final class Held {
    let pointer: PythonPointer

    init(_ borrowed: PythonPointer) {
      py_retain(borrowed)
      pointer = borrowed
    }

    deinit { py_release(pointer) }
  }
}
