import LoopIR

/// What an array's elements are, or why they are nothing that ParPy can use.
enum ElementFormat {
  case element(ScalarType)
  /// The bytes of each element are in the order of another machine.
  case swapped
  /// Another type, named for people.
  case unsupported(String)

  /// Reads the format of the buffer protocol, as Python's module `struct` has it.
  static func buffer(_ format: UnsafePointer<CChar>?, itemSize: Int) -> ElementFormat {
    guard let format else { return itemSize == 1 ? .element(.uint8) : .unsupported("raw bytes") }
    var code = UInt8(bitPattern: format[0])
    var end = 1
    var isSwapped = false
    switch code {
    case UInt8(ascii: "@"), UInt8(ascii: "="), UInt8(ascii: "<"), UInt8(ascii: ">"),
      UInt8(ascii: "!"):
      let isBig = code == UInt8(ascii: ">") || code == UInt8(ascii: "!")
      let isLittle = code == UInt8(ascii: "<")
      isSwapped = itemSize > 1 && (isBig && !isBigEndianMachine || isLittle && isBigEndianMachine)
      code = UInt8(bitPattern: format[1])
      end = 2
    default: break
    }
    let isComplex = code == UInt8(ascii: "Z") && format[end] != 0
    if isComplex {
      code = UInt8(bitPattern: format[end])
      end += 1
    }
    // Behind a terminating zero there is nothing to look at.
    let found =
      code == 0 || format[end] != 0
      ? nil
      : isComplex
        ? complex(code: code, itemSize: itemSize) : element(code: code, itemSize: itemSize)
    guard let type = found else {
      return .unsupported(name(ofFormat: String(cString: format)))
    }
    return isSwapped ? .swapped : .element(type)
  }

  /// Reads a NumPy type string such as `<f4`.
  static func typeString(_ text: String) -> ElementFormat {
    let bytes = Array(text.utf8)
    guard bytes.count >= 3, let itemSize = Int(text.dropFirst(2)) else { return .unsupported(text) }
    let type: ScalarType? =
      switch bytes[1] {
      case UInt8(ascii: "b") where itemSize == 1: .bool
      case UInt8(ascii: "i"): signed(itemSize)
      case UInt8(ascii: "u"): unsigned(itemSize)
      case UInt8(ascii: "f"): float(itemSize)
      case UInt8(ascii: "c"): complex(itemSize)
      default: nil
      }
    guard let type else { return .unsupported(name(ofTypeString: text)) }
    let isBig = bytes[0] == UInt8(ascii: ">")
    let isLittle = bytes[0] == UInt8(ascii: "<")
    let isSwapped =
      itemSize > 1 && (isBig && !isBigEndianMachine || isLittle && isBigEndianMachine)
    return isSwapped ? .swapped : .element(type)
  }

  /// Reads the element type of DLPack.
  static let dlpackComplex: UInt8 = 5

  static func dlpack(code: UInt8, bits: UInt8, lanes: UInt16) -> ElementFormat {
    let size = Int(bits) / 8
    let type: ScalarType? =
      switch code {
      case 0: signed(size)
      case 1: unsigned(size)
      case 2: float(size)
      case 4: size == 2 ? .bfloat16 : nil
      case 5: complex(size)
      case 6: size == 1 ? .bool : nil
      default: nil
      }
    guard lanes == 1, let type else {
      let names: [UInt8: String] = [0: "int", 1: "uint", 2: "float", 4: "bfloat", 5: "complex"]
      return .unsupported("\(names[code] ?? "type \(code) of ")\(bits)")
    }
    return .element(type)
  }

  /// The number of DLPack's for the kind of an element type.
  static func dlpackCode(of type: ScalarType) -> UInt8 {
    switch type {
    case .int8, .int16, .int32, .int64: 0
    case .uint8, .uint16, .uint32, .uint64: 1
    case .float16, .float32, .float64: 2
    case .bfloat16: 4
    case .complex64, .complex128: dlpackComplex
    case .bool: 6
    }
  }

  private static var isBigEndianMachine: Bool { Int16(1).bigEndian == 1 }

  private static func element(code: UInt8, itemSize: Int) -> ScalarType? {
    switch code {
    case UInt8(ascii: "?"): itemSize == 1 ? .bool : nil
    case UInt8(ascii: "b"), UInt8(ascii: "h"), UInt8(ascii: "i"), UInt8(ascii: "l"),
      UInt8(ascii: "q"), UInt8(ascii: "n"):
      signed(itemSize)
    case UInt8(ascii: "B"), UInt8(ascii: "H"), UInt8(ascii: "I"), UInt8(ascii: "L"),
      UInt8(ascii: "Q"), UInt8(ascii: "N"):
      unsigned(itemSize)
    case UInt8(ascii: "e"), UInt8(ascii: "f"), UInt8(ascii: "d"): float(itemSize)
    default: nil
    }
  }

  private static func complex(code: UInt8, itemSize: Int) -> ScalarType? {
    let type = complex(itemSize)
    switch code {
    case UInt8(ascii: "f"): return type == .complex64 ? type : nil
    case UInt8(ascii: "d"): return type == .complex128 ? type : nil
    default: return nil
    }
  }

  private static func complex(_ size: Int) -> ScalarType? {
    switch size {
    case 8: .complex64
    case 16: .complex128
    default: nil
    }
  }

  private static func signed(_ size: Int) -> ScalarType? {
    switch size {
    case 1: .int8
    case 2: .int16
    case 4: .int32
    case 8: .int64
    default: nil
    }
  }

  private static func unsigned(_ size: Int) -> ScalarType? {
    switch size {
    case 1: .uint8
    case 2: .uint16
    case 4: .uint32
    case 8: .uint64
    default: nil
    }
  }

  private static func float(_ size: Int) -> ScalarType? {
    switch size {
    case 2: .float16
    case 4: .float32
    case 8: .float64
    default: nil
    }
  }

  private static func name(ofFormat format: String) -> String {
    switch format.drop(while: { "@=<>!".contains($0) }) {
    case "g": "long double"
    case "Zg": "long complex"
    case "O": "object"
    case "c": "bytes"
    default: format.hasPrefix("T{") ? "records" : "the format '\(format)'"
    }
  }

  private static func name(ofTypeString text: String) -> String {
    text.dropFirst() == "c32" ? "long complex" : "the type '\(text)'"
  }

  /// The types that there are, for messages.
  static let supported = ScalarType.allCases.map(\.name).joined(separator: ", ")
}
