import LoopIR
import Schedule

/// Vector accesses to the two numbers of pairs that lie one behind the other, such as the parts of complex elements.
///
///     a = x[i, 0]; b = x[i, 1]     →   wide = load <2n>; a = even lanes of wide; wide = load <2n>; b = odd lanes of wide
///     y[i, 0] = a; y[i, 1] = b     →   store <2n> a and b, lane by lane
///
/// Both loads are the same, and LLVM makes one of them.
extension FunctionEmitter {
  /// Where the pairs of all lanes lie in memory.
  struct Pairs {
    /// The first pair in memory.
    var pointer: String
    var element: ScalarType
    /// Whether the first lane has the last pair.
    var isReversed: Bool
  }

  /// The pairs that an access along the vector loop reaches; nil where it is not to one number of each.
  func pairs(_ id: BufferID, _ indices: [Expression]) -> Pairs? {
    let buffer = host[id]
    guard let vector, buffer.isPairwise(indices),
      let stride = buffer.stride(
        of: indices, along: vector.variable, step: vector.step, varies: { self.varies($0) }),
      abs(stride) == 2
    else { return nil }
    let first = inFirstLane { address(buffer, id, indices.dropLast() + [.index(0)]) }.text
    let isReversed = stride < 0
    let pointer =
      isReversed
      ? line(
        "getelementptr \(buffer.element.llvmElement), ptr \(first), i64 \(2 - 2 * vector.lanes)")
      : first
    return Pairs(pointer: pointer, element: buffer.element, isReversed: isReversed)
  }

  /// One number of each pair, by a load of all.
  func load(part: Int, of pairs: Pairs) -> Value {
    guard let vector else { return .float(0, pairs.element) }
    let lanes = vector.lanes
    let type = pairs.element.llvm(lanes: 2 * lanes)
    let alignment = pairs.element.size
    let wide: String
    if let mask = doubledMask(isReversed: pairs.isReversed) {
      let name = "@llvm.masked.load.\(pairs.element.mangled(lanes: 2 * lanes)).p0"
      module.declare(
        "declare \(type) \(name)(ptr captures(none), i32 immarg, <\(2 * lanes) x i1>, \(type))")
      let loaded = line(
        "call \(type) \(name)(ptr align \(alignment) \(pairs.pointer), i32 \(alignment), \(mask.typed), \(type) zeroinitializer)"
      )
      wide = frozen(Value(loaded, pairs.element, lanes: 2 * lanes)).text
    } else {
      wide = line("load \(type), ptr \(pairs.pointer), align \(alignment)")
    }
    let order = (0..<lanes).map { lane in
      "i32 \(2 * (pairs.isReversed ? lanes - 1 - lane : lane) + part)"
    }
    return Value(
      line(
        "shufflevector \(type) \(wide), \(type) poison, <\(lanes) x i32> <\(order.joined(separator: ", "))>"
      ), pairs.element, lanes: lanes)
  }

  /// Writes two stores, of both numbers of one pair, as one; false where they are not, or must stay apart.
  func emitPair(_ first: Statement, _ second: Statement) -> Bool {
    guard vector != nil, case .store(let id, let indices, let value) = first.kind,
      case .store(id, let others, let other) = second.kind,
      indices.dropLast() == others.dropLast(), indices.last?.integerLiteral == 0,
      others.last?.integerLiteral == 1, !indices.contains(where: \.isChecked),
      !mayRead(other, whatIsStoredTo: id), !indices.contains(where: { $0.contains(\.isLoad) }),
      let pairs = pairs(id, indices)
    else { return false }
    let values = (emit(value), emit(other))
    store(splat(values.0), splat(values.1), to: pairs)
    return true
  }

  private func store(_ first: Value, _ second: Value, to pairs: Pairs) {
    let lanes = first.lanes
    let order = (0..<lanes).flatMap { place -> [String] in
      let lane = pairs.isReversed ? lanes - 1 - place : place
      return ["i32 \(lane)", "i32 \(lanes + lane)"]
    }
    let wide = Value(
      line(
        "shufflevector \(first.typed), \(second.typed), <\(2 * lanes) x i32> <\(order.joined(separator: ", "))>"
      ), pairs.element, lanes: 2 * lanes)
    let alignment = pairs.element.size
    guard let mask = doubledMask(isReversed: pairs.isReversed) else {
      return add("store \(wide.typed), ptr \(pairs.pointer), align \(alignment)")
    }
    let name = "@llvm.masked.store.\(wide.type.mangled(lanes: wide.lanes)).p0"
    module.declare(
      "declare void \(name)(\(wide.llvmType), ptr captures(none), i32 immarg, <\(wide.lanes) x i1>)"
    )
    add(
      "call void \(name)(\(wide.typed), ptr align \(alignment) \(pairs.pointer), i32 \(alignment), \(mask.typed))"
    )
  }

  /// The mask of the lanes that take part, each twice; nil for all.
  private func doubledMask(isReversed: Bool) -> Value? {
    guard let mask = vector?.mask else { return nil }
    let order = (0..<2 * mask.lanes).map { place in
      "i32 \(isReversed ? mask.lanes - 1 - place / 2 : place / 2)"
    }
    return Value(
      line(
        "shufflevector \(mask.typed), \(mask.llvmType) poison, <\(2 * mask.lanes) x i32> <\(order.joined(separator: ", "))>"
      ), .bool, lanes: 2 * mask.lanes)
  }

  /// Whether an expression may read the first number of a pair of the buffer.
  private func mayRead(_ e: Expression, whatIsStoredTo id: BufferID) -> Bool {
    e.contains { part in
      guard case .load(let source, let indices) = part.kind else { return false }
      if source == id { return indices.last?.integerLiteral != 1 }
      return host[source].mayAlias && host[id].mayAlias
    }
  }
}
