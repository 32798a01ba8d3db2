import LoopIR

/// The elements of arrays that iterations in a row find in a row, each read or written once an iteration.
///
///     y[i, k] = a * x[i, k] + x[i, k + 1] + z[k, i]     of a loop over k
///
///     windows: y[i, k], written; x[i, k] and one element behind the last, read
///
/// What is stored to is accessed at that place alone, so the reads of several iterations may come before their writes. The
/// body may stand in a loop of its own, which every iteration then runs for itself: of several rows at a time, all of which
/// are aligned where the first is.
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

  /// What `lanes` iterations access of neighbouring rows of one array: elements side by side.
  public struct Window {
    /// The row that begins first.
    public var first: Row
    /// How far that begins behind a multiple of 16 bytes, where the loop's reference does at one.
    fileprivate var phase: Int
    /// How far behind the first each row begins.
    fileprivate var offsets: Set<Int> = [0]
    public fileprivate(set) var isLoaded = false
    public fileprivate(set) var isStored = false

    /// From the first element to the last.
    public var count: Int { (offsets.max() ?? 0) + lanes }

    /// The elements that are accessed, those in one access which begin at a multiple of 16 bytes and are accessed all.
    public var parts: [Part] {
      let isUsed = (0..<count).map { element in
        offsets.contains { $0 <= element && element < $0 + lanes }
      }
      var parts: [Part] = []
      var element = 0
      while element < count {
        let isWord =
          (phase + element) % lanes == 0 && element + lanes <= count
          && isUsed[element..<element + lanes].allSatisfy { $0 }
        if isUsed[element] { parts.append(Part(element: element, isWord: isWord)) }
        element += isWord ? lanes : 1
      }
      return parts
    }
  }

  /// One access: `lanes` elements side by side, or a single one.
  public struct Part {
    /// Which element of the window it begins with.
    public var element: Int
    public var isWord: Bool
  }

  /// The iterations that a thread has in a row.
  public static let lanes = 4
  /// With fewer iterations a thread has no two of them in a row.
  public static let leastPerThread = 8

  /// In the order of the program.
  public private(set) var windows: [Window] = []
  /// Where the element of the first lane stands: in which window, and how far behind its begin.
  public private(set) var places: [Row: (window: Int, offset: Int)] = [:]
  /// Whether the loop accesses nothing else that depends on the iteration, and elements of 4 bytes, several at once.
  public private(set) var areAll = true
  /// Whether rows are known to begin at all multiples of an element's size, and so at few of 16 bytes.
  public private(set) var haveOddPitches = false
  /// The loop that is the body's only statement.
  public private(set) var inner: ForLoop?

  /// - Returns: nil where there are none, where the order of reads and writes counts, or where the rows of an inner loop may be
  ///   aligned in some of its iterations alone.
  public init?(of loop: ForLoop, in function: LoopFunction) {
    guard loop.step == 1, loop.condition == nil, loop.updates.isEmpty else { return nil }
    var body = loop.body
    if body.count == 1, case .loop(let rows)? = body.first?.kind {
      // Row by row, a thread would add up other iterations one after the other than element by element.
      guard loop.reductions.isEmpty, rows.isPlain, rows.mapping.level == nil,
        ![rows.lower, rows.upper].contains(where: {
          $0.contains(\.isLoad) || $0.mentions([loop.variable])
        })
      else { return nil }
      inner = rows
      body = rows.body
    }
    var operations = 0
    body.forEachExpression { _ in operations += 1 }
    guard operations <= Self.mostOperations else { return nil }
    let changed = Set(body.compactMap(\.assignedVariable))
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
    for statement in body {
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
    if isShared && writes.count > 1 { return nil }
    var loaded: [Row] = []
    var stored: [Row] = []
    for statement in body {
      if case .store(let id, let indices, _) = statement.kind {
        let row = Row(buffer: id, indices: indices)
        if !stored.contains(row) { stored.append(row) }
      }
      var isOrdered = true
      statement.forEachExpression { e in
        e.forEachLoad { id, indices, isAlways in
          if let own = writes[id], own != indices { isOrdered = false }
          if isShared && writes[id] == nil && function[id].mayAlias { isOrdered = false }
          // What is stored to in each iteration may also be read in each.
          if (isAlways || writes[id] == indices) && isRow(id, indices) {
            let row = Row(buffer: id, indices: indices)
            if !loaded.contains(row) { loaded.append(row) }
          } else if indices.contains(where: { $0.mentions(changed.union([loop.variable])) }) {
            areAll = false
          }
        }
      }
      guard isOrdered else { return nil }
    }
    guard let reference = (stored + loaded).first else { return nil }
    for row in loaded { add(row, reference, \.isLoaded) }
    for row in stored { add(row, reference, \.isStored) }
    for window in windows {
      let words = window.parts.count(where: \.isWord)
      areAll =
        areAll && function[window.first.buffer].element.size == 4
        && window.parts.count - words <= 2 * words
      let buffer = function[window.first.buffer]
      haveOddPitches = haveOddPitches || buffer.pitchRests.contains { $0 != nil && $0 != 0 }
      if let inner, words > 0, !window.first.isAlignedAlike(in: inner, of: buffer) { return nil }
    }
  }

  /// The windows with an access of 16 bytes, but for those that are aligned where another of them is.
  public func windowsToTest(in function: LoopFunction) -> [Window] {
    var tested: [Window] = []
    for window in windows where window.parts.contains(where: \.isWord) {
      let isLikeAnother = tested.contains { other in
        other.first.buffer == window.first.buffer
          && window.first.distance(from: other.first) != nil
          && function[window.first.buffer].hasWholePitches
      }
      if !isLikeAnother { tested.append(window) }
    }
    return tested
  }

  /// Adds a row to the window of its neighbours, or as one of its own.
  private mutating func add(_ row: Row, _ reference: Row, _ use: WritableKeyPath<Window, Bool>) {
    if let place = places[row] { return windows[place.window][keyPath: use] = true }
    for index in windows.indices where windows[index].first.isBeside(row) {
      guard let distance = row.distance(from: windows[index].first),
        windows[index].offsets.contains(where: { abs($0 - distance) <= Self.lanes })
      else { continue }
      windows[index][keyPath: use] = true
      let behind = max(distance, 0)
      let shift = behind - distance
      if shift > 0 {
        windows[index].first = row
        windows[index].phase = (windows[index].phase - shift).modulo(Self.lanes)
        windows[index].offsets = Set(windows[index].offsets.map { $0 + shift })
        for (known, place) in places where place.window == index {
          places[known]?.offset += shift
        }
      }
      windows[index].offsets.insert(behind)
      places[row] = (index, behind)
      return
    }
    let phase = row.distance(from: reference) ?? 0
    var window = Window(first: row, phase: phase.modulo(Self.lanes))
    window[keyPath: use] = true
    places[row] = (windows.count, 0)
    windows.append(window)
  }

  /// What takes longer does not wait for memory, and stands in the text twice.
  private static let mostOperations = 64
}

