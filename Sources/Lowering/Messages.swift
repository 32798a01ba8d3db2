import LoopIR
import Syntax

/// The messages of this stage, in one place.
extension Diagnostic {
  static func unknownName(
    _ name: String, parameters: [String], of function: String, at span: Span
  ) -> Diagnostic {
    let quoted = parameters.map { "'\($0)'" }
    let list =
      quoted.count < 2
      ? quoted.joined() : quoted.dropLast().joined(separator: ", ") + " and " + (quoted.last ?? "")
    let help: String? =
      parameters.isEmpty
      ? nil
      : "\(list) \(parameters.count == 1 ? "is a parameter" : "are parameters") of \(function)"
    return Diagnostic(.name, "name '\(name)' is not defined", at: span, help: help)
  }

  static func unknownFunction(_ name: String, at span: Span) -> Diagnostic {
    Diagnostic(
      .program, "Call to unknown function \(name)", at: span,
      help:
        "call functions decorated with @parpy.jit, or those of parpy.operators, parpy.math, math and numpy"
    )
  }

  static func unsupported(_ what: String, at span: Span, help: String? = nil) -> Diagnostic {
    Diagnostic(.program, "\(what) is not supported", at: span, help: help)
  }

  static func noResult(_ name: String, at span: Span) -> Diagnostic {
    Diagnostic(
      .type, "\(name) returns no value", at: span,
      help: "call it as a statement, or end it in return")
  }

  static func inlineNeedsCall(at span: Span) -> Diagnostic {
    Diagnostic(
      .program, "parpy.builtin.inline takes a call of a decorated function", at: span,
      help: "write parpy.builtin.inline(f(x))")
  }

  static func endedTemporary(_ name: String, _ made: Span, at span: Span) -> Diagnostic {
    Diagnostic(
      .program, "the temporary array '\(name)' ends with the block that makes it",
      at: [span, made],
      help: "make it before the block, or use it inside")
  }

  static func wrongArgumentCount(
    _ name: String, _ parameters: [String], _ count: Int, at span: Span
  ) -> Diagnostic {
    Diagnostic(
      .type,
      "\(name) takes \(parameters.count) argument\(parameters.count == 1 ? "" : "s") (\(parameters.joined(separator: ", "))), \(count) \(count == 1 ? "was" : "were") given",
      at: span)
  }

  static func labelsNothing(_ name: String, at span: Span) -> Diagnostic {
    Diagnostic(
      .program,
      "label '\(name)' names nothing that can run in parallel: the statement has too few slice dimensions and reductions",
      at: span, help: "labels name for loops, slice assignments and reductions")
  }

  static func unboundVariable(_ name: String, _ kind: String, at span: Span) -> Diagnostic {
    Diagnostic(
      .program, "the \(kind) variable '\(name)' stands in no annotation of the function", at: span,
      help: "annotate a parameter with it: x: parpy.types.buffer(…)")
  }

  static func bareReturn(at span: Span) -> Diagnostic {
    Diagnostic(.program, "return without a value is not supported", at: span)
  }

  static func exitFromParallelLoop(
    _ exit: Syntax.Statement.Exit, _ label: Span?
  ) -> Diagnostic {
    Diagnostic(
      .program,
      "break and return cannot leave a parallel loop: its iterations run at the same time",
      at: [exit.span] + (label.map { [$0] } ?? []),
      help: "leave the label out of the schedule, or let the iterations skip their work with an if")
  }

  static func shapesDoNotBroadcast(
    _ left: [LoopIR.Expression], _ right: [LoopIR.Expression], at span: Span
  ) -> Diagnostic {
    Diagnostic(
      .type, "shapes \(describe(left)) and \(describe(right)) do not broadcast together", at: span)
  }

  /// A shape as Python prints a tuple; extents that are not known print as `?`.
  static func describe(_ shape: [LoopIR.Expression]) -> String {
    let extents = shape.map { $0.integerLiteral.map(String.init) ?? "?" }
    return "(" + extents.joined(separator: ", ") + (shape.count == 1 ? ",)" : ")")
  }

  static func badStore(_ from: ScalarType, into to: ScalarType, at span: Span) -> Diagnostic {
    Diagnostic(
      .type, "a value of type \(from) cannot be stored in an array of \(to) without a conversion",
      at: span, help: "convert it: parpy.operators.\(to)(…)")
  }

  static func arrayAsScalar(at span: Span) -> Diagnostic {
    Diagnostic(
      .type, "an array stands where a scalar is needed", at: span,
      help: "index it, reduce it with parpy.operators.sum, or assign it to a slice")
  }

  static func sliceAsLocal(_ name: String, at span: Span) -> Diagnostic {
    Diagnostic(
      .program,
      "'\(name)' cannot name a slice: a slice expression never becomes an array of its own",
      at: span, help: "write into a slice of an argument, such as \(name)[:] = …")
  }

  static func arrayAsResult(_ function: String, at span: Span) -> Diagnostic {
    Diagnostic(
      .program,
      "\(function) cannot return an array: functions return scalars and tuples of scalars",
      at: span, help: "pass an array to write the result into")
  }

  static func wrongType(_ op: String, _ left: ScalarType, _ right: ScalarType, at span: Span)
    -> Diagnostic
  {
    Diagnostic(.type, "operator \(op) is not defined for \(left) and \(right)", at: span)
  }
}

/// Throws a diagnostic about a wrong program.
func reject(_ diagnostic: Diagnostic) -> DiagnosticError { DiagnosticError(diagnostic) }
