import Compiler
import LoopIR

/// Texts for people about why a version was compiled, and for which calls.
enum CompilationReason {
  /// Why calls of a family that is not in the table yet need a version.
  static func newFamily(_ function: FunctionState, _ family: Family) -> String {
    guard let latest = function.specializations.families.last else { return "first call" }
    let count = function.callee.count
    var changes: [String] = []
    for index in 0..<count where latest.type(at: index) != family.type(at: index) {
      guard let before = latest.type(at: index), let now = family.type(at: index) else { continue }
      changes.append(
        "\(function.callee.parameters[index].name) was \(describe(before)) and is now \(describe(now))"
      )
    }
    if latest.type(at: count) != family.type(at: count) { changes.append("the options changed") }
    for (index, label) in function.labels.enumerated()
    where latest.type(at: count + 1 + index) != family.type(at: count + 1 + index) {
      changes.append("the schedule of label '\(label)' changed")
    }
    if changes.isEmpty { return "a name of the enclosing scopes changed" }
    return changes.joined(separator: "; ")
  }

  /// Why values that no version of their family serves need one.
  static func newValues(
    _ function: FunctionState, _ family: Family, _ changes: [ValueHistory.Change]
  ) -> String {
    if changes.isEmpty { return "values that were equal differ now" }
    return changes.map { change in
      let place: String =
        switch change.place {
        case .extent(let argument, let dimension):
          "extent \(dimension) of \(function.callee.parameters[argument].name)"
        case .stride(let argument, let dimension):
          "stride \(dimension) of \(function.callee.parameters[argument].name)"
        case .scalar(let argument): function.callee.parameters[argument].name
        case .threads(let label): "the number of threads of '\(function.labels[label])'"
        }
      var isFloat = false
      if case .scalar(let argument) = change.place {
        isFloat = family.layout.arguments[argument].element?.isFloat ?? false
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
    default: "a Python int"
    }
  }

  /// An argument's type and layout, with its article.
  private static func describe(_ bits: UInt64) -> String {
    let word = TypeWord(bits: bits)
    let element = word.element?.name ?? "unknown"
    guard word.isArray else { return word.contains(.weak) ? pythonType(word) : "a \(element)" }
    var text = "a \(word.dimensions)-dimensional array of \(element)"
    if word.contains(.strided) { text += ", not contiguous" }
    if word.contains(.readOnly) { text += ", read-only" }
    if word.contains(.overlaps) { text += ", sharing memory with another argument" }
    if (0..<word.dimensions).contains(where: { !word.isExtentOpen($0) }) {
      text += ", with an extent of 0 or 1"
    }
    return text
  }
}
