import LoopIR

/// An external function as a program calls it.
public struct ExternalSignature: Sendable, Hashable {
  public var symbol: String
  /// The types of the scalars; nil for a pointer.
  public var parameters: [ScalarType?]
  public var result: ScalarType?
}

/// A Python function as a program calls it: what the words of such a call hold.
///
/// Word 0 is the result. For each operand follow the bits of a scalar, or the address of an array's first element, its
/// extents, and its strides in elements.
public struct CallbackSignature: Sendable, Hashable {
  /// What is known of an operand, and so of its words.
  public enum Operand: Sendable, Hashable {
    case scalar(ScalarType)
    /// `isTemporary` where the memory goes back before the function returns; `holdsParts` where the last dimension is the two
    /// parts of complex elements.
    case array(ScalarType, dimensions: Int, isTemporary: Bool, holdsParts: Bool)

    /// How many words the operand takes.
    public var wordCount: Int {
      switch self {
      case .scalar: 1
      case .array(_, let dimensions, _, _): 1 + 2 * dimensions
      }
    }
  }

  public var name: String
  /// Where the function stands in the table of the names' resolver.
  public var position: Int
  public var operands: [Operand]
  public var result: ScalarType?
}

extension ForeignCall {
  /// The call's C signature; nil for a callback.
  public func externalSignature(in function: LoopFunction) -> ExternalSignature? {
    guard let external else { return nil }
    return ExternalSignature(
      symbol: external.symbol,
      parameters: operands.map { if case .scalar(let value) = $0 { value.type } else { nil } },
      result: result.map { function[$0].type })
  }

  /// What the words of the call are; nil for an external function.
  public func callbackSignature(in function: LoopFunction) -> CallbackSignature? {
    guard case .callback(let name, let position) = callee else { return nil }
    return CallbackSignature(
      name: name, position: position,
      operands: operands.map { operand in
        switch operand {
        case .scalar(let value): return .scalar(value.type)
        case .array(let part):
          let buffer = function[part.buffer]
          return .array(
            buffer.element, dimensions: part.extents.count, isTemporary: buffer.role == .temporary,
            holdsParts: buffer.holdsParts)
        }
      }, result: result.map { function[$0].type })
  }
}

extension Program {
  /// The external functions that the program calls, each once, in the order of their first call.
  public var externals: [ExternalSignature] {
    foreignCalls.compactMap { $0.externalSignature(in: host) }.distinct
  }

  /// The Python functions that the program calls, each once for every form of call; code names them by their position.
  public var callbacks: [CallbackSignature] {
    foreignCalls.compactMap { $0.callbackSignature(in: host) }.distinct
  }

  private var foreignCalls: [ForeignCall] {
    kernels.flatMap { [Statement(.loop($0.loop))].foreignCalls } + host.body.foreignCalls
  }
}

extension [Statement] {
  /// The calls of functions that are not compiled with this one, in order.
  public var foreignCalls: [ForeignCall] {
    var found: [ForeignCall] = []
    forEachStatement { if case .call(let call) = $0.kind { found.append(call) } }
    return found
  }
}

extension Array where Element: Hashable {
  /// The elements without those that have come before.
  public var distinct: [Element] {
    var known: Set<Element> = []
    return filter { known.insert($0).inserted }
  }
}
