import LoopIR

/// Decides which value words of a family's next version are constants and which are parameters.
///
/// A word that has been seen with two values is a parameter from then on. Extents that were equal in all calls seen
/// share a parameter; the call then checks that they are equal. Scalars and thread counts never share one.
struct ValueHistory {
  private let layout: KeyLayout
  private var varies: [Bool]
  /// Words with one number were equal extents in every call seen.
  private var groups: [Int]
  /// The values of the first and of the latest call.
  private var first: [Int64] = []
  private var latest: [Int64] = []

  /// The words of a version, and where the value of each parameter is found.
  struct Plan {
    var words: [CallSignature.Word]
    var sources: [Int]
  }

  /// What one call changed.
  struct Change {
    var place: KeyLayout.Place
    var before: Int64
    var now: Int64
    /// Whether the word is a parameter from now on.
    var isOpen: Bool
  }

  /// A history without calls.
  init(_ layout: KeyLayout) {
    self.layout = layout
    varies = Array(repeating: false, count: layout.places.count)
    groups = Array(0..<layout.places.count)
  }

  /// Takes note of a call that no version served; returns what is new in it.
  mutating func note(_ values: [Int64]) -> [Change] {
    guard values.count == layout.places.count else { return [] }
    if first.isEmpty {
      first = values
      latest = values
      groups = values.indices.map { $0 }
      for index in values.indices { join(index, values) }
      return []
    }
    var changes: [Change] = []
    for index in values.indices where values[index] != first[index] {
      if !layout.isOpen[index] || !varies[index] {
        changes.append(
          Change(
            place: layout.places[index], before: latest[index], now: values[index],
            isOpen: layout.isOpen[index]))
      }
      if layout.isOpen[index] { varies[index] = true }
    }
    split(values)
    latest = values
    return changes
  }

  /// Takes note of the first and of the latest call of another history, of calls with the same value words.
  mutating func note(callsOf other: ValueHistory) {
    _ = note(other.first)
    _ = note(other.latest)
  }

  /// Puts an extent in the group of the first one that equals it.
  private mutating func join(_ index: Int, _ values: [Int64]) {
    guard isSharable(index) else { return }
    for other in 0..<index where isSharable(other) && values[other] == values[index] {
      groups[index] = groups[other]
      return
    }
  }

  private func isSharable(_ index: Int) -> Bool {
    guard case .extent = layout.places[index] else { return false }
    return layout.isOpen[index]
  }

  /// Takes those out of a group that differ from its first now.
  private mutating func split(_ values: [Int64]) {
    let former = groups
    for index in values.indices {
      groups[index] = index
      for other in 0..<index
      where former[other] == former[index] && values[other] == values[index] {
        groups[index] = groups[other]
        break
      }
    }
  }

  /// The version to compile for a call with those values.
  func plan(_ values: [Int64], _ specialization: CallOptions.Specialization) -> Plan {
    var plan = Plan(words: [], sources: [])
    var parameters: [Int: Int] = [:]
    for (index, value) in values.enumerated() {
      let isParameter =
        switch specialization {
        case .always: false
        case .never: layout.isOpen[index]
        case .auto: varies[index]
        }
      guard isParameter else {
        plan.words.append(.constant(value))
        continue
      }
      let group = groups[index]
      let parameter = parameters[group] ?? plan.sources.count
      if parameters[group] == nil {
        parameters[group] = parameter
        plan.sources.append(index)
      }
      plan.words.append(.parameter(parameter))
    }
    return plan
  }
}
