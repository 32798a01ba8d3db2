import LoopIR
import Syntax

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Where the compiler shows its stages: `PARPY_DUMP=name,…`, or `debug_print=True` for all of them.
public struct DumpRequest {
  /// What takes the text of a stage and, where it is a pass, how long that took.
  public typealias Sink = (_ stage: String, _ text: String, _ duration: Duration?) -> Void

  var names: Set<String>
  var sink: Sink

  /// Creates a request for the stages with the given names; `all` stands for every stage.
  public init(_ names: Set<String> = [], to sink: @escaping Sink = { _, _, _ in }) {
    self.names = names
    self.sink = sink
  }

  /// What the options and the environment ask for.
  init(for options: CompileOptions) throws(DiagnosticError) {
    self = options.printsStages ? .everything : try .environment()
  }

  /// What the environment variable `PARPY_DUMP` asks for now, written to standard error.
  ///
  /// - Throws: where it names a stage that does not exist.
  public static func environment() throws(DiagnosticError) -> DumpRequest {
    guard let pointer = getenv("PARPY_DUMP") else { return DumpRequest() }
    let value = String(cString: pointer)
    let names = value.filter { !$0.isWhitespace }.split(separator: ",").map(String.init)
    let known = ["all"] + stageNames
    if let unknown = names.first(where: { !known.contains($0) }) {
      throw DiagnosticError(
        Diagnostic(
          .value,
          "PARPY_DUMP='\(value)' names no stage by '\(unknown)'; it may name, separated by commas, \(known.joined(separator: ", "))",
          at: [], help: likelyName(for: unknown, among: known).map { "did you mean '\($0)'?" }))
    }
    return DumpRequest(Set(names)) { stage, text, _ in write("// after \(stage)\n\(text)\n") }
  }

  /// Every stage with its time, written to standard error.
  public static var everything: DumpRequest {
    DumpRequest(["all"]) { stage, text, duration in
      let time = duration.map { ": \(milliseconds($0)) ms" } ?? ""
      write("// after \(stage)\(time)\n\(text)\n")
    }
  }

  /// A duration in milliseconds with two digits behind the point.
  private static func milliseconds(_ duration: Duration) -> String {
    let (seconds, attoseconds) = duration.components
    let hundredths = seconds &* 100_000 &+ attoseconds / 10_000_000_000_000
    let rest = hundredths % 100
    return "\(hundredths / 100)." + (rest < 10 ? "0" : "") + "\(rest)"
  }

  private static func write(_ report: String) {
    var report = report
    report.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while let start = rest.baseAddress, !rest.isEmpty {
        let written = Self.write(2, start, rest.count)
        if written <= 0 { return }
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(written))
      }
    }
  }

  private static func write(_ file: Int32, _ start: UnsafeRawPointer, _ count: Int) -> Int {
    #if canImport(Glibc)
      Glibc.write(file, start, count)
    #else
      Darwin.write(file, start, count)
    #endif
  }
}
