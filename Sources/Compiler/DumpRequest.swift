#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Where the compiler shows its stages: `PARPY_DUMP=name,…`.
public struct DumpRequest {
  var names: Set<String>
  var sink: (_ stage: String, _ text: String) -> Void

  /// Creates a request for the stages with the given names; `all` stands for every stage.
  public init(
    _ names: Set<String> = [],
    to sink: @escaping (_ stage: String, _ text: String) -> Void = { _, _ in }
  ) {
    self.names = names
    self.sink = sink
  }

  /// What the environment variable `PARPY_DUMP` asks for now, written to standard error.
  public static var environment: DumpRequest {
    guard let value = getenv("PARPY_DUMP") else { return DumpRequest() }
    let names = String(cString: value).split(separator: ",").map(String.init)
    return DumpRequest(Set(names)) { stage, text in
      var report = "// after \(stage)\n\(text)\n"
      report.withUTF8 { bytes in
        var rest = UnsafeRawBufferPointer(bytes)
        while let start = rest.baseAddress, !rest.isEmpty {
          let written = write(2, start, rest.count)
          if written <= 0 { return }
          rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(written))
        }
      }
    }
  }
}
