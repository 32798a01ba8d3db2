import CPython
import LoopIR

/// The versions of a function for calls that have their type words in common.
final class Family {
  private let types: UnsafeMutablePointer<UInt64>
  let typeCount: Int
  /// Names of the scope, by identity in the key; references that the family owns, so that no other object can come to
  /// lie at the same address.
  let identities: [PythonPointer]
  let layout: KeyLayout
  var history: ValueHistory
  /// Set when the code could not be compiled with parameters: all later versions are for constants.
  var needsConstants = false
  /// The versions, those with the fewest parameters first: the more special goes before the general.
  private(set) var variants: [Variant] = []

  /// A family for the type words of a frame; takes over the references.
  init(_ frame: CallFrame.Reference, layout: KeyLayout, identities: [PythonPointer]) {
    typeCount = frame.pointee.typeCount
    types = .allocate(capacity: typeCount + 1)
    types.initialize(from: frame.pointee.types, count: typeCount)
    self.layout = layout
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
    frame.pointee.typeCount == typeCount
      && py_equal_words(frame.pointee.types, types, typeCount)
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
