import LoopIR

/// Where the elements of an array lie, as its owner describes it: strides in bytes, nil where C-contiguous.
struct ArrayLayout {
  var data: UnsafeRawPointer?
  var element: ScalarType
  var dimensions: Int
  var extents: UnsafePointer<Int>?
  var strides: UnsafePointer<Int>?
  var isReadOnly: Bool
  /// What the owner says of contiguity; nil where it is to be found out.
  var isContiguous: Bool?

  /// Why an array cannot be used.
  enum Fault: Error {
    case tooManyDimensions
    case negativeExtent
    case misaligned
    case strideBetweenElements
    case tooLarge

    /// The rest of a message that begins with `argument 'x'`.
    var message: String {
      switch self {
      case .tooManyDimensions:
        ": arrays of more than \(TypeWord.maximumDimensions) dimensions are not supported"
      case .negativeExtent: ": the array has a negative extent"
      case .misaligned:
        " is misaligned: the elements do not begin at multiples of their size; pass a copy"
      case .strideBetweenElements:
        " has strides that are no multiples of the element size; pass a copy"
      case .tooLarge: ": the array spans more memory than there is"
      }
    }
  }

  /// Adds the argument's words to the frame: its type, its extents and, where needed, its strides, and its address.
  @inline(__always)
  func append(to frame: CallFrame.Reference) throws(Fault) {
    guard dimensions <= TypeWord.maximumDimensions else { throw .tooManyDimensions }
    var word = TypeWord.array(element, dimensions: dimensions)
    var count = 1
    var overflows = false
    var dimension = 0
    let firstValue = frame.pointee.valueCount
    while dimension < dimensions {
      let extent = extents?[dimension] ?? 0
      if extent < 0 { throw .negativeExtent }
      word.note(extent: extent, ofDimension: dimension)
      frame.pointee.append(value: Int64(extent))
      let (product, didOverflow) = count.multipliedReportingOverflow(by: extent)
      count = product
      overflows = overflows || didOverflow
      dimension &+= 1
    }
    if count == 0 { overflows = false }
    if overflows { throw .tooLarge }
    if isReadOnly { word.insert(.readOnly) }

    let address = Int(bitPattern: data)
    var low = address
    var high = address
    if count == 0 {
      // Nothing can overlap it.
      low = 0
      high = 0
    } else if strides == nil || (isContiguous ?? isFoundContiguous) {
      high = address &+ count &* element.size
      if !TypeWord.isSmall(Int64(count)) { word.insert(.large) }
    } else {
      try appendStrides(to: frame, &word, &low, &high)
    }
    // A complex element lies where each of its parts may lie.
    if count > 0, address & (element.part.size &- 1) != 0 { throw .misaligned }
    frame.pointee.append(type: word)
    frame.pointee.append(array: address, low: low, high: high, extents: firstValue)
  }

  /// Whether the elements lie one behind the other in C's order; there is at least one.
  private var isFoundContiguous: Bool {
    guard let strides, let extents else { return true }
    var expected = element.size
    var dimension = dimensions &- 1
    while dimension >= 0 {
      if extents[dimension] != 1 {
        if strides[dimension] != expected { return false }
        expected = expected &* extents[dimension]
      }
      dimension &-= 1
    }
    return true
  }

  /// Adds the strides and widens `low..<high` to what they span.
  private func appendStrides(
    to frame: CallFrame.Reference, _ word: inout TypeWord, _ low: inout Int, _ high: inout Int
  ) throws(Fault) {
    guard let strides, let extents else { return }
    word.insert(.strided)
    var dimension = 0
    while dimension < dimensions {
      let extent = extents[dimension]
      // No index but 0 is ever used there, so what the owner says is arbitrary.
      let stride = extent == 1 ? element.size : strides[dimension]
      let (quotient, rest) = stride.quotientAndRemainder(dividingBy: element.size)
      if rest != 0 { throw .strideBetweenElements }
      frame.pointee.append(value: Int64(quotient))
      let (reach, overflow) = stride.multipliedReportingOverflow(by: extent &- 1)
      if overflow { throw .tooLarge }
      if reach < 0 { low = low &+ reach } else { high = high &+ reach }
      word.note(stride: quotient, ofDimension: dimension)
      dimension &+= 1
    }
    high = high &+ element.size
    if low > high { throw .tooLarge }
    if !TypeWord.isSmall(Int64((high &- low) / element.size)) { word.insert(.large) }
    if mayOverlapItself { word.insert(.overlapsItself) }
  }

  /// Whether two indexes may name one element: false where each stride steps over all that smaller strides reach.
  private var mayOverlapItself: Bool {
    guard let strides, let extents else { return false }
    var reach = 0
    var isDone: UInt32 = 0
    for _ in 0..<dimensions {
      var next = -1
      for dimension in 0..<dimensions where isDone >> UInt32(dimension) & 1 == 0 {
        if next < 0 || strides[dimension].magnitude < strides[next].magnitude { next = dimension }
      }
      if next < 0 { return false }
      isDone |= 1 << UInt32(next)
      if extents[next] <= 1 { continue }
      let stride = Int(clamping: strides[next].magnitude)
      if stride < reach &+ element.size { return true }
      reach = reach &+ stride &* (extents[next] &- 1)
    }
    return false
  }
}
