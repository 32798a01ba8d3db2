import CPython
import CRuntime

/// What one call needs while it is prepared and runs: the key, the words for the compiled code, and what must stay
/// alive until it returns.
///
/// Frames are made once and used again, so that a call allocates nothing; a call that comes in while another is under
/// way takes a frame of its own. Only a thread that holds the GIL touches one.
struct CallFrame {
  /// Where a call's frames come from, at a fixed address.
  typealias Reference = UnsafeMutablePointer<CallFrame>

  /// An array argument's place in memory.
  struct ArrayPlace {
    var argument: Int
    /// The first byte of any element, and the byte behind the last; equal where there are no elements.
    var low: Int
    var high: Int
  }

  /// The arguments in the order of the parameters, borrowed from the caller.
  var arguments: UnsafePointer<PythonPointer?>
  /// Room for arguments that are not in order already.
  let ordered: UnsafeMutablePointer<PythonPointer?>
  /// A `TypeWord` for each argument, and then the words of options, schedule and scope.
  private(set) var types: UnsafeMutablePointer<UInt64>
  var typeCount = 0
  /// For each array its extents and, where it is strided, its strides in elements; for each scalar its bits; and then
  /// the number of threads of each label.
  private(set) var values: UnsafeMutablePointer<Int64>
  var valueCount = 0
  let arrays: UnsafeMutablePointer<ArrayPlace>
  var arrayCount = 0
  /// What the compiled code receives: array pointers first.
  private(set) var block: UnsafeMutablePointer<Int64>
  /// Where compiled code records an access out of range: all zero until it does. See `CompiledProgram.entry`.
  let slot: UnsafeMutablePointer<Int64>
  /// How many words the error slot has.
  static let slotSize = 3
  /// Views to be released after the call.
  let buffers: UnsafeMutablePointer<Py_buffer>
  var bufferCount = 0
  /// Objects to be released after the call.
  private(set) var owned: UnsafeMutablePointer<PythonPointer>
  var ownedCount = 0
  /// The arguments, labels and names that there is room for.
  private let argumentCapacity: Int
  private(set) var labelCapacity: Int
  private(set) var nameCapacity: Int
  /// Where the words of the options begin among types and values.
  private(set) var optionTypes = 0
  private(set) var optionValues = 0
  /// Where the words of the scope begin among the types, and its objects among the owned.
  var scopeTypes = 0
  var scopeOwned = 0
  /// The next free frame.
  var next: Reference?

  /// Makes room for a call of so many arguments, labels and names of the scope.
  static func allocate(arguments: Int, labels: Int, names: Int) -> Reference {
    let values = arguments * 2 * TypeWord.maximumDimensions + labels
    let ordered = UnsafeMutablePointer<PythonPointer?>.allocate(capacity: arguments + 1)
    let slot = UnsafeMutablePointer<Int64>.allocate(capacity: slotSize)
    slot.initialize(repeating: 0, count: slotSize)
    let frame = Reference.allocate(capacity: 1)
    frame.initialize(
      to: CallFrame(
        arguments: UnsafePointer(ordered), ordered: ordered,
        types: .allocate(capacity: arguments + 1 + labels + 2 * names),
        values: .allocate(capacity: values + 1), arrays: .allocate(capacity: arguments + 1),
        block: .allocate(capacity: arguments + values + 1), slot: slot,
        buffers: .allocate(capacity: arguments + 1),
        owned: .allocate(capacity: arguments + names + 1), argumentCapacity: arguments,
        labelCapacity: labels, nameCapacity: names))
    return frame
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
    frame.deallocate()
  }

  /// Releases what the call held, for the next one.
  mutating func reset() {
    while bufferCount > 0 {
      bufferCount &-= 1
      PyBuffer_Release(buffers + bufferCount)
    }
    while ownedCount > 0 {
      ownedCount &-= 1
      py_release(owned[ownedCount])
    }
    typeCount = 0
    valueCount = 0
    arrayCount = 0
  }

  /// Makes room for more labels and names than the frame was made for.
  ///
  mutating func grow(labels: Int, names: Int) {
    let arguments = argumentCapacity
    let valueRoom = arguments * 2 * TypeWord.maximumDimensions + labels + 1
    types = Self.moved(types, typeCount, to: arguments + 1 + labels + 2 * names)
    values = Self.moved(values, valueCount, to: valueRoom)
    block = Self.moved(block, arrayCount, to: arguments + valueRoom)
    owned = Self.moved(owned, ownedCount, to: arguments + names + 1)
    (labelCapacity, nameCapacity) = (labels, names)
  }

  private static func moved<Element>(
    _ old: UnsafeMutablePointer<Element>, _ count: Int, to capacity: Int
  ) -> UnsafeMutablePointer<Element> {
    let new = UnsafeMutablePointer<Element>.allocate(capacity: max(capacity, count))
    new.moveInitialize(from: old, count: count)
    old.deallocate()
    return new
  }

  /// Notes that the words of the options come next.
  @inline(__always)
  mutating func beginOptions() {
    optionTypes = typeCount
    optionValues = valueCount
  }

  /// Drops the words of options and scope, so that they can be read anew.
  mutating func rewindOptions() {
    rewindScope()
    typeCount = optionTypes
    valueCount = optionValues
  }

  /// Notes that the words of the scope come next.
  @inline(__always)
  mutating func beginScope() {
    scopeTypes = typeCount
    scopeOwned = ownedCount
  }

  /// Drops the words of the scope, so that they can be read anew.
  mutating func rewindScope() {
    while ownedCount > scopeOwned {
      ownedCount &-= 1
      py_release(owned[ownedCount])
    }
    typeCount = scopeTypes
  }

  /// Adds a word to the types.
  @inline(__always)
  mutating func append(type word: UInt64) {
    types[typeCount] = word
    typeCount &+= 1
  }

  /// Adds a word to the values.
  @inline(__always)
  mutating func append(value word: Int64) {
    values[valueCount] = word
    valueCount &+= 1
  }

  /// Adds an array that begins at `data`.
  @inline(__always)
  mutating func append(array data: Int, argument: Int, low: Int, high: Int) {
    block[arrayCount] = Int64(data)
    arrays[arrayCount] = ArrayPlace(argument: argument, low: low, high: high)
    arrayCount &+= 1
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
          types[place.argument] |= TypeWord.Flags.overlaps.rawValue
          types[arrays[other].argument] |= TypeWord.Flags.overlaps.rawValue
        }
        other &+= 1
      }
      index &+= 1
    }
  }
}
