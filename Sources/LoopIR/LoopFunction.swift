import Syntax

/// A function in the loop IR: every type known, every slice a loop.
public struct LoopFunction: Sendable, Hashable {
  public var name: String
  public var variables: [Variable]
  public var buffers: [Buffer]
  public var body: [Statement]
  /// What must hold of the run-time parameters before anything runs.
  public var checks: [Check]
  /// The calls whose bodies are part of the function; for messages only.
  public var calls = CallTable()
  /// Whether lowering left out loops and branches that do not run for the values of the call; for messages only.
  public var leavesCodeOut = false
  /// What lowering has to say about a program that is right, and what no later pass can see.
  public var warnings: [Diagnostic] = []

  /// Creates a function.
  public init(
    _ name: String, variables: [Variable] = [], buffers: [Buffer] = [], body: [Statement] = [],
    checks: [Check] = []
  ) {
    self.name = name
    self.variables = variables
    self.buffers = buffers
    self.body = body
    self.checks = checks
  }

  /// The variable that an id stands for.
  public subscript(_ id: VariableID) -> Variable {
    get { variables[id.index] }
    set { variables[id.index] = newValue }
  }

  /// The buffer that an id stands for.
  public subscript(_ id: BufferID) -> Buffer {
    get { buffers[id.index] }
    set { buffers[id.index] = newValue }
  }

  /// Adds a variable and gives its name.
  public mutating func add(_ variable: Variable) -> VariableID {
    variables.append(variable)
    return VariableID(variables.count - 1)
  }

  /// The variable of a label's number of threads, which is a parameter of the call; added where there is none yet.
  public mutating func threads(of label: String, parameter slot: Int) -> VariableID {
    if let known = variables.firstIndex(where: { $0.role == .parameter(slot) }) {
      return VariableID(known)
    }
    return add(
      Variable("\(label)_threads", .int64, role: .parameter(slot), lowerBound: 1, isLarge: true))
  }

  /// Adds a buffer and gives its name.
  public mutating func add(_ buffer: Buffer) -> BufferID {
    buffers.append(buffer)
    return BufferID(buffers.count - 1)
  }

  /// Whether an expression is over literals and parameters alone.
  public func isKnownOnEntry(_ e: Expression) -> Bool {
    e.readsOnly { self[$0].role != .local }
  }

  /// Whether an expression folds to a literal where the parameters are known.
  public func isFixedByParameters(_ e: Expression) -> Bool {
    e.readsOnly { self[$0].role != .local || self[$0].isFixedByParameters }
  }

  /// The expression that reads a variable.
  public func read(_ id: VariableID, at span: Span = .none) -> Expression {
    Expression(.variable(id), self[id].type, at: span)
  }
}

/// A scalar variable.
public struct Variable: Sendable, Hashable {
  /// Where the value comes from.
  public enum Role: Sendable, Hashable {
    case local
    /// The run-time parameter at that position of the call; never assigned.
    case parameter(Int)
  }

  /// The user's name, or a made one; printers make it unique.
  public var name: String
  public var type: ScalarType
  public var role: Role
  /// The least value of a parameter, where the call guarantees one: 2 or 0 for an extent.
  public var lowerBound: Int64?
  /// Whether the value of an integer parameter may be outside of `ValueRange.small`.
  public var isLarge: Bool
  /// Whether it is a part of what was one complex variable.
  public var isPart: Bool
  /// Whether it is a local that is assigned once, a value that folds to a literal where the parameters are known.
  public var isFixedByParameters: Bool
  /// Whether the compiler made the name, for a value that has none in the program.
  public var isNameMade: Bool

  /// Creates a variable.
  public init(
    _ name: String, _ type: ScalarType, role: Role = .local, lowerBound: Int64? = nil,
    isLarge: Bool = false, isPart: Bool = false, isFixedByParameters: Bool = false,
    isNameMade: Bool = false
  ) {
    self.name = name
    self.type = type
    self.role = role
    self.lowerBound = lowerBound
    self.isLarge = isLarge
    self.isPart = isPart
    self.isFixedByParameters = isFixedByParameters
    self.isNameMade = isNameMade
  }
}

/// An array: an argument of the call or a temporary.
public struct Buffer: Sendable, Hashable {
  /// Whose memory it is.
  public enum Role: Sendable, Hashable {
    /// The array argument at that position among the array arguments.
    case argument(Int)
    case temporary
  }

  public var name: String
  public var element: ScalarType
  /// int64 expressions over literals and parameters (for temporaries over anything known where it is made).
  public var extents: [Expression]
  /// In elements; nil where the layout is C-contiguous.
  public var strides: [Expression]?
  public var role: Role
  /// Whether an argument may have more elements, or reach over more, than `ValueRange.small` counts.
  public var isLarge: Bool
  /// Whether another argument may share memory with it.
  public var mayAlias: Bool
  /// Whether the last dimension has the two parts of what were complex elements.
  public var holdsParts: Bool

  /// Creates a buffer.
  public init(
    _ name: String, _ element: ScalarType, extents: [Expression], strides: [Expression]? = nil,
    role: Role, isLarge: Bool = false, mayAlias: Bool = false, holdsParts: Bool = false
  ) {
    self.name = name
    self.element = element
    self.extents = extents
    self.strides = strides
    self.role = role
    self.isLarge = isLarge
    self.mayAlias = mayAlias
    self.holdsParts = holdsParts
  }

  /// The stride of every dimension in elements.
  public var effectiveStrides: [Expression] {
    if let strides { return strides }
    var result: [Expression] = []
    var stride = Expression.index(1)
    for extent in extents.reversed() {
      result.append(stride)
      stride = stride * extent
    }
    return result.reversed()
  }
}

/// A condition on the run-time parameters, tested before anything runs.
public struct Check: Sendable, Hashable {
  /// What a check that fails means.
  public enum Failure: Sendable, Hashable {
    /// The program is wrong for these values.
    case error(Diagnostic)
    /// The program is right, but this version was compiled for other values.
    case respecialize
  }

  /// A bool over literals and parameters that must be true.
  public var condition: Expression
  public var failure: Failure

  /// Creates a check.
  public init(_ condition: Expression, orElse failure: Failure) {
    self.condition = condition
    self.failure = failure
  }
}
