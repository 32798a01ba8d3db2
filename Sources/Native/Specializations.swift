import CPython

/// All compiled versions of a function, the least recently used dropped beyond a limit.
///
/// Only a thread that holds the interpreter's lock looks in or changes anything.
final class Specializations {
  /// The most versions of one function.
  static let limit = 64

  private(set) var families: [Family] = []
  /// What the hot path reads and writes; at a fixed address, so that no check of exclusive access is made.
  private let hot: UnsafeMutablePointer<Hot>

  private struct Hot {
    /// The family of the latest call, one of `families`. None but the narrowest kind, which goes before others.
    var last: Unmanaged<Family>?
    var clock: UInt64 = 0
  }

  /// An empty table.
  init() {
    hot = .allocate(capacity: 1)
    hot.initialize(to: Hot())
  }

  deinit { hot.deallocate() }

  /// The version that serves the frame's call.
  @inline(__always)
  func variant(for frame: CallFrame.Reference) -> Variant? {
    if let last = hot.pointee.last {
      let found = last._withUnsafeGuaranteedRef { family in
        family.includes(frame) ? family.variant(frame.pointee.values) : nil
      }
      if let found { return stamped(found) }
    }
    let found =
      family(for: frame, .values)?.variant(frame.pointee.values)
      ?? family(for: frame, .extents)?.variant(frame.pointee.values)
      ?? family(for: frame, .threads)?.variant(frame.pointee.values)
    return found.map { stamped($0) }
  }

  /// The family of the frame's call, of those of that breadth.
  func family(for frame: CallFrame.Reference, _ breadth: Family.Breadth) -> Family? {
    for family in families where family.breadth == breadth && family.includes(frame) {
      remember(family)
      return family
    }
    return nil
  }

  @inline(__always)
  private func remember(_ family: Family) {
    hot.pointee.last = family.breadth == .values ? Unmanaged.passUnretained(family) : nil
  }

  /// The families for calls like the frame's, but for which extents are 0 and 1, for schedule, options and scope.
  func families(like frame: CallFrame.Reference) -> [Family] {
    families.filter { $0.hasArguments(like: frame) }
  }

  @inline(__always)
  private func stamped(_ variant: Variant) -> Variant {
    hot.pointee.clock &+= 1
    variant.lastUse.pointee = hot.pointee.clock
    return variant
  }

  /// Adds a version to a family, and the family where it is new; returns what had to go, for the caller to let go of.
  func insert(_ variant: Variant, into family: Family) -> [AnyObject] {
    var dropped: [AnyObject] = []
    while families.reduce(0, { $0 + $1.variants.count }) >= Self.limit {
      guard let oldest = dropOldest(except: family) else { break }
      dropped += oldest
    }
    family.insert(stamped(variant))
    if !families.contains(where: { $0 === family }) { families.append(family) }
    remember(family)
    return dropped
  }

  /// Takes the least recently used version out, with its family where that is empty then.
  private func dropOldest(except kept: Family) -> [AnyObject]? {
    var oldest: (family: Family, variant: Variant)?
    for family in families {
      for variant in family.variants
      where variant.lastUse.pointee < oldest?.variant.lastUse.pointee ?? .max {
        oldest = (family, variant)
      }
    }
    guard let oldest, let variant = oldest.family.remove(oldest.variant) else { return nil }
    guard oldest.family.variants.isEmpty, oldest.family !== kept else { return [variant] }
    hot.pointee.last = nil
    families.removeAll { $0 === oldest.family }
    return [variant, oldest.family]
  }

  /// Forgets everything; returns what was there, for the caller to let go of.
  func removeAll() -> [Family] {
    let former = families
    hot.pointee.last = nil
    families = []
    return former
  }
}
