import LoopIR
import Schedule

/// Loops inside a vector loop whose number of iterations differs between lanes.
///
///     while c: body       →   live = lanes that take part
///                             while any of (live &= c under live): body under live
///     for j in a..<b: …   →   the same, where `c` is that the lane's range is not at its end
///
/// Lanes that have left load and store nothing, and keep the variables that anything but the loop reads.
extension FunctionEmitter {
  func emitWhileInLanes(_ condition: Expression, _ body: [Statement]) {
    let whole = Statement(.whileLoop(condition: condition, body: body))
    whileAnyLane(of: whole, narrowing: [{ self.emit(condition) }]) { self.emitBody(body) }
  }

  /// A loop with a range of its own in each lane, or with a condition.
  func emitInLanes(_ loop: ForLoop, from lower: Value, to upper: Value) {
    guard let context = vector else { return }
    if lower.lanes > 1
      && loop.sharesVariable(in: context.variable, by: context.step, varies: varies)
    {
      return emitOverAllRanges(loop, from: lower, to: upper)
    }
    let trips = tripCount(from: lower, to: upper, step: loop.step)
    let place = alloca("i64", name: "iteration")
    add("store i64 0, ptr \(place)")
    var iteration = ""
    let isInRange = {
      iteration = self.line("load i64, ptr \(place)")
      let (k, count) = self.unified(Value(iteration, .int64), trips)
      return Value(self.line("icmp slt \(k.typed), \(count.text)"), .bool, lanes: k.lanes)
    }
    let bind = {
      let offset = Value(self.line("mul i64 \(iteration), \(loop.step)"), .int64)
      self.bindings[loop.variable] = self.add(lower, offset)
      if lower.lanes > 1 { self.vector?.varying.insert(loop.variable) }
    }
    var conditions = [isInRange]
    if let condition = loop.condition {
      conditions.append {
        bind()
        return self.emit(condition)
      }
    }
    whileAnyLane(of: Statement(.loop(loop)), narrowing: conditions) {
      bind()
      self.emitBody(loop.body)
      self.add("store i64 \(self.line("add nsw i64 \(iteration), 1")), ptr \(place)")
    }
    vector?.varying.remove(loop.variable)
  }

  /// Runs `body`, that of `loop`, while any lane is left, under a mask that each of `conditions` narrows in turn.
  private func whileAnyLane(
    of loop: Statement, narrowing conditions: [() -> Value], _ body: () -> Void
  ) {
    guard let context = vector else { return }
    let (head, done) = (label("while"), label("done"))
    let type = ScalarType.bool.llvm(lanes: context.lanes)
    let place = alloca(type, name: "live")
    let all = context.mask ?? .integer(1, .bool, lanes: context.lanes)
    add("store \(all.typed), ptr \(place)")
    add("br label %\(head)")
    open(head)
    var live = Value(line("load \(type), ptr \(place)"), .bool, lanes: context.lanes)
    // One element for all lanes is loaded whatever the mask is, so nothing more is tried where no lane is left.
    func goOn(where truth: Value) {
      let next = label("do")
      if truth.lanes > 1 { live = conjunction(live, truth) }
      add("br i1 \(truth.lanes > 1 ? any(live) : truth.text), label %\(next), label %\(done)")
      open(next)
    }
    for condition in conditions { goOn(where: withMask(live) { condition() }) }
    // Lanes go on with what a faulty access gave them, and might never leave by themselves.
    if [loop].containsTests { goOn(where: Value(isWithoutFault(), .bool)) }
    add("store \(live.typed), ptr \(place)")
    let owned = variables(ownedBy: loop)
    vector?.free = (owned, live.text)
    withMask(live) { body() }
    vector?.free = context.free
    add("br label %\(head)")
    open(done)
  }

  /// The variables that only a loop inside the vector loop reads, once they are set anew for it.
  private func variables(ownedBy loop: Statement) -> Set<VariableID> {
    guard let context = vector else { return [] }
    var assigned: Set<VariableID> = []
    [loop].forEachStatement { if case .assign(let id, _) = $0.kind { assigned.insert(id) } }
    // What an iteration around the loop begins with must outlive the loop.
    var exposure = UpwardExposure(of: assigned)
    exposure.visit(context.body)
    assigned.subtract(exposure.exposed)
    func reads(in statements: [Statement]) -> [VariableID: Int] {
      var count: [VariableID: Int] = [:]
      statements.forEachExpression { e in
        if case .variable(let id) = e.kind, assigned.contains(id) { count[id, default: 0] += 1 }
      }
      return count
    }
    let (inside, all) = (reads(in: [loop]), reads(in: statements))
    return assigned.filter { inside[$0, default: 0] == all[$0, default: 0] }
  }

  /// Runs a loop from the first value that its variable has in any lane to the last: the variable is the same in all lanes,
  /// so that accesses it indexes stay consecutive.
  private func emitOverAllRanges(_ loop: ForLoop, from lower: Value, to upper: Value) {
    guard let context = vector else { return }
    let (first, end) = unified(lower, upper)
    let isUp = loop.step > 0
    let comparison = isUp ? "slt" : "sgt"
    var isRunning = Value(
      line("icmp \(comparison) \(first.typed), \(end.text)"), .bool, lanes: first.lanes)
    isRunning = conjunction(context.mask, isRunning)
    func extreme(_ value: Value, _ name: String, otherwise: Int64) -> Value {
      let function = "@llvm.vector.reduce.\(name).\(value.type.mangled(lanes: value.lanes))"
      module.declare("declare i64 \(function)(\(value.llvmType))")
      let chosen = select(isRunning, value, .integer(otherwise, .int64))
      return Value(line("call i64 \(function)(\(chosen.typed))"), .int64)
    }
    let start = extreme(first, isUp ? "smin" : "smax", otherwise: isUp ? .max : .min)
    let stop = extreme(end, isUp ? "smax" : "smin", otherwise: isUp ? .min : .max)
    let trips = tripCount(from: start, to: stop, step: loop.step)
    count(from: "0", to: trips.text, by: 1, metadata: ", !llvm.loop !0") { k in
      let offset = self.line("mul i64 \(k), \(loop.step)")
      let position = Value(self.line("add i64 \(start.text), \(offset)"), .int64)
      self.bindings[loop.variable] = position
      let p = self.splat(position, lanes: first.lanes)
      let begun = self.line("icmp \(isUp ? "sge" : "sle") \(p.typed), \(first.text)")
      let goesOn = self.line("icmp \(comparison) \(p.typed), \(end.text)")
      let both = self.line("and <\(first.lanes) x i1> \(begun), \(goesOn)")
      let active = self.conjunction(
        context.mask, Value(both, .bool, lanes: first.lanes))
      self.branch(
        on: self.any(active), then: { self.withMask(active) { self.emitBody(loop.body) } },
        otherwise: nil)
    }
  }
}
