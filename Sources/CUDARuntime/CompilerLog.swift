/// What NVRTC wrote about a text, as `kernels.cu(12): error: …`.
struct CompilerLog {
  private let log: String

  init(_ log: String) { self.log = log }

  /// The number of the first line with an error, counted from 1.
  var firstLine: Int? {
    for line in log.split(separator: "\n") {
      guard line.contains("error"), let open = line.firstIndex(of: "("),
        let close = line[open...].firstIndex(of: ")"),
        let number = Int(line[line.index(after: open)..<close])
      else { continue }
      return number
    }
    return nil
  }

  /// The line of the text that the first error is about, on a line of its own.
  func quote(from text: String) -> String {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard let number = firstLine, lines.indices.contains(number - 1) else { return "" }
    return "\nThe line \(number) of the generated code:\n    \(lines[number - 1])"
  }
}
