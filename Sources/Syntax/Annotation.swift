/// What a parameter's annotation asks of its argument.
public enum Annotation: Sendable, Hashable {
  case scalar(Element)
  /// An array with the given extents; nil where any shape will do.
  case array(Element, [Extent]?)

  /// An element type.
  public enum Element: Sendable, Hashable {
    /// NumPy's name of the type.
    case named(String)
    /// A type variable.
    case variable(Variable)
  }

  /// The length of a dimension.
  public enum Extent: Sendable, Hashable {
    case fixed(Int64)
    /// A shape variable.
    case variable(Variable)
  }

  /// A shape or type variable.
  public struct Variable: Sendable, Hashable {
    public var id: UInt64
    /// What the function calls it, where that is known.
    public var name: String?

    /// Creates the variable `id`.
    public init(_ id: UInt64, named name: String? = nil) {
      self.id = id
      self.name = name
    }
  }

  /// Reads `scalar float32`, `scalar $17` or `array float32 [ 3 $18:N ]`: types by name, variables by number and, where it
  /// is known, name.
  ///
  /// - Returns: nil for any other text.
  public init?(_ text: String) {
    var words = text.split(separator: " ")[...]
    guard let kind = words.popFirst(), let element = words.popFirst().map(Self.element) else {
      return nil
    }
    switch kind {
    case "scalar" where words.isEmpty: self = .scalar(element)
    case "array" where words.isEmpty: self = .array(element, nil)
    case "array" where words.first == "[" && words.last == "]":
      var extents: [Extent] = []
      for word in words.dropFirst().dropLast() {
        if let variable = Self.variable(word) {
          extents.append(.variable(variable))
        } else if let fixed = Int64(word) {
          extents.append(.fixed(fixed))
        } else {
          return nil
        }
      }
      self = .array(element, extents)
    default: return nil
    }
  }

  private static func variable(_ word: Substring) -> Variable? {
    guard word.hasPrefix("$") else { return nil }
    let parts = word.dropFirst().split(separator: ":", maxSplits: 1)
    guard let number = parts.first, let id = UInt64(number) else { return nil }
    return Variable(id, named: parts.count > 1 ? String(parts[1]) : nil)
  }

  private static func element(_ word: Substring) -> Element {
    variable(word).map { .variable($0) } ?? .named(String(word))
  }
}
