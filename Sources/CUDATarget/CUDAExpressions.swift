import LoopIR
import struct Syntax.Span

extension CUDAKernelEmitter {
  /// An expression as text.
  ///
  /// - Parameter isIndex: whether it is an index or a bound, whose arithmetic was proved not to overflow.
  func text(_ e: Expression, isIndex: Bool = false) -> CText {
    func part(_ e: Expression) -> CText { text(e, isIndex: isIndex) }
    switch e.kind {
    case .integer, .float:
      let literal = CUDALiteral.text(e, module.dialect)
      return CText(literal, literal.hasPrefix("-") ? .unary : .primary)
    case .variable(let id): return CText(name(id))
    case .load(let buffer, let indices): return load(buffer, indices, e)
    case .unary(let op, let operand): return unary(op, operand, part(operand), isIndex: isIndex)
    case .binary(let op, let left, let right):
      // An index lies in range, and so do the sums and products it consists of, but not the data that is reduced: `k[i] * 5 % n`.
      let isExact =
        isIndex && ([.add, .subtract, .multiply].contains(op) || !dependsOnData(e))
      return binary(
        op, e.type, text(left, isIndex: isExact), text(right, isIndex: isExact), isIndex: isIndex)
    case .compare(let op, let left, let right):
      return compare(op, left, right)
    case .logical(let op, let left, let right):
      let level: CPrecedence = op == .and ? .and : .or
      return CText(
        "\(part(left).inside(level)) \(op == .and ? "&&" : "||") \(part(right).inside(level))",
        level)
    case .select(let condition, let then, let otherwise):
      return CText(
        "\(part(condition).inside(.or)) ? \(part(then).inside(.or)) : \(part(otherwise).inside(.conditional))",
        .conditional)
    case .convert(let operand): return convert(text(operand), operand.type, e.type)
    case .math(let function, let arguments):
      return math(function, arguments.map { text($0) }, arguments[0].type)
    case .checked(let index): return text(index, isIndex: isIndex)
    // `split-complex` leaves none.
    case .complex(let real, _), .part(_, let real): return text(real)
    }
  }

  // MARK: Halves

  /// A 16-bit float as a float.
  private func widened(_ text: CText, _ type: ScalarType) -> CText {
    module.note(type)
    return CText(module.dialect.widened(text.text, type))
  }

  private func narrowed(_ text: String, _ type: ScalarType) -> CText {
    module.note(type)
    return CText(module.dialect.narrowed(text, from: .float32, type))
  }

  // MARK: Operators

  private func unary(_ op: UnaryOperator, _ operand: Expression, _ value: CText, isIndex: Bool)
    -> CText
  {
    let type = operand.type
    switch op {
    case .not: return CText("!\(value.inside(.unary))", .unary)
    case .invert where type == .bool: return CText("!\(value.inside(.unary))", .unary)
    case .invert: return narrow(CText("~\(value.inside(.unary))", .unary), type)
    case .negate where type.isHalf: return narrowed("-\(widened(value, type).text)", type)
    case .absolute where type.isHalf:
      return narrowed("\(absolute(.float32))(\(widened(value, type).text))", type)
    case .negate where type.isFloat || (isIndex && type.size >= 4):
      return CText("-\(value.inside(.primary))", .unary)
    case .negate:
      return binary(.subtract, type, CText("(\(name(of: type)))0"), value, isIndex: false)
    case .absolute where type.isFloat:
      return CText("\(absolute(type))(\(value.text))")
    case .absolute where type.isSignedInteger:
      let negative = binary(.subtract, type, CText("(\(name(of: type)))0"), value, isIndex: false)
      return CText(
        "\(value.inside(.relation)) < 0 ? \(negative.inside(.or)) : \(value.inside(.or))",
        .conditional)
    case .absolute: return value
    }
  }

  private func absolute(_ type: ScalarType) -> String { module.dialect.absolute(type) }

  /// The result of an operation that C++ makes in `int`, in its own type again.
  private func narrow(_ value: CText, _ type: ScalarType) -> CText {
    type.isInteger && type.size < 4
      ? CText("(\(name(of: type)))\(value.inside(.primary))", .unary) : value
  }

  private func infix(_ symbol: String, _ l: CText, _ r: CText, _ level: CPrecedence) -> CText {
    let tighter = CPrecedence(rawValue: level.rawValue + 1) ?? .primary
    return CText("\(l.inside(level)) \(symbol) \(r.inside(tighter))", level)
  }

  func binary(
    _ op: BinaryOperator, _ type: ScalarType, _ l: CText, _ r: CText, isIndex: Bool
  ) -> CText {
    if type.isHalf { return half(op, type, widened(l, type), widened(r, type)) }
    if type == .bool {
      return CText(
        CUDAHelper.join(op, .bool, l.inside(.bitOr), r.inside(.bitOr), module.dialect), .or)
    }
    let wraps = type.isInteger && type.size < 4 || type.isSignedInteger && !isIndex
    switch op {
    case .add, .subtract, .multiply:
      if wraps { return call(.wrapping(op, type), l, r) }
      let level: CPrecedence = op == .multiply ? .product : .sum
      return narrow(
        infix(op == .add ? "+" : op == .subtract ? "-" : "*", l, r, level), type)
    case .divide: return infix("/", l, r, .product)
    case .floorDivide: return call(.floorDivide(type), l, r)
    case .modulo: return call(.modulo(type), l, r)
    case .power where type.isFloat:
      return CText("\(module.dialect.power(type))(\(l.text), \(r.text))")
    case .power: return call(.power(type), l, r)
    case .bitAnd: return narrow(infix("&", l, r, .bitAnd), type)
    case .bitOr: return narrow(infix("|", l, r, .bitOr), type)
    case .bitXor: return narrow(infix("^", l, r, .bitXor), type)
    case .shiftLeft, .shiftRight: return call(.shift(op, type), l, r)
    case .pythonMin, .pythonMax, .minimum, .maximum:
      return call(.extremum(of: op, type), l, r)
    }
  }

