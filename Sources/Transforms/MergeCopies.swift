import LoopIR
import Passes

/// Lets a variable that is a copy of another be that one, under the user's name where one of them has it.
///
///     value = u[i]                     ue = u[i]
///     ue = value                  →    y[i] = ue + 1.0
///     y[i] = ue + 1.0
///
/// `t = s` makes a copy where nothing else assigns `t`, and where all that reads `t` follows in the same block, before anything
/// assigns `s` again. Blocks are gone through from their ends, so that what follows has been merged already.
///
/// Where `t` has other values, too, and `s` was made for this one alone, it is `t` that has the value from the start:
///
///     value = u[i + 1]                 ue = u[i + 1]
///     value_2 = u[i - 1]               uw = u[i - 1]
///     ue = value                  →
///     uw = value_2
public let mergeCopies = Pass<LoopFunction>("merge-copies") { function, _ in
  var merging = CopyMerging(of: function)
  var body = function.body
  merging.merge(&body)
  var result = merging.function
  result.body = body
  return result
}

private struct CopyMerging {
  var function: LoopFunction
  /// How often each variable is assigned, and how often it is read.
  private var assignments: [VariableID: Int] = [:]
  private var reads: [VariableID: Int] = [:]

  init(of function: LoopFunction) {
    self.function = function
    function.body.forEachStatement { statement in
      for id in statement.variablesSet { assignments[id, default: 0] += 1 }
      guard case .loop(let loop) = statement.kind else { return }
      // Each thread or iteration may have an accumulator of its own, which the loop assigns once more.
      for reduction in loop.reductions {
        assignments[reduction.accumulator, default: 0] += 1
        reads[reduction.accumulator, default: 0] += 1
      }
    }
    function.forEachExpression { e in
      if case .variable(let id) = e.kind { reads[id, default: 0] += 1 }
    }
  }

  mutating func merge(_ block: inout [Statement]) {
    for position in block.indices.reversed() {
      block[position] = block[position].mapBlocks { inner in
        var inner = inner
        merge(&inner)
        return inner
      }
      guard case .assign(let copy, let value) = block[position].kind,
        case .variable(let original) = value.kind, copy != original,
        function[copy].role == .local, function[copy].type == function[original].type
      else { continue }
      if let end = endOfReads(of: copy, to: original, in: block[(position + 1)...]) {
        merge(copy, into: original, in: &block, (position + 1)..<end)
        block.remove(at: position)
      } else if let start = onlyValue(of: original, before: copy, in: block[..<position]),
        case .assign(_, let value) = block[start].kind
      {
        block[start] = Statement(.assign(copy, value), at: block[start].span)
        block.remove(at: position)
        (assignments[original], reads[original]) = (nil, nil)
      }
    }
  }

  /// Lets statements read the original.
  private mutating func merge(
    _ copy: VariableID, into original: VariableID, in block: inout [Statement],
    _ readers: Range<Int>
  ) {
    let read = Expression(.variable(original), function[original].type)
    block.replaceSubrange(
      readers, with: block[readers].mapExpressions { $0.kind == .variable(copy) ? read : $0 })
    reads[original, default: 0] += reads[copy, default: 0] - 1
    (assignments[copy], reads[copy]) = (nil, nil)
    if function[original].isNameMade, !function[copy].isNameMade {
      function[original].name = function[copy].name
      function[original].isNameMade = false
    }
  }

  /// Where a variable that is none of the program's, or another one of the same name, is assigned the only value that it has: one
  /// that goes to the copy alone, and could as well do so there.
  private func onlyValue(
    of original: VariableID, before copy: VariableID, in block: ArraySlice<Statement>
  ) -> Int? {
    guard assignments[original] == 1, reads[original] == 1,
      function[original].isNameMade || function[original].name == function[copy].name
    else { return nil }
    for (position, statement) in zip(block.indices, block).reversed() {
      if case .assign(original, _) = statement.kind { return position }
      var isMentioned = statement.sets(copy)
      [statement].forEachExpression { e in
        isMentioned = isMentioned || e.kind == .variable(copy)
      }
      if isMentioned { return nil }
    }
    return nil
  }

  /// The position behind the last statement that reads the copy; nil where the copy may not be the original there.
  private func endOfReads(
    of copy: VariableID, to original: VariableID, in followers: ArraySlice<Statement>
  ) -> Int? {
    guard assignments[copy] == 1 else { return nil }
    var left = reads[copy, default: 0]
    for (position, statement) in zip(followers.indices, followers) where left > 0 {
      [statement].forEachExpression { if $0.kind == .variable(copy) { left -= 1 } }
      if statement.sets(original) { return nil }
      if left == 0 { return position + 1 }
    }
    return left == 0 ? followers.startIndex : nil
  }
}

extension Statement {
  /// Whether the statement, or one inside it, gives a variable a value.
  fileprivate func sets(_ variable: VariableID) -> Bool {
    var found = false
    [self].forEachStatement { found = found || $0.variablesSet.contains(variable) }
    return found
  }

  /// The variables that the statement itself gives a value.
  fileprivate var variablesSet: [VariableID] {
    switch kind {
    case .assign(let id, _): [id]
    case .call(let call): call.result.map { [$0] } ?? []
    case .loop(let loop): [loop.variable]
    case .store, .whileLoop, .conditional, .device, .allocate, .requireEqual, .launch, .barrier: []
    }
  }
}
