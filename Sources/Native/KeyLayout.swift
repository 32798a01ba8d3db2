import LoopIR

/// What each value word of a key means, as the type words say.
struct KeyLayout {
  /// What a value word is the value of.
  enum Place: Hashable {
    case extent(argument: Int, dimension: Int)
    case stride(argument: Int, dimension: Int)
    case scalar(argument: Int)
    case threads(label: Int)
  }

  let arguments: [TypeWord]
  let schedules: [ScheduleWord]
  /// The meaning of each value word.
  private(set) var places: [Place] = []
  /// Whether the value word may become a parameter of the code.
  private(set) var isOpen: [Bool] = []

  /// The layout of a key that begins with those type words.
  init(types: UnsafePointer<UInt64>, arguments count: Int, labels: Int) {
    arguments = (0..<count).map { TypeWord(bits: types[$0]) }
    schedules = (0..<labels).map { ScheduleWord(bits: types[count + 1 + $0]) }
    for (argument, word) in arguments.enumerated() { append(argument, word) }
    for (label, word) in schedules.enumerated() {
      places.append(.threads(label: label))
      isOpen.append(word.isOpen)
    }
  }

  /// The layout for arguments alone.
  init(arguments: [TypeWord]) {
    self.arguments = arguments
    schedules = []
    for (argument, word) in arguments.enumerated() { append(argument, word) }
  }

  private mutating func append(_ argument: Int, _ word: TypeWord) {
    guard word.isArray else {
      places.append(.scalar(argument: argument))
      // Of two values, two versions are made sooner than one that tests.
      isOpen.append(word.element != .bool)
      return
    }
    for dimension in 0..<word.dimensions {
      places.append(.extent(argument: argument, dimension: dimension))
      isOpen.append(word.isExtentOpen(dimension))
    }
    guard word.contains(.strided) else { return }
    for dimension in 0..<word.dimensions {
      places.append(.stride(argument: argument, dimension: dimension))
      let isUnit = dimension == word.dimensions - 1 && word.contains(.unitStride)
      isOpen.append(!isUnit && word.isExtentOpen(dimension))
    }
  }

  /// The types of the arguments of a call, where `words` stand for the values.
  func signatureArguments(_ words: [CallSignature.Word]) -> [CallSignature.Argument] {
    var rest = words[...]
    return arguments.map { word in
      let values = Array(rest.prefix(word.valueCount))
      rest = rest.dropFirst(word.valueCount)
      let element = word.element ?? .float64
      guard word.isArray else {
        return .scalar(
          element, isWeak: word.contains(.weak), bits: values.first ?? .constant(0))
      }
      let extents = Array(values.prefix(word.dimensions))
      let strides = word.contains(.strided) ? Array(values.dropFirst(word.dimensions)) : nil
      return .array(
        CallSignature.ArrayType(
          element: element, extents: extents, strides: strides,
          isReadOnly: word.contains(.readOnly), overlaps: word.contains(.overlaps)))
    }
  }

  /// The schedule of each label that has one, where `words` stand for the values.
  func signatureSchedule(
    _ words: [CallSignature.Word], labels: [String]
  ) -> [String: LoopSchedule] {
    let threads = words.suffix(schedules.count)
    var schedule: [String: LoopSchedule] = [:]
    for (label, (word, count)) in zip(labels, zip(schedules, threads)) where word.isPresent {
      schedule[label] = word.schedule(threads: count)
    }
    return schedule
  }
}
