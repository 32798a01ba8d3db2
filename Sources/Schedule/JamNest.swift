import LoopIR

/// The body of a sequential loop of which several iterations may run at once in the vector loop inside: a nest of loops
/// around one in lanes, with scalars that are assigned before each.
struct JamNest {
  /// The loops, outermost first; the last is in lanes.
  let loops: [ForLoop]
  /// What is assigned before each of the loops.
  let scalars: [[Statement]]
  /// The body of the last.
  let body: [Statement]

  /// The nest inside `loop`; nil where there is none, or where iterations may not trade places.
  ///
  /// - Parameter facts: what is known inside `loop`.
  init?(in loop: ForLoop, _ facts: Facts, _ function: LoopFunction) {
    guard loop.step == 1, loop.isPlain, loop.mapping == .sequential, let nest = JamNest(loop.body)
    else { return nil }
    let changing = AssignedVariables(in: loop)
    guard ([loop] + nest.loops).allSatisfy({ $0.hasRange(unchangedBy: changing) }),
      !nest.carriesScalars(in: loop),
      JamDependences(of: nest, in: loop, changing, facts, function).allowJamming
    else { return nil }
    self = nest
  }

  /// Takes a loop's body apart; nil where it is something else.
  private init?(_ statements: [Statement]) {
    var scalars: [[Statement]] = []
    var loops: [ForLoop] = []
    var rest = statements
    while case .loop(let loop)? = rest.last?.kind {
      let before = Array(rest.dropLast())
      guard loop.isPlain, before.allSatisfy(\.isAssignment) else { return nil }
      scalars.append(before)
      loops.append(loop)
      rest = loop.body
    }
    guard let last = loops.last, last.mapping.lanes > 1, !rest.containsLoop,
      loops.dropLast().allSatisfy({ $0.mapping == .sequential }),
      !(scalars.joined() + rest).contains(where: \.isUnfit)
    else { return nil }
    self.scalars = scalars
    self.loops = loops
    body = rest
  }

  /// Whether an iteration of the loop, or of one inside it, reads a scalar that an earlier one has assigned, at any depth.
  private func carriesScalars(in loop: ForLoop) -> Bool {
    (scalars + [body, loop.body]).contains { statements in
      var assigned: Set<VariableID> = []
      statements.forEachStatement { if case .assign(let id, _) = $0.kind { assigned.insert(id) } }
      var exposure = UpwardExposure(of: assigned)
      exposure.visit(statements)
      return !exposure.exposed.isEmpty
    }
  }
}

extension ForLoop {
  /// Whether the loop has nothing but its range.
  var isPlain: Bool { condition == nil && reductions.isEmpty && updates.isEmpty }

  /// Whether the range is the same in each iteration of a loop that changes `changing`.
  func hasRange(unchangedBy changing: AssignedVariables) -> Bool {
    changing.leaveUnchanged(lower) && changing.leaveUnchanged(upper)
  }

  /// Whether the loop, with step 1, is known to have fewer iterations.
  func isShorter(than count: Int) -> Bool {
    (upper - lower).integerLiteral.map { $0 < count } ?? false
  }
}

extension Statement {
  fileprivate var isAssignment: Bool { if case .assign = kind { true } else { false } }

  /// Whether a statement, or one inside it, keeps a loop from being jammed.
  fileprivate var isUnfit: Bool {
    var isUnfit = false
    [self].forEachStatement { statement in
      switch statement.kind {
      case .assign, .store, .conditional: break
      case .call, .loop, .whileLoop, .device, .allocate, .requireEqual, .launch, .barrier:
        isUnfit = true
      }
    }
    [self].forEachExpression { e in isUnfit = isUnfit || e.isChecked }
    return isUnfit
  }
}
