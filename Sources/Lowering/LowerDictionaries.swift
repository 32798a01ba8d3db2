import LoopIR
import Syntax

/// A dictionary argument: what its entries stand for.
struct DictionaryValue {
  struct Entry {
    var key: String
    var binding: Scope.Binding
  }

  var name: String
  var entries: [Entry]
}

/// What `d["key"]` names.
struct EntryReference {
  /// As in the program.
  var name: String
  var binding: Scope.Binding

  /// The array that it names, or nil.
  var view: ArrayView? {
    if case .array(let view) = binding { view } else { nil }
  }
}

extension Lowerer {
  /// What `e` names where it is `d["key"]` for a dictionary argument `d`, else nil.
  func entry(_ e: Syntax.Expression) throws -> EntryReference? {
    guard case .subscripted(let base, let indices) = e.kind, case .name(let name) = base.kind,
      case .dictionary(let dictionary)? = scope[name]
    else { return nil }
    guard indices.count == 1, case .expression(let index) = indices[0],
      case .string(let key) = index.kind
    else { throw reject(.wrongSubscript(of: dictionary, at: e.span)) }
    // Python tells strings apart by their characters, Swift by what they look like.
    guard let found = dictionary.entries.first(where: { $0.key.utf8.elementsEqual(key.utf8) })
    else { throw reject(.missingKey(key, of: dictionary, at: index.span)) }
    return EntryReference(
      name: CallSignature.Entry.name(key, of: name), binding: found.binding)
  }

  /// Throws where an assignment to `target` would replace an entry of a dictionary; else gives true.
  @discardableResult func rejectEntry(_ target: Syntax.Expression) throws -> Bool {
    guard let entry = try entry(target) else { return true }
    throw reject(.assignedEntry(entry, at: target.span))
  }
}

extension Scope.Binding {
  /// What an argument is, with its article.
  var kind: String {
    switch self {
    case .array, .ended: "an array"
    case .dictionary: "a dictionary"
    case .scalar, .privateToLoop, .poisoned: "a scalar"
    }
  }
}

extension Diagnostic {
  static func dictionaryAsValue(_ dictionary: DictionaryValue, at span: Span) -> Diagnostic {
    Diagnostic(
      .type, "the dictionary '\(dictionary.name)' can only be subscripted by one of its keys",
      at: span, help: keys(of: dictionary))
  }

  static func wrongSubscript(of dictionary: DictionaryValue, at span: Span) -> Diagnostic {
    Diagnostic(
      .type, "the dictionary '\(dictionary.name)' is subscripted by one string literal",
      at: span, help: keys(of: dictionary))
  }

  static func missingKey(_ key: String, of dictionary: DictionaryValue, at span: Span) -> Diagnostic
  {
    Diagnostic(
      .type, "the dictionary '\(dictionary.name)' has no key '\(key)'", at: span,
      help: keys(of: dictionary))
  }

  static func assignedEntry(_ entry: EntryReference, at span: Span) -> Diagnostic {
    if entry.view != nil {
      return Diagnostic(
        .program, "assigning to \(entry.name) would replace the array in the dictionary",
        at: span, help: "assign to its elements: \(entry.name)[:] = …")
    }
    return Diagnostic(
      .program, "\(entry.name) is a scalar, which is passed by value and cannot be assigned",
      at: span, help: "pass an array of one element and assign to \(entry.name)[0]")
  }

  /// Which keys there are.
  private static func keys(of dictionary: DictionaryValue) -> String {
    if dictionary.entries.isEmpty { return "'\(dictionary.name)' is empty" }
    let names = dictionary.entries.map { CallSignature.Entry.name($0.key, of: dictionary.name) }
    return "there \(names.count == 1 ? "is" : "are") " + names.joined(separator: ", ")
  }
}
