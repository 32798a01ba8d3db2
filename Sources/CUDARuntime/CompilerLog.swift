/// What NVRTC wrote about a text, as `kernels.cu(12): error: …`.
struct CompilerLog {
  /// What the text is called in the log; headers have other names.
  static let fileName = "kernels.cu"

  let text: String

  init(_ text: String) { self.text = text }

  /// The number of the first line of the text with an error, counted from 1; nil where the first error is in a header.
  var firstLine: Int? {
    for line in text.split(separator: "\n") {
      guard line.contains("error"), let open = line.firstIndex(of: "("),
        let close = line[open...].firstIndex(of: ")"),
        let number = Int(line[line.index(after: open)..<close])
      else { continue }
      return line[..<open].hasSuffix(Self.fileName) ? number : nil
    }
    return nil
  }

  /// The header that was included and is nowhere; nil where that is not what is wrong.
  var missingHeader: String? {
    for line in text.split(separator: "\n") where line.contains("cannot open source file") {
      let parts = line.split(separator: "\"", omittingEmptySubsequences: false)
      if parts.count > 2 { return String(parts[1]) }
    }
    return nil
  }

  /// The line of a text that the first error is about, on a line of its own, and the line of the program it was made of, which a
  /// comment above tells.
  func quote(from text: String) -> String {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard let number = firstLine, lines.indices.contains(number - 1) else { return "" }
    let origin = lines[..<number].reversed().lazy.compactMap(Self.place).first
    let made = origin.map { ", made of \($0)" } ?? ""
    return "\nThe line \(number) of the generated code\(made):\n    \(lines[number - 1])"
  }

  /// The place of the program in a line `// example.py:4`.
  private static func place(_ line: Substring) -> Substring? {
    guard line.hasPrefix("// "), let colon = line.lastIndex(of: ":"),
      Int(line[line.index(after: colon)...]) != nil
    else { return nil }
    return line.dropFirst(3)
  }
}
