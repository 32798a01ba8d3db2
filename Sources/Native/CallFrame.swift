import CPython
import CRuntime
import CUDARuntime

/// What one call needs while it is prepared and runs: the key, the words for the compiled code, and what must stay
/// alive until it returns.
///
/// Frames are made once and used again, so that a call allocates nothing; a call that comes in while another is under
/// way takes a frame of its own. Only a thread that holds the GIL touches one.
struct CallFrame: ~Copyable {
  /// Where a call's frames come from, at a fixed address.
  typealias Reference = UnsafeMutablePointer<CallFrame>

  /// An array argument's place in memory.
  struct ArrayPlace {
    /// Where its word stands among the types.
    var word: Int
    /// The first byte of any element, and the byte behind the last; equal where there are no elements.
    var low: Int
    var high: Int
    /// Where its extents begin among the values.
    var extents: Int
    /// Whether it lies in memory of a CUDA device.
    var isOnDevice = false
    /// What orders the uses of a buffer of ours, which the frame keeps alive; nil for memory of others.
    var storage: Unmanaged<DeviceStorage>?
  }

  /// The arguments in the order of the parameters, borrowed from the caller.
  var arguments: UnsafePointer<PythonPointer?>
  /// Room for arguments that are not in order already.
  let ordered: UnsafeMutablePointer<PythonPointer?>
  /// A `TypeWord` for each argument and each entry of a dictionary, and then the words of options, schedule and scope.
  private(set) var types: UnsafeMutablePointer<UInt64>
  var typeCount = 0
  /// For each array its extents and, where it is strided, its strides in elements; for each scalar its bits; and then
  /// the number of threads of each label.
  private(set) var values: UnsafeMutablePointer<Int64>
  var valueCount = 0
  /// The value words, for the cold path.
  var valueWords: [Int64] { Array(UnsafeBufferPointer(start: values, count: valueCount)) }
  private(set) var arrays: UnsafeMutablePointer<ArrayPlace>
  var arrayCount = 0
  /// How many of the arrays lie in memory of a CUDA device.
  private(set) var deviceArrayCount = 0
  /// The kinds of arguments among which one is large.
  private(set) var largeKinds: UInt64 = 0
  /// Whether some of these are buffers of ours.
  private(set) var hasStorages = false
  /// The argument that holds the first of them.
  private(set) var firstOnDevice = ArgumentPlace(0)
  /// The stream of the first of them, on which the call runs, and those of others.
  private(set) var stream = ArrayStream.standard
  private(set) var otherStreams: [ArrayStream] = []
  /// What the compiled code receives: array pointers first.
  private(set) var block: UnsafeMutablePointer<Int64>
  /// Where compiled code records an access out of range: all zero until it does. See `CompiledProgram.entry`.
  let slot: UnsafeMutablePointer<Int64>
  /// How many words the slot has, how many of them record an access, and which one is for callbacks.
  static let slotSize = 4
  static let faultSize = 3
  static let activityWord = 3
  /// Views to be released after the call.
  private(set) var buffers: UnsafeMutablePointer<Py_buffer>
  var bufferCount = 0
  /// Objects to be released after the call.
  private(set) var owned: UnsafeMutablePointer<PythonPointer>
  var ownedCount = 0
  /// Whether code is only to be shown, so that descriptions of arrays will do.
  var isDescribing = false
  /// Room for the extents and the strides in bytes of one array while it is read.
  let extents: UnsafeMutablePointer<Int>
  let strides: UnsafeMutablePointer<Int>
  /// How many parameters, labels and names of the scope there is room for.
  private var sizes: Sizes
  /// How many entries of dictionaries there is room for, and how many of them are taken.
  private var entryCapacity = 0
  private var entryCount = 0
  /// Where the words of the options begin among types and values.
  private(set) var optionTypes = 0
  private(set) var optionValues = 0
  /// Where the words of the scope begin among the types, and its objects among the owned.
  var scopeTypes = 0
  var scopeOwned = 0
  /// The next free frame.
  var next: Reference?

  private struct Sizes {
    var arguments: Int
    var labels: Int
    var names: Int

    func types(_ leaves: Int) -> Int { arguments + leaves + 1 + labels + 2 * names }
    func values(_ leaves: Int) -> Int { leaves * 2 * TypeWord.maximumDimensions + labels + 1 }
    func block(_ leaves: Int) -> Int { leaves + values(leaves) }
    /// Each entry of a dictionary, and what it gave out.
    func owned(_ leaves: Int) -> Int { 2 * leaves + names + 1 }
  }

