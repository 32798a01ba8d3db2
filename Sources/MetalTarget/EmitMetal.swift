import GPUMapping
import KernelText
import LoopIR
import struct Syntax.DiagnosticError

/// Writes the kernels of a device program in the Metal Shading Language.
///
///     float32[n] x, y; a              →    kernel void axpy_kernel0(
///     @threads for i in 0..<n: …               device const float *x [[buffer(0)]], …, constant float &a [[buffer(2)]],
///                                              uint3 thread_index [[thread_position_in_threadgroup]], …) { … }
///
/// Arrays come first among a kernel's buffers, then its live-ins in the order of the table, then the error slot.
///
/// - Parameter isStrict: whether multiplications and additions stay apart; Apple's compiler has no option for that.
/// - Throws: a diagnostic for what Metal does not have.
public func emitMetal(
  _ program: DeviceProgram, isStrict: Bool
) throws(DiagnosticError) -> String {
  let obstacles = program.obstaclesOnMetal
  if !obstacles.isEmpty { throw DiagnosticError(obstacles) }
  let module = ModuleEmitter(program, MetalDialect())
  var kernels: [String] = []
  for kernel in program.kernels {
    let (text, sharedBytes) = module.emit(kernel)
    kernels.append(text)
    if let error = kernel.excess(sharedBytes: sharedBytes, hasSlot: module.hasSlot) {
      throw DiagnosticError(error)
    }
  }
  let contraction = isStrict ? "\(MetalDialect.withoutContraction)\n" : ""
  return
    "#include <metal_stdlib>\n\(module.includeLines)using namespace metal;\n\(contraction)\n"
    + module.definitions + kernels.joined(separator: "\n")
}
