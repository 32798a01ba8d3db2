import LoopIR
import Passes
import Schedule

/// Gives the threads of a block four iterations in a row, so that they read and write 128 bits at once.
///
///     @threads for k in 0..<n:                        @threads @lanes(4) for k in 0..<n:
///       y[i, k] = exp(x[i, k] - m) / s        →         y[i, k] = exp(x[i, k] - m) / s
///
/// A thread then takes iterations 4t, 4t + 1, 4t + 2 and 4t + 3 of every 4T, where T threads have at least eight each: with
/// fewer, those that have four more than others are waited for. One access of 16 bytes costs the load-store unit what one of 4 bytes does, and keeps more bytes under way (J. Luitjens,
/// CUDA Pro Tip: Increase Performance with Vectorized Memory Access, 2013).
///
/// Who computes which part of a declared reduction decides how its result is rounded, so there only the trip count and the
/// threads count: what an index or a condition looks like depends on which arguments a version knows. Without a reduction,
/// the loop is changed where all that it touches lies in rows.
///
/// - Parameter schedule: the schedule of each label.
public func widenAccesses(_ schedule: [String: LoopSchedule]) -> Pass<LoopFunction> {
  Pass("widen-accesses") { function, _ in
    var result = function
    result.body = function.body.flatMapStatements { statement in
      guard case .loop(var loop) = statement.kind, loop.mapping.level == .threads, loop.step == 1,
        loop.condition == nil, loop.mapping.unroll == 1, !loop.isShort(schedule)
      else { return [statement] }
      if loop.reductions.isEmpty {
        guard let accesses = RowAccesses(of: loop, in: function), accesses.areAll else {
          return [statement]
        }
      }
      loop.mapping.lanes = RowAccesses.lanes
      return [Statement(.loop(loop), at: statement.span)]
    }
    return result
  }
}

extension ForLoop {
  /// Whether it is known to have too few iterations for each thread of a block.
  fileprivate func isShort(_ schedule: [String: LoopSchedule]) -> Bool {
    guard let request = LevelRequest(self, schedule), let trips = tripCount.integerLiteral,
      let asked = request.threads.integerLiteral
    else { return false }
    // A block has at least as many threads, and the literals are far below the ends of 64 bits.
    let threads = min(max(1, asked), Int64(request.threadsPerBlock))
    return trips < Int64(RowAccesses.leastPerThread) &* threads
  }
}

/// The elements of arrays that iterations in a row find in a row, each read or written once an iteration.
///
///     y[i, k] = a * x[i, k] + y[i, k] + z[k, i]     of a loop over k:  y[i, k], read and written; x[i, k], read
///
/// What is stored to is accessed at that place alone, so the reads of several iterations may come before their writes.
public struct RowAccesses {
  /// An element whose last index is the loop's variable and a distance that is the same in all iterations.
  public struct Row: Hashable {
    public var buffer: BufferID
    public var indices: [Expression]

    /// Creates the element of `buffer` at `indices`.
    public init(buffer: BufferID, indices: [Expression]) {
      self.buffer = buffer
      self.indices = indices
    }
  }

  /// The iterations that a thread has in a row.
  public static let lanes = 4
  /// With fewer iterations a thread has no two of them in a row.
  public static let leastPerThread = 8

  /// Those that are read in every iteration, in order.
  public private(set) var loaded: [Row] = []
  /// Those that are written in every iteration, in order.
  public private(set) var stored: [Row] = []
  /// Whether the loop accesses nothing else that depends on the iteration, and elements of 4 bytes alone.
  public private(set) var areAll = true

  /// All of them, each once.
  public var all: [Row] { loaded + stored.filter { !loaded.contains($0) } }

