import CPython
import LoopIR

/// The versions of a function for calls that have their type words in common.
///
/// Extents of 0 and 1 are part of type words, so calls with many combinations of them have many families. What is compiled
/// after the first of those goes into families that have extents of 0 open, too:
///
///     x: float64[0, 9], x: float64[7, 0], x: float64[0, 0], …   →   x: float64[p0, p1] with p0, p1 ≥ 0
///
/// A call that their code does not serve, since a minimum of nothing has no value, say, gets a version of a family of its
/// own. Extents of 1 stay known: which loops run in lanes depends on them, and so do the last bits of results.
///
/// Whether a label has one thread or more is part of type words, too. Where several labels have the one and the other, what is
/// compiled goes into families that leave also this open, whose code has both:
///
///     i: threads(1), j: threads(8)    i: threads(4), j: threads(1)   →   i: threads(p0), j: threads(p1) with p0, p1 ≥ 1
final class Family {
  /// What the versions of a family leave to run time, each case all that those before it do.
  enum Breadth: Comparable {
    case values, extents, threads
  }

  private let types: UnsafeMutablePointer<UInt64>
  let typeCount: Int
  /// Names of the scope, by identity in the key; references that the family owns, so that no other object can come to
  /// lie at the same address.
  let identities: [PythonPointer]
  let layout: KeyLayout
  /// Whether extents of 0, and numbers of threads of 1, may be parameters, too; the type words are those with open ones.
  let breadth: Breadth
  var history: ValueHistory
  /// Set when the code could not be compiled with parameters: all later versions are for constants.
  var needsConstants = false
  /// The versions, those with the fewest parameters first: the more special goes before the general.
  private(set) var variants: [Variant] = []

  /// A family for the type words of a call of `callee`; takes over the references.
  init(
    _ frame: CallFrame.Reference, of callee: Callee, labels: Int, identities: [PythonPointer],
    breadth: Breadth = .values
  ) {
    typeCount = frame.pointee.typeCount
    types = .allocate(capacity: typeCount + 1)
    types.initialize(from: frame.pointee.types, count: typeCount)
    var layout = KeyLayout(types: types, of: callee, labels: labels)
    if breadth >= .extents {
      for index in 0..<layout.argumentWordCount {
        types[index] = TypeWord(bits: types[index]).withOpenExtents.bits
      }
      if breadth == .threads {
        for index in layout.scheduleWords {
          types[index] = ScheduleWord(bits: types[index]).withOpenThreads.bits
        }
      }
      layout = KeyLayout(types: types, of: callee, labels: labels)
    }
    self.layout = layout
    self.breadth = breadth
    self.identities = identities
    history = ValueHistory(layout)
  }

  deinit {
    types.deallocate()
    identities.forEach { py_release($0) }
  }

  /// Whether the frame's call belongs to the family.
  @inline(__always)
  func includes(_ frame: CallFrame.Reference) -> Bool {
    guard frame.pointee.typeCount == typeCount else { return false }
    guard breadth >= .extents else { return py_equal_words(frame.pointee.types, types, typeCount) }
    let count = layout.argumentWordCount
    var index = 0
    while index < count {
      if TypeWord(bits: frame.pointee.types[index]).withOpenExtents.bits != types[index] {
        return false
      }
      index &+= 1
    }
    if breadth == .threads { return isScheduled(like: frame) }
    return py_equal_words(frame.pointee.types + count, types + count, typeCount &- count)
  }

  /// Whether options, scope and schedule are those of the frame's call but for which labels have one thread.
  func isScheduled(like frame: CallFrame.Reference) -> Bool {
    let (first, schedules) = (layout.argumentWordCount, layout.scheduleWords)
    return frame.pointee.typeCount == typeCount
      && (first..<typeCount).allSatisfy { index in
        let (own, other) = (types[index], frame.pointee.types[index])
        return own == other
          || schedules.contains(index)
            && ScheduleWord(bits: own).withOpenThreads.bits
              == ScheduleWord(bits: other).withOpenThreads.bits
      }
  }

  /// Whether which labels have one thread is all that tells options, scope and schedule from those of the frame's call.
  func differsInThreadsAlone(from frame: CallFrame.Reference) -> Bool {
    isScheduled(like: frame)
      && layout.scheduleWords.contains { types[$0] != frame.pointee.types[$0] }
  }

  /// Whether the arguments of the frame's call are those of the family but for which extents are 0 and 1.
  func hasArguments(like frame: CallFrame.Reference) -> Bool {
    guard frame.pointee.typeCount >= layout.argumentWordCount else { return false }
    return (0..<layout.argumentWordCount).allSatisfy {
      TypeWord(bits: frame.pointee.types[$0]).withoutExtents
        == TypeWord(bits: types[$0]).withoutExtents
    }
  }

  /// Whether the arguments of the frame's call have the type words of the family, extents of 0 and 1 included.
  func hasExactArguments(of frame: CallFrame.Reference) -> Bool {
    frame.pointee.typeCount >= layout.argumentWordCount
      && py_equal_words(frame.pointee.types, types, layout.argumentWordCount)
  }

  /// The type word at a position, for messages.
  func type(at index: Int) -> UInt64? { index < typeCount ? types[index] : nil }

  /// The version that serves a call with those value words.
  @inline(__always)
  func variant(_ values: UnsafePointer<Int64>) -> Variant? {
    for variant in variants where variant.serves(values) { return variant }
    return nil
  }

  /// Adds a version.
  func insert(_ variant: Variant) {
    let position = variants.firstIndex { $0.parameterCount > variant.parameterCount }
    variants.insert(variant, at: position ?? variants.endIndex)
  }

  /// Takes a version out and hands it to the caller, who lets go of it when no list is being changed.
  func remove(_ variant: Variant) -> Variant? {
    variants.firstIndex { $0 === variant }.map { variants.remove(at: $0) }
  }
}
