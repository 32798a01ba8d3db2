import GPUMapping
import LoopIR
import struct Syntax.Span

extension FunctionEmitter {
  /// An expression as text.
  ///
  /// Sums and products of signed integers are C++'s own, as `4 * i`, where `ValueRanges` proves that they do not overflow; others
  /// wrap, as `wrapping_multiply_int64(4, n)`: C++ leaves open what happens there.
  package func text(_ e: Expression) -> CText {
    switch e.kind {
    case .integer, .float:
      let literal = LiteralText.text(e, module.dialect)
      return CText(
        literal, literal.hasPrefix("-") ? .unary : .primary, isInt: e.type == .int64 && fitsInt(e))
    case .variable(let id): return CText(name(id), isInt: shortVariables.contains(id))
    case .load(let buffer, let indices): return load(buffer, indices, e)
    case .unary(let op, let operand): return unary(op, operand, text(operand), e)
    case .binary(let op, let left, let right):
      if let known = knownExtremum(op, left, right) { return text(known) }
      if let product = roundedProduct(e) { return product }
      let isPlain = isDivisionOfC(op, left, right)
      let range = ranges.exactRange(of: e)
      let second = op == .subtract && range != nil ? subtrahend(right) : text(right)
      let result = binary(op, e.type, text(left), second, range, isDivisionOfC: isPlain)
      return op == .multiply ? step([left, right], result) : result
    case .compare(let op, let left, let right):
      return compare(op, left, right)
    case .logical(let op, let left, let right):
      let level: CPrecedence = op == .and ? .and : .or
      return CText(
        "\(text(left).inside(level)) \(op == .and ? "&&" : "||") \(text(right).inside(level))",
        level)
    case .select(let condition, let then, let otherwise):
      let inside = ranges.narrowed(by: condition, holds: true)
      let outside = ranges.narrowed(by: condition, holds: false)
      // Of floats, a product that is chosen is rounded by itself.
      if e.type.isInteger && !condition.contains(\.isChecked) {
        if inside == nil { return text(otherwise) }
        if outside == nil { return text(then) }
      }
      let (first, second) = (text(then, with: inside), text(otherwise, with: outside))
      return CText(
        "\(text(condition).inside(.or)) ? \(first.inside(.or)) : \(second.inside(.conditional))",
        .conditional, isInt: first.isInt && second.isInt)
    case .convert(let operand):
      let value = text(operand)
      if operand.type == .int32 && e.type == .int64 && !operand.contains(\.isLoad) {
        return CText(value.text, value.precedence, isInt: true)
      }
      if let product = roundedToFloat32(operand, value, e.type) { return product }
      return convert(value, operand.type, e.type)
    case .math(let function, let arguments):
      return math(function, arguments.map { text($0) }, arguments[0].type)
    case .checked(let index): return text(index)
    // `split-complex` leaves none.
    case .complex(let real, _), .part(_, let real): return text(real)
    }
  }

