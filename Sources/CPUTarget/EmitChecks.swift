import LoopIR
import struct Syntax.Span

/// Accesses and lengths that are tested as they run.
///
///     x[checked(c[i])]   →   index = c[i]; if index is out of range: record it, and leave; x[index]
///
/// Sequential code leaves the function at once. In a vector loop the lanes that are out of range take no part in the
/// access, so a load gives zero there, and the function is left after the loop.
extension FunctionEmitter {
  /// What a function returns that was left because of an access out of range.
  private static var faultResult: Int { -2 }

  /// Runs `access`, with indices that are in range in each lane that takes part.
  func withTested<Result>(
    _ indices: [Expression], of id: BufferID, at span: Span, _ access: ([Expression]) -> Result
  ) -> Result {
    guard indices.contains(where: \.isChecked) else { return access(indices) }
    let buffer = host[id]
    var settled = indices
    var inside: Value?
    for (dimension, index) in indices.enumerated() where index.isChecked {
      let (position, value) = self.settled(index.unchecked)
      settled[dimension] = position
      let extent = emit(buffer.extents[dimension])
      let (i, n) = unified(value, extent)
      let isInside = Value(line("icmp ult \(i.typed), \(n.text)"), .bool, lanes: i.lanes)
      let number =
        module.faults.firstIndex {
          $0.isAbout(.index(of: id, dimension: dimension), at: span)
        } ?? 0
      if isInside.lanes == 1 {
        branch(
          on: line("xor i1 \(isInside.text), true"),
          then: {
            self.record(fault: number + 1, index: i.text, size: n.text)
            self.leave()
          }, otherwise: nil)
      } else {
        reportLanes(isInside, fault: number + 1, index: i, size: n)
        // Addresses of lanes that take no part are computed too, and must not overflow.
        // The variable itself keeps its value: other lanes than those inside read it afterwards.
        if case .variable(let id) = position.kind, bindings[id] != nil {
          settled[dimension] = bound(select(isInside, i, .integer(0, .int64)), at: index.span)
        }
        inside = conjunction(inside, isInside)
      }
    }
    guard let inside else { return access(settled) }
    return withMask(conjunction(vector?.mask, inside)) { access(settled) }
  }

  /// An index and its value, the same at the test and at the access: memory that others may change is read once.
  private func settled(_ index: Expression) -> (Expression, Value) {
    if vector != nil && !varies(index) { return (index, inFirstLane { emit(index) }) }
    let value = emit(index)
    return (index.contains(\.isLoad) ? bound(value, at: index.span) : index, value)
  }

  /// An expression that stands for a value that is there already.
  private func bound(_ value: Value, at span: Span) -> Expression {
    let id = VariableID(-fresh())
    bindings[id] = value
    if value.lanes > 1 { vector?.varying.insert(id) }
    return Expression(.variable(id), value.type, at: span)
  }

  /// Records the first lane that takes part and is out of range, where there is one.
  private func reportLanes(_ isInside: Value, fault: Int, index: Value, size: Value) {
    let lanes = isInside.lanes
    let outside = Value(
      line("xor \(isInside.typed), splat (i1 true)"), .bool, lanes: lanes)
    let faulty = conjunction(vector?.mask, outside)
    branch(
      on: any(faulty),
      then: {
        let bits = self.line("bitcast \(faulty.typed) to i\(lanes)")
        self.module.declare("declare i\(lanes) @llvm.cttz.i\(lanes)(i\(lanes), i1 immarg)")
        let lane = self.line("call i\(lanes) @llvm.cttz.i\(lanes)(i\(lanes) \(bits), i1 true)")
        let first = self.line("extractelement \(index.typed), i\(lanes) \(lane)")
        let extent = self.line("extractelement \(size.typed), i\(lanes) \(lane)")
        self.record(fault: fault, index: first, size: extent)
      }, otherwise: nil)
  }

  /// Leaves the function with both numbers recorded, unless they are equal.
  func requireEqual(_ left: Expression, _ right: Expression, at span: Span) {
    let (l, r) = (emit(left), emit(right))
    let number = module.faults.firstIndex { $0.isAbout(.lengths, at: span) } ?? 0
    branch(
      on: line("icmp ne \(l.typed), \(r.text)"),
      then: {
        self.record(fault: number + 1, index: l.text, size: r.text)
        self.leave()
      }, otherwise: nil)
  }

  private func record(fault: Int, index: String, size: String) {
    let helper = module.use(.recordFault)
    add("call void @\(helper)(ptr %slot, i64 \(fault), i64 \(index), i64 \(size))")
  }

  /// Leaves the function where an access of the loop that has just ended was out of range.
  func leaveAfterFault(in loop: ForLoop) {
    if !loop.body.containsTests { return }
    branch(on: line("xor i1 \(isWithoutFault()), true"), then: { self.leave() }, otherwise: nil)
  }

  /// Whether no access was out of range so far, as an i1.
  func isWithoutFault() -> String {
    let fault = line("load atomic i64, ptr %slot monotonic, align 8")
    return line("icmp eq i64 \(fault), 0")
  }

  /// Frees what the function holds and returns from it; what follows is never reached.
  private func leave() {
    heapTemporaries.reversed().forEach(free)
    if kernel == nil {
      add("ret i64 \(Self.faultResult)")
    } else {
      add("store atomic i64 \(Self.faultResult), ptr %status monotonic, align 8")
      add("ret void")
    }
    open(label("unreachable"))
  }
}

extension [Statement] {
  /// Whether an access inside is tested as it runs.
  var containsTests: Bool {
    var found = false
    forEachExpression { e in found = found || e.isChecked }
    return found
  }
}
