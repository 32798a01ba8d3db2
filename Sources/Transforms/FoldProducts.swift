import LoopIR
import Passes

/// Replaces the products that `fold-constants` keeps for the CPU, whose emitter chooses what is rounded once, by their values.
///
///     y[0] = x[0] + 0.5 * 3.0                   →   y[0] = x[0] + 1.5
///     y[0] = x[0] + (x[1] * s if True else 0)   →   y[0] = x[0] + x[1] * s
///
/// The compilers of CUDA C++ and of the Metal Shading Language would do the same before they join products with sums.
public let foldProducts = Pass<LoopFunction>("fold-products") { function, _ in
  function.mapExpressions(\.foldedWithProducts)
}
