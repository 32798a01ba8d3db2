import LoopIR
import struct Syntax.Span

/// How an access reaches the elements of all lanes.
private enum Access {
  /// One element for all lanes.
  case uniform(pointer: String)
  /// Consecutive elements; `isReversed` where the first lane has the last.
  case consecutive(pointer: String, isReversed: Bool)
  /// One number of each of consecutive pairs.
  case paired(FunctionEmitter.Pairs, part: Int)
  /// A pointer for each lane.
  case scattered(pointers: String)
}

extension FunctionEmitter {
  func load(_ id: BufferID, _ indices: [Expression], at span: Span) -> Value {
    withTested(indices, of: id, at: span) { self.load(id, $0) }
  }

  private func load(_ id: BufferID, _ indices: [Expression]) -> Value {
    let element = host[id].element
    let alignment = "align \(element.size)"
    switch access(id, indices) {
    case .uniform(let pointer):
      var loaded = Value(
        line("load \(element.llvmElement), ptr \(pointer), \(alignment)"), stored(element))
      // LLVM's vectoriser masks what branches load.
      if vector == nil, branchDepth > 0, storedBuffers.contains(id) { loaded = frozen(loaded) }
      return fromMemory(loaded, element)
    case .consecutive(let pointer, let isReversed):
      guard let vector else { return .integer(0, element) }
      let type = "<\(vector.lanes) x \(element.llvmElement)>"
      var loaded: Value
      if let mask = vector.mask {
        let mask = isReversed ? reversed(mask) : mask
        let name = "@llvm.masked.load.\(stored(element).mangled(lanes: vector.lanes)).p0"
        module.declare(
          "declare \(type) \(name)(ptr captures(none), i32 immarg, <\(vector.lanes) x i1>, \(type))"
        )
        loaded = frozen(
          Value(
            line(
              "call \(type) \(name)(ptr align \(element.size) \(pointer), i32 \(element.size), \(mask.typed), \(type) zeroinitializer)"
            ),
            stored(element), lanes: vector.lanes))
      } else {
        loaded = Value(
          line("load \(type), ptr \(pointer), \(alignment)"), stored(element), lanes: vector.lanes)
      }
      if isReversed { loaded = reversed(loaded) }
      return fromMemory(loaded, element)
    case .paired(let pairs, let part): return load(part: part, of: pairs)
    case .scattered(let pointers):
      guard let vector else { return .integer(0, element) }
      let type = "<\(vector.lanes) x \(element.llvmElement)>"
      let name =
        "@llvm.masked.gather.\(stored(element).mangled(lanes: vector.lanes)).v\(vector.lanes)p0"
      let mask = vector.mask ?? .integer(1, .bool, lanes: vector.lanes)
      module.declare(
        "declare \(type) \(name)(<\(vector.lanes) x ptr>, i32 immarg, <\(vector.lanes) x i1>, \(type))"
      )
      let loaded = line(
        "call \(type) \(name)(<\(vector.lanes) x ptr> align \(element.size) \(pointers), i32 \(element.size), \(mask.typed), \(type) zeroinitializer)"
      )
      return fromMemory(Value(loaded, stored(element), lanes: vector.lanes), element)
    }
  }

  func store(_ value: Value, to id: BufferID, _ indices: [Expression], at span: Span) {
    withTested(indices, of: id, at: span) { self.store(value, to: id, $0) }
  }

