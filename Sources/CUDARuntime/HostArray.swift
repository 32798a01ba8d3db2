/// An array argument that lies in memory of the host.
public struct HostArray {
  /// Its position among the array arguments.
  public var position: Int
  /// The first byte of any element, and the byte behind the last; equal where there are no elements.
  public var low: Int
  public var high: Int
  public var rank: Int
  /// The extent of each dimension, in elements, for as long as the call runs.
  public var extents: UnsafePointer<Int64>
  /// The stride of each dimension, in elements; nil where the array is C-contiguous.
  public var strides: UnsafePointer<Int64>?

  /// Describes an array.
  public init(
    position: Int, low: Int, high: Int, rank: Int, extents: UnsafePointer<Int64>,
    strides: UnsafePointer<Int64>? = nil
  ) {
    self.position = position
    self.low = low
    self.high = high
    self.rank = rank
    self.extents = extents
    self.strides = strides
  }
}