extension RowAccesses.Row {
  /// Whether the other is one of the same array, with the same indices before the last.
  fileprivate func isBeside(_ other: Self) -> Bool {
    buffer == other.buffer && indices.dropLast() == other.indices.dropLast()
  }

  /// Whether its element is known to be a multiple of 16 bytes in all iterations of a loop or in none.
  fileprivate func isAlignedAlike(in rows: ForLoop, of array: Buffer) -> Bool {
    guard let last = indices.last, !last.mentions([rows.variable]) else { return false }
    return array.hasWholePitches || !indices.contains { $0.mentions([rows.variable]) }
  }

  /// How far this begins behind the other along the last dimension, where that is known and not far.
  fileprivate func distance(from other: Self) -> Int? {
    guard let own = indices.last, let last = other.indices.last else { return nil }
    var distance = LinearSum(own)
    distance.add(last, times: -1)
    guard distance.isExact, distance.terms.isEmpty else { return nil }
    return (-1 << 30..<1 << 30).contains(distance.constant) ? Int(distance.constant) : nil
  }
}

extension ForLoop {
  /// How many iterations before its first the place of its first stored row is a multiple of 16 bytes, if rows begin at one;
  /// 0 where that is not known.
  public var rowPhase: Int {
    var last: Expression?
    body.forEachStatement { statement in
      if last == nil, case .store(_, let indices, _) = statement.kind { last = indices.last }
    }
    guard let last else { return 0 }
    var start = LinearSum(last)
    start.add(Expression(.variable(variable), .int64), times: -1)
    start.add(lower, times: 1)
    guard start.isExact, start.terms.isEmpty else { return 0 }
    return Int(start.constant % Int64(RowAccesses.lanes)).modulo(RowAccesses.lanes)
  }

  /// Whether all its iterations run, one by one, and have no results to join.
  fileprivate var isPlain: Bool {
    step == 1 && condition == nil && reductions.isEmpty && updates.isEmpty
  }
}

extension Int {
  /// The rest of a division towards negative infinity by a positive number.
  fileprivate func modulo(_ divisor: Int) -> Int {
    let rest = self % divisor
    return rest < 0 ? rest + divisor : rest
  }
}

extension Buffer {
  /// Whether the elements along the last dimension are known to lie side by side.
  fileprivate var isContiguousAlongLast: Bool {
    guard let strides else { return !extents.isEmpty }
    return strides.last?.integerLiteral == 1
  }

  /// Whether from one row to the next there are so many elements that all are aligned where one is.
  fileprivate var hasWholePitches: Bool { pitchRests.allSatisfy { $0 == 0 } }

  /// The elements from one row to the next beyond a multiple of those that a thread has in a row, where they are known.
  fileprivate var pitchRests: [Int64?] {
    effectiveStrides.dropLast().map { $0.integerLiteral.map { $0 % Int64(RowAccesses.lanes) } }
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
