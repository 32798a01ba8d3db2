extension ValueRanges {
  /// The ranges where `condition` holds, or does not hold; nil where no value brings the program there.
  public func narrowed(by condition: Expression, holds: Bool) -> ValueRanges? {
    var result = self
    return result.narrow(by: condition, holds: holds) ? result : nil
  }

  /// Narrows variables to the values with which `condition` holds, or does not hold.
  ///
  ///     p: -1…99     if p < 0: …     →     p: -1 in the branch
  ///
  /// Looked into are comparisons of a variable and a distance (`i - 1 < n`), on either side, and what `and`, `or` and `not` make of
  /// them.
  ///
  /// - Returns: false where there are none.
  mutating func narrow(by condition: Expression, holds: Bool) -> Bool {
    switch condition.kind {
    case .unary(.not, let operand): narrow(by: operand, holds: !holds)
    case .logical(.and, let l, let r) where holds, .logical(.or, let l, let r) where !holds:
      narrow(by: l, holds: holds) && narrow(by: r, holds: holds)
    case .compare(let op, let l, let r) where l.type.isInteger && r.type.isInteger:
      narrow(l, holds ? op : op.negated, r) && narrow(r, (holds ? op : op.negated).mirrored, l)
    case .integer, .float, .variable, .load, .unary, .binary, .compare, .logical, .select, .convert,
      .math, .checked, .complex, .part:
      true
    }
  }

  /// Narrows the variable of the left side to the values for which `left op right` holds.
  private mutating func narrow(
    _ left: Expression, _ op: ComparisonOperator, _ right: Expression
  ) -> Bool {
    let sum = LinearSum(left)
    guard sum.isExact, sum.terms.count == 1, let (term, coefficient) = sum.terms.first,
      coefficient == 1, case .variable(let id) = term.kind, let own = range(of: term),
      sum.constant == 0 || exactRange(of: left) != nil, let right = range(of: right),
      let bound = ValueRange.applying(
        .subtract, right, ValueRange(sum.constant, sum.constant))
    else { return true }
    var (least, greatest) = (own.least, own.greatest)
    switch op {
    case .equal: (least, greatest) = (max(least, bound.least), min(greatest, bound.greatest))
    case .notEqual: return true
    case .less where bound.greatest == .min, .greater where bound.least == .max: return false
    case .less: greatest = min(greatest, bound.greatest - 1)
    case .lessEqual: greatest = min(greatest, bound.greatest)
    case .greater: least = max(least, bound.least + 1)
    case .greaterEqual: least = max(least, bound.least)
    }
    if least > greatest { return false }
    narrowed[id] = ValueRange(least, greatest)
    return true
  }
}

extension ComparisonOperator {
  /// Holds of two integers where this does not.
  fileprivate var negated: ComparisonOperator {
    switch self {
    case .equal: .notEqual
    case .notEqual: .equal
    case .less: .greaterEqual
    case .lessEqual: .greater
    case .greater: .lessEqual
    case .greaterEqual: .less
    }
  }

  /// Holds of two values where this holds of them in the other order.
  fileprivate var mirrored: ComparisonOperator {
    switch self {
    case .equal, .notEqual: self
    case .less: .greater
    case .lessEqual: .greaterEqual
    case .greater: .less
    case .greaterEqual: .lessEqual
    }
  }
}