  private func store(_ value: Value, to id: BufferID, _ indices: [Expression]) {
    let element = host[id].element
    let alignment = "align \(element.size)"
    switch access(id, indices) {
    case .uniform(let pointer) where vector == nil:
      add("store \(toMemory(value).typed), ptr \(pointer), \(alignment)")
    case .uniform(let pointer):
      scatter(toMemory(splat(value)), splatPointer(pointer), element)
    case .consecutive(let pointer, let isReversed):
      guard let vector else { return }
      var stored = toMemory(splat(value))
      if isReversed { stored = reversed(stored) }
      guard var mask = vector.mask.map({ isReversed ? reversed($0) : $0 }) else {
        let place =
          vector.streams
          ? "align \(vector.lanes * element.size)\(ModuleEmitter.nonTemporal)" : alignment
        return add("store \(stored.typed), ptr \(pointer), \(place)")
      }
      if element.size < (element.isInteger ? 8 : 4) { mask = opaque(mask) }
      let name = "@llvm.masked.store.\(stored.type.mangled(lanes: vector.lanes)).p0"
      module.declare(
        "declare void \(name)(\(stored.llvmType), ptr captures(none), i32 immarg, <\(vector.lanes) x i1>)"
      )
      add(
        "call void \(name)(\(stored.typed), ptr align \(element.size) \(pointer), i32 \(element.size), \(mask.typed))"
      )
    case .paired(let pairs, _):
      scatter(toMemory(splat(value)), pointers(id, indices), pairs.element)
    case .scattered(let pointers): scatter(toMemory(splat(value)), pointers, element)
    }
  }

  /// The same value, at the place where it is loaded.
  ///
  /// LLVM 22 makes one masked load of a load and a select of its lanes where the select stands (`InstCombine`), which is behind
  /// what overwrites the element:
  ///
  ///     v = masked.load(p, mask)                 masked.store(0, p, mask)
  ///     masked.store(0, p, mask)          →      s = masked.load(p, mask, old)
  ///     s = select(mask, v, old)
  ///
  /// It does not look through a freeze, which costs nothing.
  func frozen(_ value: Value) -> Value {
    Value(line("freeze \(value.typed)"), value.type, lanes: value.lanes)
  }

