import LoopIR
import Passes

/// Lets code of the device that follows a test of two lengths run only where they are equal.
///
///     with device:                         with device:
///       require x[0] equals m        →       if x[0] == m:
///       for i in 0..<m: y[i] = x[i]            for i in 0..<m: y[i] = x[i]
///                                            else:
///                                              require x[0] equals m
///
/// A thread cannot leave a kernel where others wait for it, so what must not run stands in a condition, and the statement, which now
/// always fails, only records the lengths. The host can leave, and so it makes the tests that it can:
///
///     with device:                         n = min(k, 8)
///       n = min(k, 8)                      require n equals m
///       require n equals m           →     with device:
///       for i in 0..<n: y[i] = x[i]          for i in 0..<n: y[i] = x[i]
///
/// Temporaries that kernels cannot make stay outside of the condition, where the host makes them.
///
/// - Requires: loops have their levels.
public let guardLengths = Pass<LoopFunction>("guard-lengths") { function, _ in
  var result = function
  result.body = LengthGuard(of: function).guarded(function.body, isOnDevice: false)
  return result
}

private struct LengthGuard {
  private let function: LoopFunction
  private let deviceScalars: Set<VariableID>
  /// How many statements assign each variable.
  private var assignmentCounts: [VariableID: Int] = [:]

  init(of function: LoopFunction) {
    self.function = function
    deviceScalars = DeviceScalars(of: function.body).found
    function.body.forEachStatement { statement in
      if let id = statement.assignedVariable { assignmentCounts[id, default: 0] += 1 }
    }
  }

  func guarded(_ statements: [Statement], isOnDevice: Bool) -> [Statement] {
    var result: [Statement] = []
    for (position, statement) in statements.enumerated() {
      switch statement.kind {
      case .requireEqual(let left, let right) where isOnDevice:
        var hoisted: [BufferID] = []
        let rest = withoutTemporaries(
          guarded(Array(statements[(position + 1)...]), isOnDevice: true), &hoisted)
        let areEqual = Expression.compare(.equal, left, right)
        let conditional = Statement(
          .conditional(areEqual, then: rest, otherwise: [statement]), at: statement.span)
        return result
          + hoisted.reduce([conditional]) {
            [Statement(.allocate($1, body: $0), at: statement.span)]
          }
      case .device(let body) where !isOnDevice:
        let count = hostCount(of: body)
        let rest = guarded(Array(body.dropFirst(count)), isOnDevice: true)
        result += body.prefix(count) + [Statement(.device(rest), at: statement.span)]
      case .loop(let loop) where loop.mapping.level != nil:
        result.append(statement.mapBlocks { guarded($0, isOnDevice: true) })
      case .assign, .store, .call, .loop, .whileLoop, .conditional, .device, .allocate,
        .requireEqual, .launch, .barrier:
        result.append(statement.mapBlocks { guarded($0, isOnDevice: isOnDevice) })
      }
    }
    return result
  }

  /// The statements without those around them that make temporaries for which a kernel has no room, where their extents are
  /// known all along.
  private func withoutTemporaries(
    _ statements: [Statement], _ hoisted: inout [BufferID]
  ) -> [Statement] {
    var result: [Statement] = []
    for statement in statements {
      guard case .allocate(let id, let body) = statement.kind, !function[id].fitsKernel,
        function[id].extents.allSatisfy(function.isKnownOnEntry)
      else {
        result.append(statement)
        continue
      }
      hoisted.append(id)
      result += withoutTemporaries(body, &hoisted)
    }
    return result
  }

  /// How many statements at the top of a device block the host runs: up to the last test, as far as it knows what they read.
  private func hostCount(of body: [Statement]) -> Int {
    var known: Set<VariableID> = []
    var count = 0
    for (position, statement) in body.enumerated() {
      var isKnown = true
      statement.forEachExpression { e in
        e.forEachDescendant { part in
          if part.isLoad { isKnown = false }
          if case .variable(let id) = part.kind, deviceScalars.contains(id), !known.contains(id) {
            isKnown = false
          }
        }
      }
      if !isKnown { return count }
      switch statement.kind {
      case .assign(let id, _) where assignmentCounts[id] == 1: known.insert(id)
      case .requireEqual: count = position + 1
      case .assign, .store, .call, .loop, .whileLoop, .conditional, .device, .allocate, .launch,
        .barrier:
        return count
      }
    }
    return count
  }
}
