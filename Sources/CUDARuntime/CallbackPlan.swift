import LoopIR

/// A call of a Python function, or of an external one: where its operands stand when its turn comes.
package struct CallbackPlan: Sendable {
  /// An array or a part of one; sizes and strides are in elements.
  package struct Array: Sendable {
    /// The register with the address of the element whose indices are all 0.
    var buffer: Register
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

  /// Makes the call with what stands in a frame; how that ends the host part, or nil where it goes on.
  func run<Services: HostServices>(
    _ frame: HostFrame, _ services: Services
  ) throws(Services.Failure) -> HostOutcome? {
    let words = UnsafeMutablePointer<Int64>.allocate(capacity: wordCount)
    defer { words.deallocate() }
    write(frame, to: words)
    if let end = try services.callBack(index, words) { return end }
    frame[result] = words[0]
    return nil
  }

  /// How many words the call has, the result's included; see `CallbackSignature`.
  private var wordCount: Int {
    operands.reduce(1) { count, operand in
      switch operand {
      case .scalar: count + 1
      case .array(let array): count + 1 + array.extents.count + array.strides.count
      }
    }
  }

  private func write(_ frame: HostFrame, to words: UnsafeMutablePointer<Int64>) {
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
        append(frame[array.buffer] &+ frame[array.offset] &* Int64(array.elementSize))
        for register in array.extents + array.strides { append(frame[register]) }
      }
    }
  }
}

/// What calls a Python function: its position among the program's callbacks, and the words of the call; false where it raised.
public typealias CallbackCaller = (Int, UnsafeMutablePointer<Int64>) -> Bool
