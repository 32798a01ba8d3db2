import Syntax

/// Spells expressions like Python, with the fewest parentheses and suffixes that read back to the same tree.
struct ExpressionPrinter {
  /// The printed name of each variable and buffer, unique in the function.
  let variableNames: [String]
  let bufferNames: [String]

  /// Chooses the names for a function: namesakes get `.1`, `.2` and so on, buffers first.
  init(_ function: LoopFunction) {
    var uses: [String: Int] = [:]
    func unique(_ name: String) -> String {
      let number = uses[name, default: 0]
      uses[name] = number + 1
      return Spelling.name(name, number: number)
    }
    bufferNames = function.buffers.map { unique($0.name) }
    variableNames = function.variables.map { unique($0.name) }
  }

  func name(_ id: VariableID) -> String {
    variableNames.indices.contains(id.index) ? variableNames[id.index] : "?variable\(id.index)"
  }

  func name(_ id: BufferID) -> String {
    bufferNames.indices.contains(id.index) ? bufferNames[id.index] : "?buffer\(id.index)"
  }

  /// `name[i, j]`.
  func element(_ buffer: BufferID, _ indices: [Expression]) -> String {
    "\(name(buffer))[\(list(indices, expecting: .int64))]"
  }

  /// `call "scale"(&x[i, 0:n], 2.0) into s`; of a GPU's function `call "scale" @device @header("scale.h") @threads(32, 1024)(…)`.
  func text(_ call: ForeignCall) -> String {
    let operands = call.operands.map { operand in
      switch operand {
      case .scalar(let value): text(value, expecting: nil)
      case .array(let part): "&" + text(part)
      }
    }
    let head =
      switch call.callee {
      case .external(let function):
        "call \(Spelling.quoted(function.symbol))" + notes(about: function)
      case .callback(let name, let position): "callback \(position) \(Spelling.quoted(name))"
      }
    return "\(head)(\(operands.joined(separator: ", ")))"
      + (call.result.map { " into \(name($0))" } ?? "")
  }

  /// What differs from a function of the C ABI.
  private func notes(about function: ExternalFunction) -> String {
    (function.isDevice ? " @device" : "")
      + (function.header.map { " @header(\(Spelling.quoted($0)))" } ?? "")
      + (function.isParallel ? " @threads(\(function.threads), \(function.threadsPerBlock))" : "")
  }

  /// `x[i, start:extent:step]`, without a step of 1.
  private func text(_ part: ArrayPart) -> String {
    let dimensions = part.dimensions.map { dimension in
      switch dimension {
      case .index(let index): text(index, expecting: .int64)
      case .range(let start, let extent, let step):
        "\(text(start, expecting: .int64)):\(text(extent, expecting: .int64))"
          + (step == 1 ? "" : ":\(step)")
      }
    }
    return "\(name(part.buffer))[\(dimensions.joined(separator: ", "))]"
  }

  /// The expressions with commas between them.
  func list(_ expressions: [Expression], expecting type: ScalarType?) -> String {
    expressions.map { text($0, expecting: type) }.joined(separator: ", ")
  }

  /// The text of `e`, where a value of type `expected` is wanted and at least the given precedence needs no parentheses.
  func text(
    _ e: Expression, expecting expected: ScalarType?, atLeast minimum: Precedence = .select
  ) -> String {
    let (text, precedence) = spelling(e, e.ownType ?? expected)
    return precedence < minimum ? "(\(text))" : text
  }

