import LoopIR
import Schedule
import struct Syntax.Span

/// Calls of external functions by the C ABI, and of Python functions through the runtime.
extension FunctionEmitter {
  func emit(_ call: ForeignCall, at span: Span) {
    if let signature = call.externalSignature(in: host) {
      emitExternal(call, signature, at: span)
    } else if let signature = call.callbackSignature(in: host) {
      emitCallback(call, signature, at: span)
    }
  }

  /// The address of the first element of a part; an index that is tested is tested now.
  private func address(of part: ArrayPart, at span: Span) -> String {
    withTested(part.start, of: part.buffer, at: span) { self.address(part.buffer, $0) }
  }

  // MARK: External functions

  private func emitExternal(_ call: ForeignCall, _ signature: ExternalSignature, at span: Span) {
    let operands = call.operands.map { operand in
      switch operand {
      case .scalar(let value): passed(emit(value))
      case .array(let part): "ptr \(address(of: part, at: span))"
      }
    }
    let name = module.declare(signature)
    let text = "@\(name)(\(operands.joined(separator: ", ")))"
    guard let id = call.result, let type = signature.result else { return add("call void \(text)") }
    let result = line("call \(type.cResult) \(text)")
    assign(id, Value(type.isHalf ? line("bitcast \(type.c) \(result) to i16") : result, type))
  }

  /// A scalar as the C ABI passes it.
  private func passed(_ value: Value) -> String {
    let text = value.type.isHalf ? line("bitcast i16 \(value.text) to \(value.type.c)") : value.text
    return "\(value.type.cParameter) \(text)"
  }

  // MARK: Python functions

  /// The words of the call lie on the stack; what comes back other than 0 ends the function, which frees what it holds.
  private func emitCallback(_ call: ForeignCall, _ signature: CallbackSignature, at span: Span) {
    let count = signature.operands.reduce(1) { $0 + $1.wordCount }
    let words = alloca("[\(count) x i64]", name: "words", alignment: 8)
    var position = 1
    func append(_ typed: String) {
      let place = line("getelementptr inbounds i64, ptr \(words), i64 \(position)")
      add("store \(typed), ptr \(place), align 8")
      position += 1
    }
    for operand in call.operands {
      switch operand {
      case .scalar(let value): append(word(of: emit(value)))
      case .array(let part):
        append("ptr \(address(of: part, at: span))")
        for size in part.extents + part.strides(in: host[part.buffer]) { append(emit(size).typed) }
      }
    }
    let index = module.callbacks.firstIndex(of: signature) ?? 0
    let function = runtimeFunction(at: 5)
    let status = line("call i64 \(function)(ptr %slot, i64 \(index), ptr \(words))")
    branch(
      on: line("icmp ne i64 \(status), 0"),
      then: {
        self.heapTemporaries.reversed().forEach(self.free)
        self.add("ret i64 \(status)")
        self.open(self.label("unreachable"))
      }, otherwise: nil)
    if let id = call.result { assign(id, result(of: host[id].type, in: words)) }
  }

  /// A scalar as a word: the bits of a float64, or an integer extended to 64 bits.
  private func word(of value: Value) -> String {
    if value.type.isFloat { return convert(value, to: .float64).typed }
    return convert(value, to: value.type.isSignedInteger ? .int64 : .uint64).typed
  }

  /// The result in word 0, in its type.
  private func result(of type: ScalarType, in words: String) -> Value {
    let wide: ScalarType = type.isFloat ? .float64 : .int64
    return convert(Value(line("load \(wide.llvm), ptr \(words), align 8"), wide), to: type)
  }
}

extension ModuleEmitter {
  /// Declares an external function, and gives its name: `parpy.external.0.scale` for the first of the program's.
  ///
  /// A name of its own keeps apart functions of one symbol with different signatures, and the user's `exp` from the C
  /// library's; whoever loads the code says where the symbol is.
  func declare(_ signature: ExternalSignature) -> String {
    let position = externals.firstIndex(of: signature) ?? 0
    let name = "parpy.external.\(position).\(signature.symbol)"
    let parameters = signature.parameters.map { $0?.cParameter ?? "ptr" }
    declare(
      "declare \(signature.result?.cResult ?? "void") @\(name)(\(parameters.joined(separator: ", ")))"
    )
    return name
  }
}

extension ScalarType {
  /// The type as the C ABI has it in a register.
  fileprivate var c: String {
    switch self {
    case .float16: "half"
    case .bfloat16: "bfloat"
    case .bool, .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64, .float32,
      .float64, .complex64, .complex128:
      llvm
    }
  }

  /// What extends a value that is narrower than a register; nil where nothing does.
  private var extensionAttribute: String? {
    switch self {
    case .bool, .uint8, .uint16: "zeroext"
    case .int8, .int16: "signext"
    case .int32, .uint32, .int64, .uint64, .float16, .bfloat16, .float32, .float64, .complex64,
      .complex128:
      nil
    }
  }

  /// The type of a parameter, with its attribute.
  fileprivate var cParameter: String { extensionAttribute.map { "\(c) \($0)" } ?? c }

  /// The type of a result, with its attribute.
  fileprivate var cResult: String { extensionAttribute.map { "\($0) \(c)" } ?? c }
}
