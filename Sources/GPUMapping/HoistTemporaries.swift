import LoopIR
import Passes
import struct Syntax.Span

/// Makes temporaries that do not fit a kernel in device memory before it, with a part for each parallel iteration.
///
///     @workers(64) for i in 0..<n:                   with temporary t: float64[m, n]:
///       with temporary t: float64[m]:          →       @workers(64) for i in 0..<n:
///         for k in 0..<m: t[k] = …                       for k in 0..<m: t[k, i] = …
///
/// The iteration comes last where no other threads share its part: neighbouring threads then touch neighbouring elements. Where
/// parallel loops are inside, it comes first. Sequential iterations use one part again.
///
/// Left alone are temporaries small enough for registers, stack or shared memory, those that calls take, and those whose size, or
/// whose number, only the device knows.
public let hoistTemporaries = Pass<LoopFunction>("hoist-temporaries") { function, _ in
  var hoister = TemporaryHoister(function)
  let body = hoister.hoisted(in: function.body, isOnDevice: false)
  var result = hoister.function
  result.body = body
  return result
}

private struct TemporaryHoister {
  var function: LoopFunction
  private let deviceScalars: DeviceScalars
  /// What the kernel around changes, and the parallel loops around a statement of it, outermost first.
  private var changed: Set<VariableID> = []
  private var passed: Set<BufferID> = []
  private var loops: [ForLoop] = []
  /// The temporaries of the kernel that are hoisted.
  private var found: [BufferID] = []

  init(_ function: LoopFunction) {
    self.function = function
    deviceScalars = DeviceScalars(of: function.body)
  }

  /// - Parameter isOnDevice: whether they stand directly in a device block.
  mutating func hoisted(in statements: [Statement], isOnDevice: Bool) -> [Statement] {
    statements.flatMap { statement -> [Statement] in
      var copy = self
      defer { self = copy }
      switch statement.kind {
      case .device:
        return [statement.mapBlocks { copy.hoisted(in: $0, isOnDevice: true) }]
      case .allocate:
        return [statement.mapBlocks { copy.hoisted(in: $0, isOnDevice: isOnDevice) }]
      case .loop(let loop) where loop.mapping.workers != nil: return copy.kernel(statement)
      case .assign, .store, .call, .loop, .whileLoop, .conditional, .requireEqual, .launch,
        .barrier:
        if isOnDevice { return copy.kernel(statement) }
        return [statement.mapBlocks { copy.hoisted(in: $0, isOnDevice: false) }]
      }
    }
  }

  /// A statement that runs on the device, in the temporaries it does not make itself.
  private mutating func kernel(_ statement: Statement) -> [Statement] {
    changed = [statement].changedVariables
    passed = Set([statement].foreignCalls.flatMap(\.buffers))
    found = []
    let moved = inner([statement])
    return found.reversed().reduce(moved) {
      [Statement(.allocate($1, body: $0), at: statement.span)]
    }
  }

  private mutating func inner(_ statements: [Statement]) -> [Statement] {
    statements.flatMap { statement -> [Statement] in
      var copy = self
      var isParallel = false
      if case .loop(let loop) = statement.kind, loop.mapping.workers != nil {
        isParallel = true
        copy.loops.append(loop)
      }
      let result = statement.mapBlocks { copy.inner($0) }
      if isParallel { copy.loops.removeLast() }
      defer { self = copy }
      guard case .allocate(let id, let body) = result.kind, copy.isHoistable(id) else {
        return [result]
      }
      return copy.expanded(id, body)
    }
  }

  /// Whether the host can make a temporary, and enough of it for all iterations.
  private func isHoistable(_ id: BufferID) -> Bool {
    let buffer = function[id]
    guard !buffer.fitsKernel, buffer.strides == nil, !passed.contains(id) else { return false }
    func isFixed(_ e: Expression) -> Bool {
      deviceScalars.isKnownToHost(e) && !e.mentions(changed)
    }
    return buffer.extents.allSatisfy(isFixed)
      && loops.allSatisfy { isFixed($0.lower) && isFixed($0.tripCount) }
  }

  private mutating func expanded(_ id: BufferID, _ body: [Statement]) -> [Statement] {
    found.append(id)
    var isShared = body.containsParallelLoop
    return loops.reversed().reduce(body) { body, loop in
      let expansion = PrivateExpansion(of: loop, in: function)
      defer { isShared = true }
      return expansion.expand(id, at: isShared ? .first : .last, in: body, &function)
    }
  }
}

extension Buffer {
  /// The most bytes of a temporary that a kernel makes, in the registers and stack of a thread or the shared memory of a block.
  static var mostBytesInKernel: Int64 { 16384 }

  /// Whether a kernel can make the temporary.
  var fitsKernel: Bool {
    var bytes = Int64(element.size)
    for extent in extents {
      guard let literal = extent.integerLiteral else { return false }
      let (product, overflow) = bytes.multipliedReportingOverflow(by: max(1, literal))
      if overflow { return false }
      bytes = product
    }
    return bytes <= Self.mostBytesInKernel
  }
}
