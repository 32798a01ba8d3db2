import Compiler
import LoopIR

/// Texts for people about why a version was compiled, and for which calls.
enum CompilationReason {
  /// Why calls of a family that is not in the table yet need a version.
  static func newFamily(_ function: FunctionState, _ family: Family) -> String {
    guard let latest = function.specializations.families.last else { return "first call" }
    let (former, layout) = (latest.layout, family.layout)
    var changes: [String] = []
    for parameter in 0..<function.callee.count {
      changes += self.changes(function.callee, parameter, former, layout)
    }
    if latest.type(at: former.argumentWordCount) != family.type(at: layout.argumentWordCount) {
      changes.append("the options changed")
    }
    for (label, (before, now)) in zip(function.labels, zip(former.schedules, layout.schedules))
    where before.bits != now.bits {
      changes.append("the schedule of label '\(label)' changed")
    }
    let words = [(latest, former), (family, layout)].map { family, layout in
      (layout.scheduleWords.upperBound..<family.typeCount).map(family.type(at:))
    }
    if words[0] != words[1] { changes.append("a name of the enclosing scopes changed") }
    if changes.isEmpty {
      return
        "calls differ in which extents are 0 or 1, or which labels have one thread: made parameters"
    }
    return changes.joined(separator: "; ")
  }

  /// What is new in the argument of a parameter.
  private static func changes(
    _ callee: Callee, _ parameter: Int, _ former: KeyLayout, _ layout: KeyLayout
  ) -> [String] {
    func words(_ layout: KeyLayout) -> [KeyLayout.Leaf] {
      layout.leaves.filter { $0.parameter == parameter }
    }
    let (before, now) = (words(former), words(layout))
    guard former.keys[parameter] == layout.keys[parameter] else {
      let whole = [(former, before), (layout, now)].map { layout, leaves in
        layout.keys[parameter].map(describe(keys:)) ?? leaves.first.map { describe($0.word) } ?? "?"
      }
      return ["\(callee.name(of: parameter, key: nil)) was \(whole[0]) and is now \(whole[1])"]
    }
    return zip(before, now).filter { $0.word != $1.word }.map { before, now in
      let name = callee.name(of: parameter, key: now.key)
      return "\(name) was \(describe(before.word)) and is now \(describe(now.word))"
    }
  }

  /// A dictionary by its keys, with its article.
  private static func describe(keys: [String]) -> String {
    if keys.isEmpty { return "an empty dictionary" }
    return "a dictionary with \(keys.count == 1 ? "the key" : "the keys") "
      + keys.map(SignatureText.quoted).joined(separator: ", ")
  }

  /// Why values that no version of their family serves need one.
  static func newValues(
    _ function: FunctionState, _ family: Family, _ changes: [ValueHistory.Change]
  ) -> String {
    if changes.isEmpty { return "values that were equal differ now" }
    func name(_ leaf: Int) -> String {
      let leaf = family.layout.leaves[leaf]
      return function.callee.name(of: leaf.parameter, key: leaf.key)
    }
    func layoutType(_ leaf: Int) -> ScalarType? { family.layout.leaves[leaf].word.element }
    return changes.map { change in
      let place: String =
        switch change.place {
        case .extent(let leaf, let dimension): "extent \(dimension) of \(name(leaf))"
        case .stride(let leaf, let dimension): "stride \(dimension) of \(name(leaf))"
        case .scalar(let leaf):
          layoutType(leaf)?.isComplex == true ? "the real part of \(name(leaf))" : name(leaf)
        case .imaginary(let leaf): "the imaginary part of \(name(leaf))"
        case .threads(let label): "the number of threads of '\(function.labels[label])'"
        }
      var isFloat = false
      switch change.place {
      case .scalar(let leaf), .imaginary(let leaf):
        isFloat = layoutType(leaf).map { $0.isFloat || $0.isComplex } ?? false
      case .extent, .stride, .threads: break
      }
      let before =
        isFloat ? "\(Double(bitPattern: UInt64(bitPattern: change.before)))" : "\(change.before)"
      let now = isFloat ? "\(Double(bitPattern: UInt64(bitPattern: change.now)))" : "\(change.now)"
      return "\(place) was \(before) and is now \(now)"
        + (change.isOpen ? ": made a parameter" : "")
    }.joined(separator: "; ")
  }

  /// The calls that a version is for.
  static func key(_ callee: Callee, _ signature: CallSignature) -> String {
    var parts = zip(callee.parameters, signature.arguments).map { parameter, argument in
      "\(parameter.name): \(SignatureText.argument(argument))"
    }
    for (label, schedule) in signature.schedule.sorted(by: { $0.key < $1.key }) {
      var text = "\(label): "
      text += schedule.threads.map { "threads(\(SignatureText.word($0)))" } ?? "sequential"
      if schedule.isReduction { text += ".reduce()" }
      parts.append(text)
    }
    return parts.joined(separator: ", ")
  }

  /// The type of a Python number, with its article.
  private static func pythonType(_ word: TypeWord) -> String {
    switch word.element {
    case .bool: "a Python bool"
    case .float64: "a Python float"
    case .complex128: "a Python complex"
    default: word.contains(.large) ? "a Python int where one has more than 31 bits" : "a Python int"
    }
  }

  /// An argument's type and layout, with its article.
  private static func describe(_ word: TypeWord) -> String {
    let element = word.element?.name ?? "unknown"
    guard word.isArray else {
      if word.contains(.weak) { return pythonType(word) }
      return "a \(element)"
        + (word.contains(.large) ? " where one integer has more than 31 bits" : "")
    }
    var text = "a \(word.dimensions)-dimensional array of \(element)"
    if word.contains(.strided) { text += ", not contiguous" }
    if word.contains(.readOnly) { text += ", read-only" }
    if word.contains(.large) { text += ", where one has 2³⁰ elements or more" }
    if word.contains(.overlaps) { text += ", sharing memory with another argument" }
    if (0..<word.dimensions).contains(where: { !word.isExtentOpen($0) }) {
      text += ", with an extent of 0 or 1"
    }
    return text
  }
}
