import LoopIR

/// Assignments as they are written in C++.
///
///     sum = sum + x[i]     →     sum += x[i];
///     y[i] = y[i] - 1.0    →     y[i] -= 1.0;
extension FunctionEmitter {
  /// Gives a variable or an element the value of an expression of the same type.
  func assignment(of value: Expression, to target: String) -> String {
    if case .binary(let op, let left, let right) = value.kind, left.isPlace,
      let symbol = cppOperator(op, value, left, right), text(left).text == target
    {
      let (sign, term) = combined(symbol, symbol == "-" ? subtrahend(right) : text(right))
      return "\(target) \(sign)= \(term.text);"
    }
    return "\(target) = \(text(value).text);"
  }

  /// The operator of C++ that a binary operation is written with; nil where a function or a conversion stands for it.
  private func cppOperator(
    _ op: BinaryOperator, _ e: Expression, _ l: Expression, _ r: Expression
  ) -> String? {
    let type = e.type
    if type.size < 4 || type.isComplex { return nil }
    switch op {
    case .multiply where roundedProduct(e) != nil: return nil
    case .add, .subtract, .multiply:
      if type.isSignedInteger && ranges.exactRange(of: e) == nil { return nil }
      return op == .add ? "+" : op == .subtract ? "-" : "*"
    case .divide: return "/"
    case .floorDivide: return isDivisionOfC(op, l, r) ? "/" : nil
    case .modulo: return isDivisionOfC(op, l, r) ? "%" : nil
    case .bitAnd: return "&"
    case .bitOr: return "|"
    case .bitXor: return "^"
    case .power, .shiftLeft, .shiftRight, .pythonMin, .pythonMax, .minimum, .maximum: return nil
    }
  }
}

extension Expression {
  /// Whether it is a variable or an element.
  fileprivate var isPlace: Bool { if case .variable = kind { true } else { isLoad } }
}
