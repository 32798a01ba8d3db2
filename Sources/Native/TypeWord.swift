import LoopIR

/// The 64 bits by which arguments are told apart that no one version of the code can serve.
///
///     bits  0–3   kind: array, scalar or dictionary
///     bits  4–11  element type
///     bits 12–19  number of dimensions
///     bits 20–27  flags
///     bits 32–63  for each dimension two bits: extent 0, 1, more, or more with a near stride
///
/// The word of a dictionary has the number of its `DictionaryShapes.Shape` in bits 4–63; the words of its entries follow.
struct TypeWord: Equatable {
  var bits: UInt64

  /// The most dimensions that an array may have.
  static let maximumDimensions = 16

  /// What is known of an array or scalar beside its type.
  struct Flags: OptionSet {
    let rawValue: UInt64

    /// The strides are part of the key, since the array is not C-contiguous.
    static let strided = Flags(rawValue: 1 << 20)
    static let readOnly = Flags(rawValue: 1 << 21)
    /// Shares memory with another argument.
    static let overlaps = Flags(rawValue: 1 << 22)
    /// Two elements of the array may share memory.
    static let overlapsItself = Flags(rawValue: 1 << 23)
    /// A Python number.
    static let weak = Flags(rawValue: 1 << 24)
    /// Among the integers of the call, or among its arrays, one is large: itself outside of `ValueRange.small`, or an extent, a
    /// stride or the reach of an array.
    static let large = Flags(rawValue: 1 << 25)
  }

  private static let arrayKind: UInt64 = 1
  private static let scalarKind: UInt64 = 2
  private static let dictionaryKind: UInt64 = 3

  /// The word of a scalar.
  @inline(__always)
  static func scalar(_ type: ScalarType, isWeak: Bool) -> TypeWord {
    TypeWord(
      bits: scalarKind | UInt64(type.rawValue) << 4 | (isWeak ? Flags.weak.rawValue : 0))
  }

  /// The word of an array, as yet without flags and extents.
  @inline(__always)
  static func array(_ element: ScalarType, dimensions: Int) -> TypeWord {
    TypeWord(
      bits: arrayKind | UInt64(element.rawValue) << 4
        | UInt64(truncatingIfNeeded: dimensions) << 12)
  }

  /// The word of a dictionary.
  static func dictionary(shape: Int) -> TypeWord {
    TypeWord(bits: dictionaryKind | UInt64(truncatingIfNeeded: shape) << 4)
  }

  /// Adds the class of an extent.
  @inline(__always)
  mutating func note(extent: Int, ofDimension dimension: Int) {
    if !Self.isSmall(Int64(extent)) { insert(.large) }
    let kind = UInt64(truncatingIfNeeded: min(extent, 2))
    bits |= kind << (32 &+ 2 &* UInt64(truncatingIfNeeded: dimension))
  }

  /// Notes the stride of a dimension, in elements, after its extent. Those between neighbours, or of 0, are no parameters:
  /// they decide which loops run in lanes, and results must not depend on what is a constant.
  @inline(__always)
  mutating func note(stride: Int, ofDimension dimension: Int) {
    guard isExtentOpen(dimension), (-1...1).contains(stride) else { return }
    bits |= 1 << (32 &+ 2 &* UInt64(truncatingIfNeeded: dimension))
  }

  /// Notes the value of a scalar whose type has 64 bits.
  @inline(__always)
  mutating func note(value: Int64) {
    guard !Self.isSmall(value) || element == .uint64 && value < 0 else { return }
    if mayBeLarge { insert(.large) }
  }

  /// Whether it is of an array, or of an integer of 64 bits.
  var mayBeLarge: Bool { isArray || element == .int64 || element == .uint64 }

  /// Whether a number is in `ValueRange.small`.
  @inline(__always)
  static func isSmall(_ value: Int64) -> Bool { value >> 30 == value >> 63 }

  /// Adds a flag.
  @inline(__always)
  mutating func insert(_ flag: Flags) { bits |= flag.rawValue }

  /// Whether a flag is set.
  @inline(__always)
  func contains(_ flag: Flags) -> Bool { bits & flag.rawValue != 0 }

  /// Array, scalar or dictionary, as a number.
  var kind: UInt64 { bits & 0xF }
  var isArray: Bool { bits & 0xF == Self.arrayKind }
  /// The number of a dictionary's shape; nil for an array or a scalar.
  var shape: Int? { bits & 0xF == Self.dictionaryKind ? Int(truncatingIfNeeded: bits >> 4) : nil }
  var element: ScalarType? { ScalarType(rawValue: UInt8(truncatingIfNeeded: bits >> 4)) }
  var dimensions: Int { Int(truncatingIfNeeded: bits >> 12 & 0xFF) }

  /// Whether the extent of that dimension is 2 or more, and so may become a parameter.
  func isExtentOpen(_ dimension: Int) -> Bool { classOfExtent(dimension) >= 2 }

  /// Whether the stride of that dimension may become a parameter.
  func isStrideOpen(_ dimension: Int) -> Bool { classOfExtent(dimension) == 2 }

  @inline(__always)
  private func classOfExtent(_ dimension: Int) -> UInt64 {
    bits >> (32 &+ 2 &* UInt64(truncatingIfNeeded: dimension)) & 3
  }

  /// The word with extents of 0 open, as those of 2 and more are; one whose strides are part of the key stays as it is.
  @inline(__always)
  var withOpenExtents: TypeWord {
    guard isArray, !contains(.strided) else { return self }
    let used = UInt64(1) << (2 &* UInt64(truncatingIfNeeded: dimensions)) &- 1
    let classes = bits >> 32
    let empty = ~(classes | classes >> 1) & 0x5555_5555 & used
    return TypeWord(bits: bits | empty << 33)
  }

  /// The word without what it says of extents; one whose strides are part of the key stays as it is.
  var withoutExtents: TypeWord {
    isArray && !contains(.strided) ? TypeWord(bits: bits & 0xFFFF_FFFF) : self
  }

  /// How many value words go with the word.
  var valueCount: Int {
    if isArray { return contains(.strided) ? 2 * dimensions : dimensions }
    return element?.isComplex == true ? 2 : 1
  }
}
