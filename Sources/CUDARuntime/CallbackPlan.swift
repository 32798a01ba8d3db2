import LoopIR

/// A call of a Python function: where its operands stand when its turn comes.
struct CallbackPlan: Sendable {
  /// An array or a part of one; sizes and strides are in elements.
  struct Array: Sendable {
    /// The register with the address of the element whose indices are all 0.
    var buffer: Register
    /// The position among the array arguments; nil for a temporary.
    var argument: Int?
    var elementSize: Int
    /// How far the part's first element is from that one.
    var offset: Register
    var extents: [Register]
    var strides: [Register]
  }

  enum Operand: Sendable {
    /// A register with the word that is passed.
    case scalar(Register)
    case array(Array)
  }

  /// The position among the program's callbacks.
  var index: Int
  var operands: [Operand]
  /// Gets the word that comes back.
  var result: Register

  /// How many words the call has, the result's included; see `CallbackSignature`.
  var wordCount: Int {
    operands.reduce(1) { count, operand in
      switch operand {
      case .scalar: count + 1
      case .array(let array): count + 1 + array.extents.count + array.strides.count
      }
    }
  }
}

/// What calls a Python function: its position among the program's callbacks, and the words of the call; false where it raised.
public typealias CallbackCaller = (Int, UnsafeMutablePointer<Int64>) -> Bool
