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

  static func wrongType(_ op: String, _ left: ScalarType, _ right: ScalarType, at span: Span)
    -> Diagnostic
  {
    Diagnostic(.type, "operator \(op) is not defined for \(left) and \(right)", at: span)
  }
}

/// Throws a diagnostic about a wrong program.
func reject(_ diagnostic: Diagnostic) -> DiagnosticError { DiagnosticError(diagnostic) }