  /// Makes room for a call of so many arguments, labels and names of the scope.
  static func allocate(arguments: Int, labels: Int, names: Int) -> Reference {
    let sizes = Sizes(arguments: arguments, labels: labels, names: names)
    let ordered = UnsafeMutablePointer<PythonPointer?>.allocate(capacity: arguments + 1)
    let slot = UnsafeMutablePointer<Int64>.allocate(capacity: slotSize)
    slot.initialize(repeating: 0, count: slotSize)
    let frame = Reference.allocate(capacity: 1)
    frame.initialize(
      to: CallFrame(
        arguments: UnsafePointer(ordered), ordered: ordered,
        types: .allocate(capacity: sizes.types(arguments)),
        values: .allocate(capacity: sizes.values(arguments)),
        arrays: .allocate(capacity: arguments + 1),
        block: .allocate(capacity: sizes.block(arguments)), slot: slot,
        buffers: .allocate(capacity: arguments + 1),
        owned: .allocate(capacity: sizes.owned(arguments)),
        extents: .allocate(capacity: TypeWord.maximumDimensions),
        strides: .allocate(capacity: TypeWord.maximumDimensions), sizes: sizes))
    return frame
  }

  /// Makes room for the entries of one more dictionary.
  mutating func reserve(entries: Int) {
    entryCount += entries
    guard entryCount > entryCapacity else { return }
    entryCapacity = max(entryCount, 2 * entryCapacity, 8)
    resize()
  }

  /// The arguments of the call as a tuple.
  func argumentTuple() throws(PythonException) -> OwnedObject {
    let tuple = try OwnedObject(PyTuple_New(sizes.arguments))
    for index in 0..<sizes.arguments {
      let argument = arguments[index] ?? py_none()
      py_retain(argument)
      PyTuple_SetItem(tuple.pointer, index, argument)
    }
    return tuple
  }

  var labelCapacity: Int { sizes.labels }
  var nameCapacity: Int { sizes.names }

  /// Makes room for more labels and names than the frame was made for.
  mutating func grow(labels: Int, names: Int) {
    sizes.labels = max(labels, sizes.labels)
    sizes.names = max(names, sizes.names)
    resize()
  }

  private mutating func resize() {
    let leaves = sizes.arguments + entryCapacity
    Self.move(&types, typeCount, sizes.types(leaves))
    Self.move(&values, valueCount, sizes.values(leaves))
    Self.move(&arrays, arrayCount, leaves + 1)
    Self.move(&block, arrayCount, sizes.block(leaves))
    Self.move(&buffers, bufferCount, leaves + 1)
    Self.move(&owned, ownedCount, sizes.owned(leaves))
  }

  private static func move<Word>(
    _ words: inout UnsafeMutablePointer<Word>, _ count: Int, _ capacity: Int
  ) {
    let former = words
    words = .allocate(capacity: capacity)
    words.moveInitialize(from: former, count: count)
    former.deallocate()
  }

  /// Gives the memory of a frame back.
  static func deallocate(_ frame: Reference) {
    frame.pointee.ordered.deallocate()
    frame.pointee.types.deallocate()
    frame.pointee.values.deallocate()
    frame.pointee.arrays.deallocate()
    frame.pointee.block.deallocate()
    frame.pointee.slot.deallocate()
    frame.pointee.buffers.deallocate()
    frame.pointee.owned.deallocate()
    frame.pointee.extents.deallocate()
    frame.pointee.strides.deallocate()
    frame.deallocate()
  }

  /// Releases what the call held, for the next one.
  mutating func reset() {
    while bufferCount > 0 {
      bufferCount &-= 1
      PyBuffer_Release(buffers + bufferCount)
    }
    release(downTo: 0)
    isDescribing = false
    entryCount = 0
    typeCount = 0
    valueCount = 0
    arrayCount = 0
    deviceArrayCount = 0
    hasStorages = false
    largeKinds = 0
    stream = .standard
    if !otherStreams.isEmpty { otherStreams = [] }
  }

  /// Notes that the words of the options come next.
  @inline(__always)
  mutating func beginOptions() {
    optionTypes = typeCount
    optionValues = valueCount
  }

  /// Sets bits of the first word of the options.
  @inline(__always)
  func markOptions(_ bits: UInt64) { types[optionTypes] |= bits }

  /// Drops the words of options and scope, so that they can be read anew.
  mutating func rewindOptions() {
    rewindScope()
    typeCount = optionTypes
    valueCount = optionValues
  }

  /// Releases the objects that were kept after the first so many.
  @inline(__always)
  mutating func release(downTo count: Int) {
    while ownedCount > count {
      ownedCount &-= 1
      py_release(owned[ownedCount])
    }
  }