  private func half(_ op: BinaryOperator, _ type: ScalarType, _ l: CText, _ r: CText) -> CText {
    narrowed(binary(op, .float32, l, r, isIndex: false).text, type)
  }

  private func call(_ helper: CUDAHelper, _ arguments: CText...) -> CText {
    module.use(helper)
    return CText("\(helper.name)(\(arguments.map(\.text).joined(separator: ", ")))")
  }

  private func compare(_ op: ComparisonOperator, _ left: Expression, _ right: Expression) -> CText {
    var (l, r) = (text(left), text(right))
    if left.type.isHalf { (l, r) = (widened(l, left.type), widened(r, right.type)) }
    let level: CPrecedence = op == .equal || op == .notEqual ? .equality : .relation
    let symbol: String =
      switch op {
      case .equal: "=="
      case .notEqual: "!="
      case .less: "<"
      case .lessEqual: "<="
      case .greater: ">"
      case .greaterEqual: ">="
      }
    let (a, b) = (left.type, right.type)
    guard a.isInteger, b.isInteger, a.isSignedInteger != b.isSignedInteger else {
      return infix(symbol, l, r, level)
    }
    // Signed with unsigned: a negative number is less than all others.
    let signed = a.isSignedInteger ? l : r
    let (x, y) = (
      CText("(uint64_t)\(l.inside(.unary))", .unary), CText("(uint64_t)\(r.inside(.unary))", .unary)
    )
    let whenNegative = op.holds(a.isSignedInteger ? -1 : 0, a.isSignedInteger ? 0 : -1)
    return CText(
      "\(signed.inside(.relation)) < 0 ? \(whenNegative) : \(infix(symbol, x, y, level).inside(.or))",
      .conditional)
  }

  private func convert(_ value: CText, _ from: ScalarType, _ to: ScalarType) -> CText {
    if from.isHalf { return convert(widened(value, from), .float32, to) }
    if to.isHalf && from == .float64 {
      module.note(to)
      return CText(module.dialect.narrowed(value.text, from: from, to))
    }
    if to.isHalf { return narrowed(convert(value, from, .float32).text, to) }
    if to == .bool { return CText("\(value.inside(.relation)) != 0", .equality) }
    if from.isFloat && to.isInteger {
      let helper = CUDAHelper.truncate(from: from, to: to)
      module.use(helper)
      return CText("\(helper.name)(\(value.text))")
    }
    return CText("(\(name(of: to)))\(value.inside(.unary))", .unary)
  }

  // MARK: Math

  private func math(_ function: MathFunction, _ arguments: [CText], _ type: ScalarType) -> CText {
    if type.isHalf {
      let result = math(function, arguments.map { widened($0, type) }, .float32)
      return function.isPredicate ? result : narrowed(result.text, type)
    }
    if let helper = module.dialect.helper(for: function) {
      module.use(helper)
      return CText("\(helper.name)(\(arguments.map(\.text).joined(separator: ", ")))")
    }
    return CText(
      "\(module.dialect.math(function, type))(\(arguments.map(\.text).joined(separator: ", ")))")
  }

  // MARK: Elements

  private func load(_ id: BufferID, _ indices: [Expression], _ e: Expression) -> CText {
    let plain = CText("\(name(id))[\(offset(of: id, indices))]")
    guard let test = rangeTest(of: id, indices, at: e.span) else { return plain }
    let zero =
      e.type.isHalf ? CUDALiteral.float(0, e.type, module.dialect) : "(\(name(of: e.type)))0"
    return CText("\(test) ? \(plain.text) : \(zero)", .conditional)
  }

  /// The conditions that checked indices are in range; nil where none is checked.
  func rangeTest(of id: BufferID, _ indices: [Expression], at span: Span) -> String? {
    var tests: [String] = []
    for (dimension, index) in indices.enumerated() where index.isChecked {
      let number = module.fault(.index(of: id, dimension: dimension), at: span)
      module.use(.inRange)
      tests.append(
        "in_range(\(text(index).text), \(text(host[id].extents[dimension]).text), slot, \(number))")
    }
    return tests.isEmpty ? nil : tests.joined(separator: " && ")
  }

  /// The position of an element, in elements.
  func offset(of id: BufferID, _ indices: [Expression]) -> String {
    let buffer = host[id]
    if let strides = buffer.strides {
      let terms = zip(indices, strides).map { index, stride in
        stride.integerLiteral == 1
          ? text(index, isIndex: true)
          : infix("*", text(index, isIndex: true), text(stride, isIndex: true), .product)
      }
      return terms.dropFirst().reduce(terms.first ?? CText("0")) { infix("+", $0, $1, .sum) }.text
    }
    var position: CText?
    for (index, extent) in zip(indices, buffer.extents) {
      let own = text(index, isIndex: true)
      guard let outer = position else {
        position = own
        continue
      }
      position = infix("+", infix("*", outer, text(extent, isIndex: true), .product), own, .sum)
    }
    return position?.text ?? "0"
  }
}
