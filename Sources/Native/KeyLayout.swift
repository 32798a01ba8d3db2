import LoopIR

/// What each value word of a key means, as the type words say.
struct KeyLayout {
  /// What a value word is the value of.
  enum Place: Hashable {
    case extent(leaf: Int, dimension: Int)
    case stride(leaf: Int, dimension: Int)
    case scalar(leaf: Int)
    /// Of a complex scalar, whose real part is the word before.
    case imaginary(leaf: Int)
    case threads(label: Int)
  }

  /// An array or a scalar among the arguments: a parameter's own, or an entry of the dictionary passed for it.
  struct Leaf: Equatable {
    var parameter: Int
    var key: String?
    var word: TypeWord
  }

  private(set) var leaves: [Leaf] = []
  /// For each parameter the keys of its dictionary; nil for any other argument.
  private(set) var keys: [[String]?] = []
  /// How many type words the arguments have; those of options, schedule and scope follow.
  private(set) var argumentWordCount = 0
  let schedules: [ScheduleWord]
  /// Where the type words of the labels' schedules stand, behind that of the options.
  var scheduleWords: Range<Int> {
    argumentWordCount + 1..<argumentWordCount + 1 + schedules.count
  }
  /// The meaning of each value word.
  private(set) var places: [Place] = []
  /// Whether the value word may become a parameter of the code.
  private(set) var isOpen: [Bool] = []

  /// The layout of a key that begins with those type words.
  init(types: UnsafePointer<UInt64>, of callee: Callee, labels: Int) {
    var rest = types
    for parameter in 0..<callee.count {
      let word = TypeWord(bits: rest.pointee)
      rest += 1
      guard let number = word.shape else {
        keys.append(nil)
        leaves.append(Leaf(parameter: parameter, key: nil, word: word))
        continue
      }
      let shape = callee.dictionaries[number]?.keys ?? []
      keys.append(shape)
      for key in shape {
        leaves.append(Leaf(parameter: parameter, key: key, word: TypeWord(bits: rest.pointee)))
        rest += 1
      }
    }
    argumentWordCount = rest - types
    schedules = (0..<labels).map { [rest] in ScheduleWord(bits: rest[1 + $0]) }
    for (leaf, described) in leaves.enumerated() { append(leaf, described.word) }
    for (label, word) in schedules.enumerated() {
      places.append(.threads(label: label))
      isOpen.append(word.isOpen)
    }
  }

  private mutating func append(_ leaf: Int, _ word: TypeWord) {
    guard word.isArray else {
      places.append(.scalar(leaf: leaf))
      // Of two values, two versions are made sooner than one that tests.
      isOpen.append(word.element != .bool)
      if word.element?.isComplex == true {
        places.append(.imaginary(leaf: leaf))
        isOpen.append(true)
      }
      return
    }
    for dimension in 0..<word.dimensions {
      places.append(.extent(leaf: leaf, dimension: dimension))
      isOpen.append(word.isExtentOpen(dimension))
    }
    guard word.contains(.strided) else { return }
    for dimension in 0..<word.dimensions {
      places.append(.stride(leaf: leaf, dimension: dimension))
      isOpen.append(word.isStrideOpen(dimension))
    }
  }

  /// The types of the arguments of a call, where `words` stand for the values.
  func signatureArguments(_ words: [CallSignature.Word]) -> [CallSignature.Argument] {
    var rest = words[...]
    let types = leaves.map { leaf in
      let values = Array(rest.prefix(leaf.word.valueCount))
      rest = rest.dropFirst(values.count)
      return Self.signatureArgument(leaf.word, values)
    }
    return keys.enumerated().map { parameter, keys in
      let own = zip(leaves, types).filter { $0.0.parameter == parameter }
      guard keys != nil else { return own.first?.1 ?? .dictionary([]) }
      return .dictionary(own.map { CallSignature.Entry($0.0.key ?? "", $0.1) })
    }
  }

  private static func signatureArgument(
    _ word: TypeWord, _ values: [CallSignature.Word]
  ) -> CallSignature.Argument {
    let element = word.element ?? .float64
    if !word.isArray && element.isComplex {
      return .complex(
        element, isWeak: word.contains(.weak), real: values.first ?? .constant(0),
        imaginary: values.last ?? .constant(0))
    }
    guard word.isArray else {
      return .scalar(
        element, isWeak: word.contains(.weak), bits: values.first ?? .constant(0),
        isLarge: word.contains(.large))
    }
    let extents = Array(values.prefix(word.dimensions))
    let strides = word.contains(.strided) ? Array(values.dropFirst(word.dimensions)) : nil
    return .array(
      CallSignature.ArrayType(
        element: element, extents: extents, strides: strides,
        isReadOnly: word.contains(.readOnly), isLarge: word.contains(.large),
        overlaps: word.contains(.overlaps)))
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
