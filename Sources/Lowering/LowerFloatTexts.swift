import LoopIR
import Syntax

extension Lowerer {
  /// The argument of a conversion to a float; `'inf'` and `'nan'` too, which have no literals.
  func floatArgument(_ argument: Syntax.Expression) throws -> Value {
    guard case .string(let text) = argument.kind else { return try value(argument) }
    guard let number = Double(nonFinite: text) else {
      throw reject(
        .unsupported(
          "a string", at: argument.span, help: "write a number, or one of 'inf', '-inf' and 'nan'"))
    }
    return .scalar(written(.float(number, .float64, at: argument.span)))
  }
}

extension Double {
  /// The infinity or NaN that Python's `float` makes of a text; nil of any other.
  fileprivate init?(nonFinite text: String) {
    let isNegative = text.hasPrefix("-")
    let isSigned = isNegative || text.hasPrefix("+")
    switch text.dropFirst(isSigned ? 1 : 0).lowercased() {
    case "inf", "infinity": self = isNegative ? -.infinity : .infinity
    case "nan": self = .nan
    default: return nil
    }
  }
}