  /// Notes that the words of the scope come next.
  @inline(__always)
  mutating func beginScope() {
    scopeTypes = typeCount
    scopeOwned = ownedCount
  }

  /// Drops the words of the scope, so that they can be read anew.
  mutating func rewindScope() {
    release(downTo: scopeOwned)
    typeCount = scopeTypes
  }

  /// Adds a word to the types.
  @inline(__always)
  mutating func append(type word: UInt64) {
    types[typeCount] = word
    typeCount &+= 1
  }

  /// Adds the word of an array or scalar to the types.
  @inline(__always)
  mutating func append(type word: TypeWord) {
    if word.contains(.large) { largeKinds |= 1 << word.kind }
    append(type: word.bits)
  }

  /// Marks all arrays large where one is, and all numbers of 64 bits: calls come in few kinds, however many of them are large.
  @inline(__always)
  func spreadLarge() {
    if largeKinds != 0 { spreadLargeKinds() }
  }

  private func spreadLargeKinds() {
    for index in 0..<typeCount {
      var word = TypeWord(bits: types[index])
      if largeKinds >> word.kind & 1 != 0 && word.mayBeLarge { word.insert(.large) }
      types[index] = word.bits
    }
  }

  /// Adds a word to the values.
  @inline(__always)
  mutating func append(value word: Int64) {
    values[valueCount] = word
    valueCount &+= 1
  }

  /// Adds an array that begins at `data`, after its type.
  @inline(__always)
  mutating func append(array data: Int, low: Int, high: Int, extents: Int) {
    block[arrayCount] = Int64(data)
    arrays[arrayCount] = ArrayPlace(
      word: typeCount &- 1, low: low, high: high, extents: extents)
    arrayCount &+= 1
  }

  /// Notes that the latest array lies in memory of a CUDA device.
  mutating func markOnDevice(_ place: ArgumentPlace, stream: ArrayStream) {
    if deviceArrayCount == 0 { firstOnDevice = place }
    if deviceArrayCount == 0 || self.stream == .any {
      self.stream = stream
    } else if stream != .any && stream != self.stream && !otherStreams.contains(stream) {
      otherStreams.append(stream)
    }
    arrays[arrayCount - 1].isOnDevice = true
    deviceArrayCount += 1
  }

  /// Notes that the latest array is a buffer of ours, which the call keeps alive.
  mutating func markOnDevice(
    _ place: ArgumentPlace, stream: ArrayStream, storage: DeviceStorage
  ) {
    markOnDevice(place, stream: stream)
    arrays[arrayCount - 1].storage = Unmanaged.passUnretained(storage)
    hasStorages = true
  }

  /// Calls `body` with the memory of each buffer of ours.
  @inline(__always)
  func forEachStorage<Failure: Error>(
    _ body: (DeviceStorage) throws(Failure) -> Void
  ) throws(Failure) {
    guard hasStorages else { return }
    for index in 0..<arrayCount {
      guard let storage = arrays[index].storage else { continue }
      try body(storage.takeUnretainedValue())
    }
  }

  /// The addresses of the arrays on devices.
  var deviceAddresses: [Int64] {
    (0..<arrayCount).compactMap { arrays[$0].isOnDevice ? block[$0] : nil }
  }

  /// The arrays in memory of the host, as the CUDA runtime wants them.
  var hostArrays: [HostArray] {
    if deviceArrayCount == arrayCount { return [] }
    return (0..<arrayCount).compactMap { position in
      let place = arrays[position]
      if place.isOnDevice { return nil }
      let word = TypeWord(bits: types[place.word])
      let extents = values + place.extents
      return HostArray(
        position: position, low: place.low, high: place.high, rank: word.dimensions,
        extents: extents, strides: word.contains(.strided) ? extents + word.dimensions : nil)
    }
  }

  /// Notes that the latest array has no memory, and so overlaps nothing.
  mutating func forgetPlace() {
    arrays[arrayCount - 1].low = 0
    arrays[arrayCount - 1].high = 0
  }

  /// Keeps a new reference until the call is over.
  mutating func keep(_ object: consuming OwnedObject) {
    owned[ownedCount] = object.taken()
    ownedCount &+= 1
  }

  /// Marks the arrays that share memory with others.
  @inline(__always)
  func markOverlaps() {
    var index = 1
    while index < arrayCount {
      let place = arrays[index]
      var other = 0
      while other < index {
        if arrays[other].low < place.high, place.low < arrays[other].high {
          types[place.word] |= TypeWord.Flags.overlaps.rawValue
          types[arrays[other].word] |= TypeWord.Flags.overlaps.rawValue
        }
        other &+= 1
      }
      index &+= 1
    }
  }
}