  /// The text of `e` and how tightly it binds; operands of the result's type are literals of type `context`.
  private func spelling(_ e: Expression, _ context: ScalarType?) -> (String, Precedence) {
    switch e.kind {
    case .integer(let value): return integer(value, e, context)
    case .float(let literal): return float(literal.value, e, context)
    case .variable(let id): return (name(id), .primary)
    case .load(let buffer, let indices): return (element(buffer, indices), .primary)
    case .unary(let op, let operand): return unary(op, operand, context)
    case .binary(let op, let left, let right): return binary(op, left, right, context)
    case .compare(let op, let left, let right):
      let type = left.ownType ?? right.ownType
      let l = text(left, expecting: type, atLeast: Precedence.compare.tighter)
      let r = text(right, expecting: type, atLeast: Precedence.compare.tighter)
      return ("\(l) \(op.rawValue) \(r)", .compare)
    case .logical(let op, let left, let right):
      let precedence: Precedence = op == .and ? .and : .or
      let l = text(left, expecting: .bool, atLeast: precedence)
      let r = text(right, expecting: .bool, atLeast: precedence.tighter)
      return ("\(l) \(op.rawValue) \(r)", precedence)
    case .select(let condition, let then, let otherwise):
      let c = text(condition, expecting: .bool, atLeast: .or)
      let t = text(then, expecting: context, atLeast: .or)
      return ("\(t) if \(c) else \(text(otherwise, expecting: context))", .select)
    case .convert(let operand):
      return ("\(e.type.name)(\(text(operand, expecting: nil)))", .primary)
    case .checked(let index): return ("checked(\(text(index, expecting: .int64)))", .primary)
    case .complex(let real, let imaginary):
      return ("\(e.type.name)(\(list([real, imaginary], expecting: e.type.part)))", .primary)
    case .part(let part, let operand):
      return ("\(part.word)(\(text(operand, expecting: nil)))", .primary)
    case .math(let function, let arguments):
      let own = arguments.lazy.compactMap(\.ownType).first
      let type = function.isPredicate ? own : context
      return ("\(function.word)(\(list(arguments, expecting: type)))", .primary)
    }
  }

  private func integer(_ value: Int64, _ e: Expression, _ context: ScalarType?)
    -> (String, Precedence)
  {
    if e.type == .bool && (value == 0 || value == 1) {
      return (value == 1 ? "True" : "False", .primary)
    }
    let digits = e.type == .uint64 ? "\(UInt64(bitPattern: value))" : "\(value)"
    return (digits + suffix(e, context), digits.hasPrefix("-") ? .unary : .primary)
  }

  private func float(_ value: Double, _ e: Expression, _ context: ScalarType?)
    -> (String, Precedence)
  {
    let digits =
      if value.isNaN {
        value.sign == .minus ? "-nan" : "nan"
      } else if e.type == .float32 && Double(Float(value)) == value {
        "\(Float(value))"
      } else {
        "\(value)"
      }
    return (digits + suffix(e, context), digits.hasPrefix("-") ? .unary : .primary)
  }

  /// The suffix of a literal; empty where the context gives its type.
  private func suffix(_ literal: Expression, _ context: ScalarType?) -> String {
    literal.type == literal.bareType(expected: context) ? "" : Spelling.suffix(literal.type)
  }

  private func unary(_ op: UnaryOperator, _ operand: Expression, _ context: ScalarType?)
    -> (String, Precedence)
  {
    switch op {
    case .negate:
      // `-3` is a literal, `-(3)` an operator on one.
      let text = text(operand, expecting: context, atLeast: operand.isLiteral ? .select : .unary)
      return (operand.isLiteral ? "-(\(text))" : "-\(text)", .unary)
    case .not: return ("not \(text(operand, expecting: .bool, atLeast: .not))", .not)
    case .invert: return ("~\(text(operand, expecting: context, atLeast: .unary))", .unary)
    case .absolute: return ("abs(\(text(operand, expecting: context)))", .primary)
    }
  }

  private func binary(
    _ op: BinaryOperator, _ left: Expression, _ right: Expression, _ context: ScalarType?
  ) -> (String, Precedence) {
    guard let (symbol, precedence) = op.infix else {
      return ("\(op.word)(\(list([left, right], expecting: context)))", .primary)
    }
    // Powers associate to the right, and their exponent may have a sign.
    let isPower = op == .power
    let l = text(left, expecting: context, atLeast: isPower ? .primary : precedence)
    let r = text(right, expecting: context, atLeast: isPower ? .unary : precedence.tighter)
    return ("\(l) \(symbol) \(r)", precedence)
  }
}
