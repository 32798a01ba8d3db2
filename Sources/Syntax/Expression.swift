/// An expression as the user wrote it, untyped.
public struct Expression: Sendable, Hashable {
  /// What an expression is made of.
  public indirect enum Kind: Sendable, Hashable {
    case name(String)
    case integer(Int64)
    /// An integer literal that does not fit 64 bits, as its decimal text.
    case bigInteger(String)
    case float(Double)
    /// `2j`.
    case imaginary(Double)
    case bool(Bool)
    case string(String)
    case none
    case unary(UnaryOperator, Expression)
    case binary(BinaryOperator, Expression, Expression)
    case boolean(BooleanOperator, [Expression])
    /// `first op₁ e₁ op₂ e₂ …`, chained as in Python.
    case comparison(Expression, [ComparisonLink])
    case conditional(test: Expression, then: Expression, otherwise: Expression)
    case subscripted(Expression, [Index])
    case attribute(Expression, String)
    case call(Expression, arguments: [Expression], keywords: [Keyword])
    case tuple([Expression])
  }

  /// One `op e` of a chained comparison.
  public struct ComparisonLink: Sendable, Hashable {
    public var op: ComparisonOperator
    public var operand: Expression

    /// Creates the link `op operand`.
    public init(_ op: ComparisonOperator, _ operand: Expression) {
      self.op = op
      self.operand = operand
    }
  }

  /// One `name=value` of a call.
  public struct Keyword: Sendable, Hashable {
    public var name: String
    public var value: Expression

    /// Creates the argument `name=value`.
    public init(_ name: String, _ value: Expression) {
      self.name = name
      self.value = value
    }
  }

  /// One position between the brackets of a subscript.
  public enum Index: Sendable, Hashable {
    case expression(Expression)
    case slice(lower: Expression?, upper: Expression?, step: Expression?)
    case ellipsis
  }

  public var kind: Kind
  public var span: Span

  /// Creates an expression that stands at `span`.
  public init(_ kind: Kind, at span: Span = .none) {
    self.kind = kind
    self.span = span
  }

  /// The string of what may be a label: a call of a name with one literal string, also as `name=`.
  public var labelName: String? {
    guard case .call(let callee, let arguments, let keywords) = kind, callee.path != nil,
      arguments.count + keywords.count == 1, keywords.allSatisfy({ $0.name == "name" }),
      case .string(let name)? = (arguments + keywords.map(\.value)).first?.kind
    else { return nil }
    return name
  }

  /// The dotted path `["parpy", "operators", "sum"]`, or nil for anything but names and attributes.
  public var path: [String]? {
    switch kind {
    case .name(let name): [name]
    case .attribute(let base, let name): base.path.map { $0 + [name] }
    default: nil
    }
  }
}

/// Python's unary operators.
public enum UnaryOperator: String, Sendable, Hashable {
  case negate = "-"
  case plus = "+"
  case not = "not"
  case invert = "~"
}

/// Python's binary operators.
public enum BinaryOperator: String, Sendable, Hashable, CaseIterable {
  case add = "+"
  case subtract = "-"
  case multiply = "*"
  case divide = "/"
  case floorDivide = "//"
  case modulo = "%"
  case power = "**"
  case bitAnd = "&"
  case bitOr = "|"
  case bitXor = "^"
  case shiftLeft = "<<"
  case shiftRight = ">>"
  case matrixMultiply = "@"
}

/// Python's short-circuiting operators.
public enum BooleanOperator: String, Sendable, Hashable {
  case and
  case or
}

/// Python's comparisons of values.
public enum ComparisonOperator: String, Sendable, Hashable, CaseIterable {
  case equal = "=="
  case notEqual = "!="
  case less = "<"
  case lessEqual = "<="
  case greater = ">"
  case greaterEqual = ">="
}