  /// An expression as text where integers have narrower ranges.
  private func text(_ e: Expression, with narrowed: ValueRanges?) -> CText {
    let all = ranges
    defer { ranges = all }
    ranges = narrowed ?? all
    return text(e)
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

  /// Whether `/` and `%` of C++ are Python's: of operands that are not negative, by none that is 0.
  func isDivisionOfC(_ op: BinaryOperator, _ l: Expression, _ r: Expression) -> Bool {
    guard op == .floorDivide || op == .modulo, l.type.isInteger, l.type.size >= 4,
      let dividend = ranges.range(of: l), let divisor = ranges.range(of: r)
    else { return false }
    return dividend.isNonNegative && divisor.least >= 1
  }

  /// The operand that is the lesser or greater one of two integers, whatever they are.
  private func knownExtremum(
    _ op: BinaryOperator, _ l: Expression, _ r: Expression
  ) -> Expression? {
    guard HelperFunction.isExtremum(op), let left = ranges.range(of: l),
      let right = ranges.range(of: r)
    else { return nil }
    let (first, second) = op.isMinimum ? (right, left) : (left, right)
    if first.least >= second.greatest { return l }
    return second.least >= first.greatest ? r : nil
  }

  /// A product of parameters alone, rounded by itself as it is where they are constants: `a * b + x[i]` would else be one
  /// operation in code for parameters, and rounded once. Nil for other expressions.
  func roundedProduct(_ e: Expression) -> CText? {
    guard kernel != nil, e.type == .float32 || e.type == .float64,
      case .binary(.multiply, let left, let right) = e.kind, host.isFixedByParameters(e)
    else { return nil }
    guard let function = module.dialect.roundedProduct(e.type) else {
      return call(.roundedProduct(e.type), text(left), text(right))
    }
    return CText("\(function)(\(text(left).text), \(text(right).text))")
  }

  /// A product of float64 as a float32: `a[i] += float32(float64(b) * float64(c))` rounds it. Written as a cast it is for NVRTC a
  /// product of float32, which is exact until the sum is rounded. Nil for what is none.
  private func roundedToFloat32(
    _ product: Expression, _ value: CText, _ type: ScalarType
  ) -> CText? {
    guard kernel != nil, product.type == .float64, type == .float32,
      let function = module.dialect.roundedToFloat32
    else { return nil }
    let mayBeProduct = product.contains { part in
      guard part.type == .float64 else { return false }
      return switch part.kind {
      case .binary(.multiply, _, _): true
      case .variable(let id): locals.contains(id)
      default: false
      }
    }
    return mayBeProduct ? CText("\(function)(\(value.text))") : nil
  }

  /// The product with a negative number as the opposite of one with a positive number: `-(i * 3)` for `i * -3`; nil for other products.
  ///
  /// In a sum that is `7 - (i * 3)`, which reads better. In kernels for CUDA the product is hidden, see `HiddenIntegers.swift`.
  private func opposite(
    of l: CText, times r: CText, _ range: ValueRange?, isShort: Bool
  ) -> CText? {
    // The opposite of the least number has no place in its type.
    guard let range, range.least > (isShort ? Int64(Int32.min) : Int64.min) else { return nil }
    if r.isNegativeNumber { return opposite(of: l, times: r, isShort: isShort) }
    return l.isNegativeNumber ? opposite(of: r, times: l, isShort: isShort) : nil
  }

  /// - Parameter number: a negative one.
  private func opposite(of factor: CText, times number: CText, isShort: Bool) -> CText {
    let positive = CText(String(number.text.dropFirst()), isInt: number.isInt)
    let product =
      positive.text == "1"
      ? factor : hiddenInIndex(infix("*", factor, positive, .product, isShort: isShort), .int64)
    let isOne = product.precedence > .unary
    return CText("-\(isOne ? product.text : "(\(product.text))")", .unary, isInt: product.isInt)
  }

  /// A sign and what follows it: `+ -1` is `- 1`.
  func combined(_ sign: String, _ term: CText) -> (sign: String, term: CText) {
    guard sign == "+" || sign == "-", term.precedence == .unary, term.text.hasPrefix("-") else {
      return (sign, term)
    }
    return (sign == "+" ? "-" : "+", CText(String(term.text.dropFirst()), isInt: term.isInt))
  }

  /// `l symbol r` in C++'s arithmetic: in that of `int64_t` where the result does not fit in an `int`.
  func infix(
    _ symbol: String, _ l: CText, _ r: CText, _ level: CPrecedence, isShort: Bool
  ) -> CText {
    guard l.isInt && r.isInt else { return infix(symbol, l, r, level) }
    let left = isShort ? l : CText("(\(name(of: .int64)))\(l.inside(.unary))", .unary)
    var result = infix(symbol, left, r, level)
    result.isInt = isShort
    return result
  }

  private func unary(
    _ op: UnaryOperator, _ operand: Expression, _ value: CText, _ e: Expression
  ) -> CText {
    let type = operand.type
    let range = ranges.exactRange(of: e)
    switch op {
    case .not: return CText("!\(value.inside(.unary))", .unary)
    case .invert where type == .bool: return CText("!\(value.inside(.unary))", .unary)
    case .invert: return narrow(CText("~\(value.inside(.unary))", .unary), type)
    case .negate where type.isHalf: return narrowed("-\(widened(value, type).text)", type)
    case .absolute where type.isHalf:
      return narrowed("\(absolute(.float32))(\(widened(value, type).text))", type)
    case .negate where type.isFloat || (range?.isInside(.int32) ?? false && type.size >= 4):
      let value = type.isFloat ? value : subtrahend(operand)
      return CText("-\(value.inside(.primary))", .unary, isInt: value.isInt)
    case .negate: return binary(.subtract, type, zero(of: type), value, range)
    case .absolute where type.isFloat:
      return CText("\(absolute(type))(\(value.text))")
    case .absolute where type.isSignedInteger:
      let negative = binary(.subtract, type, zero(of: type), value, range)
      return CText(
        "\(value.inside(.relation)) < 0 ? \(negative.inside(.or)) : \(value.inside(.or))",
        .conditional)
    case .absolute: return value
    }
  }

  /// The 0 of a type, which a number is taken from.
  func zero(of type: ScalarType) -> CText { CText("(\(name(of: type)))0", .unary) }

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

  /// `l symbol r`, where operands that are comparisons themselves stand in parentheses: C++ reads `a != b == c` from the
  /// left, and compilers warn of `a < b < c`.
  private func comparison(_ symbol: String, _ l: CText, _ r: CText, _ level: CPrecedence) -> CText {
    CText("\(l.inside(.sum)) \(symbol) \(r.inside(.sum))", level)
  }

  /// `l op r` of one type.
  ///
  /// - Parameters:
  ///   - range: of an integer, what the result may be over the integers; nil where it may leave its type.
  ///   - isDivisionOfC: whether C++'s division by the operands is Python's.
  func binary(
    _ op: BinaryOperator, _ type: ScalarType, _ l: CText, _ r: CText, _ range: ValueRange? = nil,
    isDivisionOfC: Bool = false
  ) -> CText {
    if type.isHalf { return half(op, type, widened(l, type), widened(r, type)) }
    if type == .bool {
      switch op {
      case .bitXor: return comparison("!=", l, r, .equality)
      default:
        return CText(
          HelperFunction.join(op, .bool, l.inside(.bitOr), r.inside(.bitOr), module.dialect), .or)
      }
    }
    let wraps = type.isInteger && type.size < 4 || type.isSignedInteger && range == nil
    let isShort = range?.isInside(.int32) ?? false
    switch op {
    case .add, .subtract, .multiply:
      if wraps { return call(.wrapping(op, type), l, r) }
      if op == .multiply, type.isInteger,
        let opposite = opposite(of: l, times: r, range, isShort: isShort)
      {
        return opposite
      }
      let level: CPrecedence = op == .multiply ? .product : .sum
      let (symbol, r) = combined(op == .add ? "+" : op == .subtract ? "-" : "*", r)
      return infix(symbol, l, r, level, isShort: isShort)
    case .divide: return infix("/", l, r, .product)
    case .floorDivide where isDivisionOfC: return infix("/", l, r, .product, isShort: true)
    case .modulo where isDivisionOfC: return infix("%", l, r, .product, isShort: true)
    // On a GPU a division of 64 bits takes several times as long as one of 32.
    case .floorDivide where l.isInt && r.isInt && isShort:
      return call(.floorDivide(.int32), l, r).asInt
    case .modulo where l.isInt && r.isInt: return call(.modulo(.int32), l, r).asInt
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
    narrowed(binary(op, .float32, l, r).text, type)
  }

  private func call(_ helper: HelperFunction, _ arguments: CText...) -> CText {
    module.use(helper)
    return CText("\(helper.name)(\(arguments.map(\.text).joined(separator: ", ")))")
  }

  private func compare(_ op: ComparisonOperator, _ left: Expression, _ right: Expression) -> CText {
    var (l, r) = (text(left), text(right))
    if left.type.isHalf { (l, r) = (widened(l, left.type), widened(r, right.type)) }
    let level: CPrecedence = op == .equal || op == .notEqual ? .equality : .relation
    let (a, b) = (left.type, right.type)
    guard a.isInteger, b.isInteger, a.isSignedInteger != b.isSignedInteger else {
      return comparison(op.symbol, l, r, level)
    }
    // Signed with unsigned: a negative number is less than all others.
    let signed = a.isSignedInteger ? l : r
    let (x, y) = (
      CText("(uint64_t)\(l.inside(.unary))", .unary), CText("(uint64_t)\(r.inside(.unary))", .unary)
    )
    let whenNegative = op.holds(a.isSignedInteger ? -1 : 0, a.isSignedInteger ? 0 : -1)
    return CText(
      "\(signed.inside(.relation)) < 0 ? \(whenNegative) : \(comparison(op.symbol, x, y, level).inside(.or))",
      .conditional)
  }

  private func convert(_ value: CText, _ from: ScalarType, _ to: ScalarType) -> CText {
    if from.isHalf { return convert(widened(value, from), .float32, to) }
    if to.isHalf && from == .float64 {
      module.note(to)
      return CText(module.dialect.narrowed(value.text, from: from, to))
    }
    if to.isHalf { return narrowed(convert(value, from, .float32).text, to) }
    if from == .int64 && to == .int32 && value.isInt { return value }
    if to == .bool { return CText("\(value.inside(.relation)) != 0", .equality) }
    if from.isFloat && to.isInteger {
      let helper = HelperFunction.truncate(from: from, to: to)
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
    if let row = rowElements[RowAccesses.Row(buffer: id, indices: indices)] { return CText(row) }
    let plain = element("\(name(id))[\(offset(of: id, indices))]")
    guard let test = rangeTest(of: id, indices, at: e.span) else { return plain }
    let zero =
      e.type.isHalf ? LiteralText.float(0, e.type, module.dialect) : "(\(name(of: e.type)))0"
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
  ///
  /// - Requires: each index is in range, so that where all positions in the array fit in 32 bits, the parts of this one do.
  func offset(of id: BufferID, _ indices: [Expression]) -> String {
    inIndex { position(of: indices, in: host[id]) }
  }

  private func position(of indices: [Expression], in buffer: Buffer) -> String {
    let isShort = buffer.hasShortOffsets
    if let strides = buffer.strides {
      var sum: CText?
      for (index, stride) in zip(indices, strides) where index.integerLiteral != 0 {
        let term = distance(index, stride, isShort: isShort)
        sum = sum.map { moved($0, by: term, isShort: isShort) } ?? term
      }
      return sum?.text ?? "0"
    }
    var position: CText?
    for (index, extent) in zip(indices, buffer.extents) {
      if position != nil { hideParameters(of: [extent]) }
      let scaled = position.map { product($0, text(extent), isShort: isShort) }
      if index.integerLiteral == 0 {
        position = scaled
      } else {
        let own = text(index)
        position = scaled.map { infix("+", $0, own, .sum, isShort: isShort) } ?? own
      }
    }
    return position?.text ?? "0"
  }

  /// So many strides, in elements.
  private func distance(_ index: Expression, _ stride: Expression, isShort: Bool) -> CText {
    if stride.integerLiteral == 1 { return text(index) }
    if let number = index.integerLiteral, let size = stride.integerLiteral {
      let (elements, overflows) = number.multipliedReportingOverflow(by: size)
      if !overflows { return text(Expression(.integer(elements), .int64)) }
    }
    hideParameters(of: [stride])
    return product(text(index), text(stride), isShort: isShort)
  }

  /// The product of a position and a number of elements.
  private func product(_ position: CText, _ count: CText, isShort: Bool) -> CText {
    if position.text == "1" { return count }
    guard count.isNegativeNumber else {
      return infix("*", position, count, .product, isShort: isShort)
    }
    return opposite(of: position, times: count, isShort: isShort)
  }

  /// A position, so many elements further.
  private func moved(_ position: CText, by distance: CText, isShort: Bool) -> CText {
    let (symbol, distance) = combined("+", distance)
    return infix(symbol, position, distance, .sum, isShort: isShort)
  }
}
