/// A statement as the user wrote it.
public struct Statement: Sendable, Hashable {
  /// What a statement is made of.
  public indirect enum Kind: Sendable, Hashable {
    case assign(target: Expression, value: Expression)
    case augmentedAssign(target: Expression, op: BinaryOperator, value: Expression)
    /// `until` is empty as read; see `structureExits`.
    case forLoop(target: Expression, iterable: Expression, body: [Statement], until: [Exit] = [])
    case whileLoop(test: Expression, body: [Statement])
    case conditional(test: Expression, then: [Statement], otherwise: [Statement])
    /// `with context:`; which contexts mean something is judged when names are resolved.
    case with(context: Expression, body: [Statement])
    case expression(Expression)
    case returned(Expression?)
    case pass
    case breakLoop
    case continueLoop
  }

  /// A flag that ends a loop before its next iteration, and the statement that sets it.
  public struct Exit: Sendable, Hashable {
    public var flag: String
    public var span: Span

    /// Creates the exit by `flag`.
    public init(_ flag: String, at span: Span) {
      self.flag = flag
      self.span = span
    }
  }

  public var kind: Kind
  public var span: Span
  /// The part that a message about the whole statement underlines: the target of an assignment, the head of a loop.
  public var head: Span

  /// Creates a statement that stands at `span`.
  public init(_ kind: Kind, at span: Span = .none, head: Span? = nil) {
    self.kind = kind
    self.span = span
    self.head = head ?? span
  }
}

/// A Python function, as read at decoration.
public struct Function: Sendable, Hashable {
  /// A positional parameter.
  public struct Parameter: Sendable, Hashable {
    public var name: String
    public var span: Span
    /// What the argument must be; nil where anything goes.
    public var annotation: Annotation?

    /// Creates the parameter `name`.
    public init(_ name: String, at span: Span = .none, annotation: Annotation? = nil) {
      self.name = name
      self.span = span
      self.annotation = annotation
    }
  }

  public var name: String
  public var parameters: [Parameter]
  public var body: [Statement]
  public var span: Span

  /// Creates a function.
  public init(_ name: String, parameters: [Parameter], body: [Statement], at span: Span = .none) {
    self.name = name
    self.parameters = parameters
    self.body = body
    self.span = span
  }

  /// The strings of statements that may be labels, in order of first appearance: calls of a name with one literal string.
  ///
  /// Which of the names stand for `parpy.label` is only known once they are resolved: a program may import it as any other.
  public var labelNames: [String] {
    var names: [String] = []
    func visit(_ statements: [Statement]) {
      for statement in statements {
        switch statement.kind {
        case .expression(let e):
          if let name = e.labelName, !names.contains(name) { names.append(name) }
        case .forLoop(_, _, let body, _), .whileLoop(_, let body), .with(_, let body): visit(body)
        case .conditional(_, let then, let otherwise):
          visit(then)
          visit(otherwise)
        case .assign, .augmentedAssign, .returned, .pass, .breakLoop, .continueLoop: continue
        }
      }
    }
    visit(body)
    return names
  }

  /// The names `N` of loops over `range(N)` or `range(a, N)`, in order of first appearance: where one stands for a shape
  /// variable, it is the label of its loop.
  public var rangeNames: [String] {
    var names: [String] = []
    func visit(_ statements: [Statement]) {
      for statement in statements {
        switch statement.kind {
        case .forLoop(_, let iterable, let body, _):
          if let name = iterable.rangeName, !names.contains(name) { names.append(name) }
          visit(body)
        case .whileLoop(_, let body), .with(_, let body): visit(body)
        case .conditional(_, let then, let otherwise):
          visit(then)
          visit(otherwise)
        case .assign, .augmentedAssign, .expression, .returned, .pass, .breakLoop, .continueLoop:
          continue
        }
      }
    }
    visit(body)
    return names
  }
}

extension Expression {
  /// The name `N` of a call `range(N)` or `range(a, N)`.
  public var rangeName: String? {
    guard case .call(_, let arguments, _) = kind, arguments.count <= 2,
      case .name(let name)? = arguments.last?.kind
    else { return nil }
    return name
  }
}
