import LoopIR

/// A call of a Python function: where its operands stand when its turn comes.
package struct CallbackPlan: Sendable {
  /// An array or a part of one; sizes and strides are in elements.
  package struct Array: Sendable {
    /// The register with the address of the element whose indices are all 0.
    package var buffer: Register
    /// The position among the array arguments; nil for a temporary.
    package var argument: Int?
    var elementSize: Int
    /// How far the part's first element is from that one.
    var offset: Register
    var extents: [Register]
    var strides: [Register]
  }

  package enum Operand: Sendable {
    /// A register with the word that is passed.
    case scalar(Register)
    case array(Array)
  }

  /// The position among the program's callbacks.
  package var index: Int
  package var operands: [Operand]
  /// Gets the word that comes back.
  package var result: Register

  /// How many words the call has, the result's included; see `CallbackSignature`.
  package var wordCount: Int {
    operands.reduce(1) { count, operand in
      switch operand {
      case .scalar: count + 1
      case .array(let array): count + 1 + array.extents.count + array.strides.count
      }
    }
  }
}

extension CallbackPlan {
  /// Writes the words of a call: the result's, which is 0, and then those of the operands.
  ///
  /// - Parameter address: where Python finds the element at a distance in bytes from the one whose indices are all 0.
  package func fill(
    _ words: UnsafeMutablePointer<Int64>, _ frame: HostFrame,
    address: (_ array: Array, _ distance: Int64) -> Int64
  ) {
    var position = 0
    func append(_ word: Int64) {
      (words + position).initialize(to: word)
      position += 1
    }
    append(0)
    for operand in operands {
      switch operand {
      case .scalar(let register): append(frame[register])
      case .array(let array):
        append(address(array, frame[array.offset] &* Int64(array.elementSize)))
        for register in array.extents + array.strides { append(frame[register]) }
      }
    }
  }

  /// The positions of the array arguments that are passed.
  package var passedArguments: [Int] {
    operands.compactMap { operand in
      if case .array(let array) = operand { array.argument } else { nil }
    }
  }
}

/// What calls a Python function: its position among the program's callbacks, and the words of the call; false where it raised.
public typealias CallbackCaller = (Int, UnsafeMutablePointer<Int64>) -> Bool