  /// The same mask, but LLVM cannot know its lanes.
  ///
  /// Under a mask that is known to have one lane, LLVM 22 turns a store of truncated integers into a
  /// store of the wide integer, which overwrites what follows (x86, `reduceMaskedStoreToScalarStore`).
  private func opaque(_ mask: Value) -> Value {
    let bit = line("trunc i8 \(line("call i8 asm \"\", \"=r,0\"(i8 1)")) to i1")
    let truth = splat(Value(bit, .bool), lanes: mask.lanes)
    return Value(line("and \(mask.typed), \(truth.text)"), .bool, lanes: mask.lanes)
  }

  /// Stores lane by lane, the first lane first.
  private func scatter(_ value: Value, _ pointers: String, _ element: ScalarType) {
    guard let vector else { return }
    let mask = vector.mask ?? .integer(1, .bool, lanes: vector.lanes)
    let name = "@llvm.masked.scatter.\(value.type.mangled(lanes: vector.lanes)).v\(vector.lanes)p0"
    module.declare(
      "declare void \(name)(\(value.llvmType), <\(vector.lanes) x ptr>, i32 immarg, <\(vector.lanes) x i1>)"
    )
    add(
      "call void \(name)(\(value.typed), <\(vector.lanes) x ptr> align \(element.size) \(pointers), i32 \(element.size), \(mask.typed))"
    )
  }

  // MARK: Addresses

  /// The address of an element, outside vector loops.
  func address(_ id: BufferID, _ indices: [Expression]) -> String {
    address(host[id], id, indices).text
  }

  private func access(_ id: BufferID, _ indices: [Expression]) -> Access {
    let buffer = host[id]
    guard let vector else { return .uniform(pointer: address(buffer, id, indices).text) }
    let stride = buffer.stride(of: indices, along: vector.variable, step: vector.step) {
      self.varies($0)
    }
    switch stride {
    case 0: return .uniform(pointer: inFirstLane { address(buffer, id, indices) }.text)
    case 1:
      return .consecutive(
        pointer: inFirstLane { address(buffer, id, indices) }.text, isReversed: false)
    case -1:
      let first = inFirstLane { address(buffer, id, indices) }
      let last = line(
        "getelementptr \(buffer.element.llvmElement), ptr \(first.text), i64 \(1 - vector.lanes)")
      return .consecutive(pointer: last, isReversed: true)
    default:
      if let pairs = pairs(id, indices), let part = indices.last?.integerLiteral {
        return .paired(pairs, part: Int(part))
      }
      return .scattered(pointers: pointers(id, indices))
    }
  }

  /// The address of an element in each lane.
  private func pointers(_ id: BufferID, _ indices: [Expression]) -> String {
    let pointers = address(host[id], id, indices)
    return pointers.lanes > 1 ? pointers.text : splatPointer(pointers.text)
  }

  /// Whether an expression may differ between lanes.
  func varies(_ e: Expression) -> Bool {
    guard let vector else { return false }
    return e.contains { part in
      switch part.kind {
      case .variable(let id): id == vector.variable || vector.varying.contains(id)
      // A load may hit an element that another lane of this loop stores.
      case .load: true
      case .integer, .float, .unary, .binary, .compare, .logical, .select, .convert, .math,
        .checked, .complex, .part:
        false
      }
    }
  }

  /// Runs `body` as the first lane alone would.
  func inFirstLane<Result>(_ body: () -> Result) -> Result {
    guard let context = vector else { return body() }
    let outer = bindings[context.variable]
    bindings[context.variable] = Value(context.base, .int64)
    vector = nil
    defer {
      vector = context
      bindings[context.variable] = outer
    }
    return body()
  }

  /// The address of an element, one a lane where an index differs between lanes.
  func address(_ buffer: Buffer, _ id: BufferID, _ indices: [Expression]) -> Value {
    var offset = Value.integer(0, .int64)
    for (index, stride) in zip(indices, buffer.effectiveStrides) {
      let position = emit(index)
      let step = emit(stride)
      let scaled: Value
      if step.text == "1" {
        scaled = position
      } else {
        let (l, r) = unified(position, step)
        scaled = Value(line("mul nsw \(l.typed), \(r.text)"), .int64, lanes: l.lanes)
      }
      if offset.text == "0" {
        offset = scaled
      } else {
        let (l, r) = unified(offset, scaled)
        offset = Value(line("add nsw \(l.typed), \(r.text)"), .int64, lanes: l.lanes)
      }
    }
    return Value(
      line("getelementptr \(buffer.element.llvmElement), ptr \(pointer(id)), \(offset.typed)"),
      .int64, lanes: offset.lanes)
  }

  private func splatPointer(_ pointer: String) -> String {
    guard let vector else { return pointer }
    let type = "<\(vector.lanes) x ptr>"
    let first = line("insertelement \(type) poison, ptr \(pointer), i64 0")
    return line(
      "shufflevector \(type) \(first), \(type) poison, <\(vector.lanes) x i32> zeroinitializer")
  }

  private func reversed(_ value: Value) -> Value {
    let lanes = (0..<value.lanes).reversed().map { "i32 \($0)" }.joined(separator: ", ")
    return Value(
      line(
        "shufflevector \(value.typed), \(value.llvmType) poison, <\(value.lanes) x i32> <\(lanes)>"),
      value.type, lanes: value.lanes)
  }

  // MARK: Bools in memory

  /// The type that elements have in memory: a byte for bool.
  private func stored(_ element: ScalarType) -> ScalarType { element == .bool ? .uint8 : element }

  private func fromMemory(_ value: Value, _ element: ScalarType) -> Value {
    guard element == .bool else { return Value(value.text, element, lanes: value.lanes) }
    let zero = Value.integer(0, .uint8, lanes: value.lanes)
    return Value(line("icmp ne \(value.typed), \(zero.text)"), .bool, lanes: value.lanes)
  }

  private func toMemory(_ value: Value) -> Value {
    guard value.type == .bool else { return value }
    let byte = ScalarType.uint8.llvm(lanes: value.lanes)
    return Value(line("zext \(value.typed) to \(byte)"), .uint8, lanes: value.lanes)
  }
}
