/// A float constant that is equal to itself: NaN equals a NaN of the same bits, and the zeros differ.
///
/// Without this, an expression with a NaN would never equal its own copy, and `0.0` could take the place of `-0.0`.
public struct FloatLiteral: Sendable, Hashable {
  private let bits: UInt64

  /// Creates the constant.
  public init(_ value: Double) { bits = value.bitPattern }

  /// The number that the bits stand for.
  public var value: Double { Double(bitPattern: bits) }
}
