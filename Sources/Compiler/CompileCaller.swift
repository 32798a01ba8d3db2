import CPUTarget
import LoopIR
import Schedule
import struct Syntax.DiagnosticError

/// Compiles for the CPU what calls an external function, for host parts that run as data.
///
///     float mix(float a, int64_t *x, int32_t k)   →   def mix(result: float64[1], p1: int8[1], p0: float32, p2: int32):
///                                                       call "mix"(p0, &p1[0:1], p2) into value
///                                                       result[0] = float64(value)
///
/// The words of the entry point are so the address of the result's word, those of the arrays, and the scalars; the result is a float64
/// or an int64, as `CallbackSignature` has it.
///
/// - Returns: the name of the entry point, which has the type of `CompiledProgram.entry`, and its text.
public func compileCaller(
  of signature: ExternalSignature, for machine: Machine, isStrict: Bool
) -> (entry: String, code: String) {
  var function = LoopFunction(signature.symbol)
  func addArray(_ name: String, _ element: ScalarType) -> BufferID {
    let position = function.buffers.count
    function.buffers.append(
      Buffer(name, element, extents: [.index(1)], role: .argument(position), mayAlias: true))
    return BufferID(position)
  }
  func addVariable(_ name: String, _ type: ScalarType, _ role: Variable.Role) -> VariableID {
    function.variables.append(Variable(name, type, role: role))
    return VariableID(function.variables.count - 1)
  }
  let wide = (signature.result ?? .int64).isFloat ? ScalarType.float64 : .int64
  let result = addArray("result", wide)
  var scalarCount = 0
  var call = ForeignCall(.external(ExternalFunction(signature.symbol)), [])
  for (position, type) in signature.parameters.enumerated() {
    if let type {
      let scalar = addVariable("p\(position)", type, .parameter(scalarCount))
      scalarCount += 1
      call.operands.append(.scalar(function.read(scalar)))
    } else {
      // Of what a pointer points to the C ABI knows nothing.
      let array = addArray("p\(position)", .int8)
      let all = ArrayPart.Dimension.range(start: .index(0), extent: .index(1), step: 1)
      call.operands.append(.array(ArrayPart(array, [all])))
    }
  }
  call.result = signature.result.map { addVariable("value", $0, .local) }
  function.body = [Statement(.call(call))]
  if let id = call.result {
    let value = function.read(id).converted(to: wide)
    function.body.append(Statement(.store(result, [.index(0)], value)))
  }
  let program = outlineKernels(function)
  return (entryName(of: program), emitLLVM(program, for: machine, isStrict: isStrict))
}
