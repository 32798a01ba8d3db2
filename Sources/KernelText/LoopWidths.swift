import GPUMapping
import LoopIR

/// Which integers of a kernel are of type `int`, although they have 64 bits in the program.
///
///     for i in 0..<n: y[i * m + j] = …     →     for (int i = …; i < n; i += 128) y[i * m + j] = …;
///
/// A GPU has no registers of 64 bits: sums take two instructions there, products four. So a parameter, a local or the variable of a
/// loop is an `int` where `ValueRanges` proves that all it becomes fits, the sum after the last iteration too; and offsets in an array
/// are computed with `int` where all of them fit (`Buffer.hasShortOffsets`). The proof of a version with run-time extents is that
/// the call takes it only for arguments that are not large. Values are those of the program: an `int` is widened where a sum of it
/// may leave 32 bits.
extension FunctionEmitter {
  /// How the variable of a loop is counted.
  struct LoopWidth {
    /// Whether it is an `int`, and with it all that it is computed from.
    var isShort: Bool
    /// Whether the variable itself is counted up or down to its bound; else iterations are counted.
    var isPlain: Bool
  }

  /// Whether a value is one of 32 bits.
  func fitsInt(_ e: Expression) -> Bool {
    ranges.range(of: e)?.isInside(.int32) ?? false
  }

  /// The name of the type that a parameter or a local of the kernel has.
  func typeName(of id: VariableID) -> String {
    shortVariables.contains(id) ? "int" : name(of: host[id].type)
  }

  func width(of loop: ForLoop) -> LoopWidth {
    let level = loop.mapping.level
    // No iteration overflows without a share: the variable stops at its bound.
    let isNear = loop.lower.integerLiteral.map { (0..<1 << 32).contains($0) } ?? false
    let isPlainAnyway = loop.step == 1 && (level == nil || isNear)
    guard let stride = greatestStride(of: loop), let values = values(of: loop, stride) else {
      return LoopWidth(isShort: false, isPlain: isPlainAnyway)
    }
    // Where threads share it, iterations and what is left of them are counted in the same type: up to the distance of the bounds.
    let distance = level == nil ? values : ValueRange.applying(.subtract, values, values)
    guard let distance else { return LoopWidth(isShort: false, isPlain: isPlainAnyway) }
    let isShort = kernel != nil && values.isInside(.int32) && distance.isInside(.int32)
    return LoopWidth(isShort: isShort, isPlain: loop.step == 1 || level == nil)
  }

  /// All that the variable becomes, before the first iteration and after the last one too; nil where that leaves 64 bits.
  ///
  /// - Parameter stride: the most iterations from one of a thread to its next.
  private func values(of loop: ForLoop, _ stride: Int64) -> ValueRange? {
    guard let lower = ranges.range(of: loop.lower),
      let upper = ranges.range(of: loop.upper)
    else { return nil }
    let step = Int64(loop.step)
    let (leap, overflows) = step.multipliedReportingOverflow(by: stride)
    if overflows { return nil }
    let last =
      step > 0
      ? ValueRange(lower.least, max(upper.greatest, lower.greatest, .min + 1) - 1)
      : ValueRange(min(upper.least, lower.least, .max - 1) + 1, lower.greatest)
    return ValueRange.applying(.add, last, ValueRange(min(leap, 0), max(leap, 0)))
  }

  /// The most iterations from one of a thread to its next, or behind the last of those it has in a row; nil where that leaves 64 bits.
  private func greatestStride(of loop: ForLoop) -> Int64? {
    let lanes = Int64(loop.mapping.lanes)
    guard lanes > 1 else { return greatestStride(loop.mapping.level) }
    guard let stride = greatestStride(loop.mapping.level) else { return nil }
    let (rows, overflows) = stride.addingReportingOverflow(1)
    let (all, overflowsToo) = rows.multipliedReportingOverflow(by: lanes)
    return overflows || overflowsToo ? nil : all
  }

  private func greatestStride(_ level: DeviceLevel?) -> Int64? {
    guard let level else { return 1 }
    guard let grid = kernel?.grid else { return nil }
    switch level {
    case .threads: return ranges.range(of: grid.threads)?.greatest
    case .blocksX, .clusterBlocks: return ranges.range(of: grid.blocks[0])?.greatest
    case .blocksY: return ranges.range(of: grid.blocks[1])?.greatest
    case .blocksZ: return ranges.range(of: grid.blocks[2])?.greatest
    case .grid, .cluster: return greatestProduct(grid.blocks[0], grid.threads)
    }
  }

  /// The most that `e * factor` can be, of a factor that is at least 1: what was divided by the factor before is no less.
  private func greatestProduct(_ e: Expression, _ factor: Expression) -> Int64? {
    switch e.kind {
    case .binary(.pythonMin, let l, let r):
      let (left, right) = (greatestProduct(l, factor), greatestProduct(r, factor))
      guard let left, let right else { return left ?? right }
      return min(left, right)
    case .binary(.pythonMax, let l, let r):
      guard let left = greatestProduct(l, factor), let right = greatestProduct(r, factor) else {
        return nil
      }
      return max(left, right)
    case .binary(.floorDivide, let dividend, factor):
      return ranges.range(of: dividend)?.greatest
    default:
      guard let range = ranges.range(of: e), let other = ranges.range(of: factor)
      else { return nil }
      return ValueRange.applying(.multiply, range, other)?.greatest
    }
  }
}