  /// - Returns: nil where there are none, or where the order of reads and writes counts.
  public init?(of loop: ForLoop, in function: LoopFunction) {
    guard loop.step == 1, loop.condition == nil, loop.updates.isEmpty else { return nil }
    var operations = 0
    loop.body.forEachExpression { operations += $0.nodeCount }
    guard operations <= Self.mostOperations else { return nil }
    let changed = Set(loop.body.compactMap(\.assignedVariable))
    let variable = function.read(loop.variable)

    /// Whether iterations in a row access elements in a row.
    func isRow(_ id: BufferID, _ indices: [Expression]) -> Bool {
      guard let last = indices.last, function[id].isContiguousAlongLast,
        function[id].element.hasWords,
        !indices.contains(where: { $0.contains(\.isLoad) || $0.isChecked || $0.mentions(changed) })
      else { return false }
      let position = LinearSum(last)
      let others = position.terms.map(\.term).filter { $0.kind != variable.kind }
      return position.isExact && position.coefficient(of: variable) == 1
        && (others + indices.dropLast()).allSatisfy { !$0.mentions([loop.variable]) }
    }

    var writes: [BufferID: [Expression]] = [:]
    for statement in loop.body {
      switch statement.kind {
      case .assign: break
      case .store(let id, let indices, _):
        guard isRow(id, indices), writes[id, default: indices] == indices else { return nil }
        writes[id] = indices
      case .loop, .whileLoop, .conditional, .device, .allocate, .launch, .barrier, .call,
        .requireEqual:
        return nil
      }
    }
    let isShared = writes.keys.contains { function[$0].mayAlias }
    for statement in loop.body {
      if case .store(let id, let indices, _) = statement.kind {
        let row = Row(buffer: id, indices: indices)
        if !stored.contains(row) { stored.append(row) }
        areAll = areAll && function[id].element.size == 4
      }
      var isOrdered = true
      statement.forEachExpression { e in
        e.forEachLoad { id, indices, isAlways in
          if let own = writes[id], own != indices { isOrdered = false }
          if isShared && writes[id] == nil && function[id].mayAlias { isOrdered = false }
          if isAlways && isRow(id, indices) {
            let row = Row(buffer: id, indices: indices)
            if !loaded.contains(row) { loaded.append(row) }
            areAll = areAll && function[id].element.size == 4
          } else if indices.contains(where: { $0.mentions(changed.union([loop.variable])) }) {
            areAll = false
          }
        }
      }
      guard isOrdered else { return nil }
    }
    if isShared && writes.count > 1 { return nil }
    if loaded.isEmpty && stored.isEmpty { return nil }
  }

  /// What takes longer does not wait for memory, and stands in the text twice.
  private static let mostOperations = 64
}

extension Buffer {
  /// Whether the elements along the last dimension are known to lie side by side.
  fileprivate var isContiguousAlongLast: Bool {
    !extents.isEmpty && strides?.last?.integerLiteral ?? 1 == 1
  }
}

extension ScalarType {
  /// Whether two or four of them make 16 bytes that a target has a type for.
  fileprivate var hasWords: Bool { !isComplex && self != .bool && (size == 4 || size == 8) }
}

extension Expression {
  /// Calls `visit` with each element that is read, and whether that happens whatever the values are.
  fileprivate func forEachLoad(
    isAlways: Bool = true, _ visit: (BufferID, [Expression], Bool) -> Void
  ) {
    switch kind {
    case .load(let id, let indices):
      visit(id, indices, isAlways)
      indices.forEach { $0.forEachLoad(isAlways: isAlways, visit) }
    case .select(let condition, let then, let otherwise):
      condition.forEachLoad(isAlways: isAlways, visit)
      then.forEachLoad(isAlways: false, visit)
      otherwise.forEachLoad(isAlways: false, visit)
    case .logical(_, let left, let right):
      left.forEachLoad(isAlways: isAlways, visit)
      right.forEachLoad(isAlways: false, visit)
    case .integer, .float, .variable, .unary, .binary, .compare, .convert, .math, .checked,
      .complex, .part:
      forEachChild { $0.forEachLoad(isAlways: isAlways, visit) }
    }
  }
}
