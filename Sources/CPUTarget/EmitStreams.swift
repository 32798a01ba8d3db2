import LoopIR

/// Vector loops that store past the caches.
///
///     if streams:
///       the iterations before the first whole vector of memory, under a mask
///       the loop, with non-temporal stores
///     else:
///       the loop
extension FunctionEmitter {
  /// Writes a vector loop in one or both of its forms.
  ///
  /// - Parameter bodies: writes the iterations from a value of the loop variable on.
  func emitStreaming(
    _ loop: ForLoop, from lower: Value, to upper: Value, _ bodies: @escaping (Value) -> Void
  ) {
    guard let condition = loop.mapping.streams, let store = loop.body.onlyStore else {
      return bodies(lower)
    }
    let streamed = {
      self.streams = true
      let first = self.emitHead(of: loop, storing: store, from: lower, to: upper)
      self.vector?.streams = true
      bodies(first)
      self.vector?.streams = false
    }
    if condition.integerLiteral == 1 { return streamed() }
    let truth = inFirstLane { emit(condition) }
    branch(on: truth.text, then: streamed, otherwise: { bodies(lower) })
  }

  /// Runs the iterations whose elements lie before the first whole vector of memory, and gives the value of the loop variable
  /// that follows.
  private func emitHead(
    of loop: ForLoop, storing store: (buffer: BufferID, indices: [Expression]),
    from lower: Value, to upper: Value
  ) -> Value {
    let lanes = loop.mapping.lanes
    let size = host[store.buffer].element.size
    vector?.base = lower.text
    let pointer = inFirstLane { address(store.buffer, store.indices) }
    let place = line("ptrtoint ptr \(pointer) to i64")
    let negative = line("sub i64 0, \(place)")
    let distance = line("and i64 \(negative), \(lanes * size - 1)")
    let before = line("udiv i64 \(distance), \(size)")
    let trips = tripCount(from: lower, to: upper, step: 1)
    module.declare("declare i64 @llvm.smin.i64(i64, i64)")
    let count = line("call i64 @llvm.smin.i64(i64 \(before), i64 \(trips.text))")
    branch(
      on: line("icmp ne i64 \(count), 0"),
      then: {
        self.vector?.mask = self.firstLanes(count, of: lanes)
        self.emit(loop.body)
        self.vector?.mask = nil
      }, otherwise: nil)
    return Value(line("add i64 \(lower.text), \(count)"), .int64)
  }

  /// Orders the stores that went past the caches with those that tell other threads of them.
  func emitStreamFence() {
    guard streams else { return }
    module.declare("declare void @llvm.x86.sse.sfence()")
    add("call void @llvm.x86.sse.sfence()")
  }
}

extension [Statement] {
  /// The buffer and indices of the one store directly in a block.
  fileprivate var onlyStore: (buffer: BufferID, indices: [Expression])? {
    var found: (buffer: BufferID, indices: [Expression])?
    for statement in self {
      guard case .store(let buffer, let indices, _) = statement.kind else { continue }
      if found != nil { return nil }
      found = (buffer, indices)
    }
    return found
  }
}
