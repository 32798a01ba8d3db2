import Syntax

/// The names of a function that are neither parameters nor assigned in it, found in its text alone.
struct FreeNames {
  /// The names in order of first appearance.
  private(set) var roots: [String] = []
  /// The dotted paths of two and more names that start at a root, and all their beginnings, each once.
  private(set) var paths: [[String]] = []

  private var locals: Set<String>
  private var known: Set<[String]> = []

  /// Finds the free names of `function`.
  init(of function: Syntax.Function) {
    locals = Set(function.parameters.map(\.name))
    collectTargets(function.body)
    visit(function.body)
  }

  // MARK: - Locals

  /// Adds every name that a statement assigns: in Python it is local in the whole function.
  private mutating func collectTargets(_ statements: [Syntax.Statement]) {
    for statement in statements {
      switch statement.kind {
      case .assign(let target, _), .augmentedAssign(let target, _, _): addTarget(target)
      case .forLoop(let target, _, let body, _):
        addTarget(target)
        collectTargets(body)
      case .whileLoop(_, let body), .with(_, let body): collectTargets(body)
      case .conditional(_, let then, let otherwise):
        collectTargets(then)
        collectTargets(otherwise)
      case .expression, .returned, .pass, .breakLoop, .continueLoop: continue
      }
    }
  }

  private mutating func addTarget(_ target: Syntax.Expression) {
    switch target.kind {
    case .name(let name): locals.insert(name)
    case .tuple(let elements): elements.forEach { addTarget($0) }
    case .integer, .bigInteger, .float, .imaginary, .bool, .string, .none, .unary, .binary,
      .boolean,
      .comparison, .conditional, .subscripted, .attribute, .call:
      return
    }
  }

  // MARK: - Uses

  private mutating func visit(_ statements: [Syntax.Statement]) {
    for statement in statements {
      switch statement.kind {
      case .assign(let target, let value), .augmentedAssign(let target, _, let value):
        visit(target)
        visit(value)
      case .forLoop(let target, let iterable, let body, _):
        visit(target)
        visit(iterable)
        visit(body)
      case .whileLoop(let test, let body), .with(let test, let body):
        visit(test)
        visit(body)
      case .conditional(let test, let then, let otherwise):
        visit(test)
        visit(then)
        visit(otherwise)
      case .expression(let value): visit(value)
      case .returned(let value):
        if let value { visit(value) }
      case .pass, .breakLoop, .continueLoop: continue
      }
    }
  }

  private mutating func visit(_ expression: Syntax.Expression) {
    if let path = expression.path { return add(path) }
    switch expression.kind {
    case .name, .integer, .bigInteger, .float, .imaginary, .bool, .string, .none: return
    case .unary(_, let operand): visit(operand)
    case .binary(_, let left, let right):
      visit(left)
      visit(right)
    case .boolean(_, let operands), .tuple(let operands): operands.forEach { visit($0) }
    case .comparison(let first, let links):
      visit(first)
      links.forEach { visit($0.operand) }
    case .conditional(let test, let then, let otherwise):
      visit(test)
      visit(then)
      visit(otherwise)
    case .subscripted(let base, let indexes):
      visit(base)
      indexes.forEach { visit($0) }
    case .attribute(let base, _): visit(base)
    case .call(let callee, let arguments, let keywords):
      visit(callee)
      arguments.forEach { visit($0) }
      keywords.forEach { visit($0.value) }
    }
  }

  private mutating func visit(_ index: Syntax.Expression.Index) {
    switch index {
    case .expression(let value): visit(value)
    case .slice(let lower, let upper, let step):
      for bound in [lower, upper, step] {
        if let bound { visit(bound) }
      }
    case .ellipsis: return
    }
  }

  private mutating func add(_ path: [String]) {
    guard let root = path.first, !locals.contains(root) else { return }
    if known.insert([root]).inserted { roots.append(root) }
    for length in stride(from: 2, through: path.count, by: 1) {
      let beginning = Array(path.prefix(length))
      if known.insert(beginning).inserted { paths.append(beginning) }
    }
  }
}
