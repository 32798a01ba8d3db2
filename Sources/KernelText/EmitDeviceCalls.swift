import LoopIR
import struct Syntax.Span

/// Calls of functions of the user's headers, on the device.
///
///     call "norm" @device(&x[i, 0:n]) into r     →     __shared__ float norm;
///                                                      if (threadIdx.x == 0) norm = norm(&x[i * n]);
///                                                      __syncthreads();
///                                                      r = norm;
///                                                      __syncthreads();
///
/// Where the threads of a block run the code together, the first of them makes the call and gives the others the result, or all make it
/// where the function asks for several. Where a thread has an iteration of its own, it calls.
extension FunctionEmitter {
  /// Calls a function of the device.
  ///
  /// - Parameter result: the variable that gets the result, or its declaration.
  func emitOnDevice(_ call: ForeignCall, at span: Span, result: String?) {
    guard let function = call.external else { return }
    module.include(function)
    let arguments = call.operands.map { argument($0) }.joined(separator: ", ")
    let value = "\(function.symbol)(\(arguments))"
    let test = call.operands.compactMap { operand -> String? in
      guard case .array(let part) = operand else { return nil }
      return rangeTest(of: part.buffer, part.start, at: span)
    }
    let isOnce = !isInThread && !function.isParallel
    guard let id = call.result, let result else {
      let conditions = (isOnce ? [isFirstThread] : []) + test
      let condition = conditions.joined(separator: " && ")
      return add(condition.isEmpty ? "\(value);" : "if (\(condition)) \(value);")
    }
    let type = host[id].type
    module.note(type)
    let tested =
      test.isEmpty ? value : "\(test.joined(separator: " && ")) ? \(value) : \(zero(type))"
    guard isOnce else { return add("\(result) = \(tested);") }
    let shared = unique("result")
    addShared("\(name(of: type)) \(shared)", bytes: type.size)
    add("if (\(module.dialect.thread) == 0) \(shared) = \(tested);")
    add(module.dialect.barrier)
    add("\(result) = \(shared);")
    add(module.dialect.barrier)
  }

  /// What is passed for an operand: a value of the very type, or the address of the first element.
  package func argument(_ operand: ForeignCall.Operand) -> String {
    switch operand {
    case .scalar(let value):
      module.note(value.type)
      let text = text(value)
      return value.isLiteral || text.isInt
        ? "(\(name(of: value.type)))\(text.inside(.unary))" : text.text
    case .array(let part):
      let buffer = host[part.buffer]
      let offset = offset(of: part.buffer, part.start)
      let address = offset == "0" ? name(part.buffer) : "&\(name(part.buffer))[\(offset)]"
      return buffer.holdsParts
        ? "(\(module.dialect.deviceSpace)\(buffer.element.pair) *)\(address)" : address
    }
  }
}

extension ScalarType {
  /// The name of two numbers of the type, as complex numbers are in memory.
  var pair: String { self == .float32 ? "float2" : "double2" }
}
