import CCUDA

/// NVIDIA's compiler for CUDA C++ as a library; it needs no GPU.
public final class NVRTC: Sendable {
  /// What the code is compiled for.
  public struct Options: Sendable, Hashable {
    /// The instruction set, such as `sm_90`.
    public var architecture: String
    /// No contraction of multiply and add.
    public var isStrict: Bool
    /// Directories with headers, such as that of `cuda_fp16.h`.
    public var includes: [String]
    /// Further options, as written for `nvcc`.
    public var flags: [String]

    /// Creates options.
    public init(
      architecture: String, isStrict: Bool = false, includes: [String] = [], flags: [String] = []
    ) {
      self.architecture = architecture
      self.isStrict = isStrict
      self.includes = includes
      self.flags = flags
    }
  }

  /// Functions of the library, which any thread may call.
  private struct Table: @unchecked Sendable {
    let functions: parpy_nvrtc
  }

  /// The version, such as `13.0`.
  public let version: String
  /// Where the library was found.
  public let path: String
  private let table: Table
  /// The instruction sets it compiles for, as 10 · major + minor, oldest first.
  let architectures: [Int]

  /// The compiler of the process: the first that was found stays.
  ///
  /// - Parameter directories: where to look before the places that toolkits are installed to.
  /// - Throws: where it was looked for and what to install.
  public static func shared(in directories: [String]) throws(CUDAError) -> NVRTC {
    try opened.withLock { opened throws(CUDAError) in
      if let opened { return opened }
      let found = try NVRTC(libraryIn: directories)
      opened = found
      return found
    }
  }

  private static let opened = Locked<NVRTC?>(nil)

  /// Opens the library.
  init(libraryIn directories: [String]) throws(CUDAError) {
    let places = NVRTCPlaces(directories)
    var failures: [String] = []
    guard let library = DynamicLibrary(firstOf: places.candidates, failures: &failures) else {
      throw places.notFound(failures)
    }
    for companion in NVRTCPlaces.companions(of: library.name) {
      _ = DynamicLibrary(firstOf: [companion], failures: &failures)
    }
    table = Table(functions: try library.nvrtc())
    path = library.path(ofFunction: "nvrtcVersion")
    var (major, minor): (Int32, Int32) = (0, 0)
    guard table.functions.version(&major, &minor) == 0, major >= 12 else {
      throw CUDAError(
        .unavailable, "\(library.name) is NVRTC \(major).\(minor), and 12.0 is needed.",
        help: NVRTCPlaces.remedy)
    }
    version = "\(major).\(minor)"
    var count: Int32 = 0
    guard table.functions.architecture_count(&count) == 0, count > 0, count < 1000 else {
      architectures = []
      return
    }
    var numbers = [Int32](repeating: 0, count: Int(count))
    let result = table.functions.architectures(&numbers)
    architectures = result == 0 ? numbers.map { Int($0) }.sorted() : []
  }

  /// The text that decides what `compile` gives: its hash can be the key of a cache.
  public func cacheKey(_ text: String, _ options: Options) -> String {
    let lines = ["nvrtc \(version)"] + arguments(for: options)
    return lines.joined(separator: "\n") + "\n\n" + text
  }

  /// Compiles CUDA C++ to what `CUDADevice.load` takes.
  ///
  /// For an instruction set newer than the compiler it gives text, which the driver compiles.
  ///
  /// - Throws: the compiler's log and the first line it complains of.
  public func compile(_ text: String, _ options: Options) throws(CUDAError) -> [UInt8] {
    let functions = table.functions
    var program: OpaquePointer?
    try check(functions.create_program(&program, text, CompilerLog.fileName, 0, nil, nil))
    defer { _ = functions.destroy_program(&program) }
    let arguments = arguments(for: options)
    if run(program, [Self.withoutRuntimeAPI] + arguments) != 0 {
      let result = run(program, arguments)
      if result != 0 {
        throw refusal(CompilerLog(self.log(of: program)), result, text, options)
      }
    }
    return compilesToText(for: options.architecture)
      ? try output(program, functions.ptx_size, functions.ptx)
      : try output(program, functions.cubin_size, functions.cubin)
  }

  /// Leaves out the types of textures and of the runtime API, which kernels seldom name: 11 % of the
  /// time of a small kernel, and the same machine code. NVRTC 12.0 does not know the option.
  private static let withoutRuntimeAPI = "--minimal"

  private func run(_ program: OpaquePointer?, _ arguments: [String]) -> Int32 {
    withCStrings(arguments) { table.functions.compile(program, Int32(clamping: $0.count), $0) }
  }

  private func refusal(
    _ log: CompilerLog, _ result: Int32, _ text: String, _ options: Options
  ) -> CUDAError {
    if let header = log.missingHeader {
      let places =
        options.includes.isEmpty ? "no directory" : options.includes.joined(separator: ", ")
      // Generated code names the headers of CUDA in angle brackets, and those of external functions in quotes.
      let isOfUser = text.contains("#include \"") && !text.contains("#include <\(header)>")
      return CUDAError(
        isOfUser ? .compilation : .unavailable,
        "NVRTC \(version) did not find the header \(header), which the kernels need. Looked for in \(places).",
        help: isOfUser ? nil : NVRTCPlaces.remedy)
    }
    var error = CUDAError(
      .compilation,
      "NVRTC \(version) could not compile the kernels: \(message(result)).\n\(log.text)\(log.quote(from: text))"
    )
    error.line = log.firstLine
    return error
  }

  // MARK: Options

  /// The number of an instruction set's name, 90 of `sm_90a`; nil for other names.
  private static func number(of architecture: String) -> Int? {
    guard architecture.hasPrefix("sm_") else { return nil }
    return Int(architecture.dropFirst(3).prefix { $0.isNumber })
  }

  private func compilesToText(for architecture: String) -> Bool {
    guard let number = Self.number(of: architecture), let newest = architectures.last else {
      return architecture.hasPrefix("compute_")
    }
    return number > newest
  }

  private func arguments(for options: Options) -> [String] {
    var architecture = options.architecture
    if compilesToText(for: architecture), architecture.hasPrefix("sm_"),
      let newest = architectures.last
    {
      architecture = "compute_\(newest)"
    }
    return ["-arch=\(architecture)", "--std=c++17"]
      + (options.isStrict ? ["--fmad=false"] : [])
      + options.includes.map { "--include-path=\($0)" } + options.flags
  }

  // MARK: Results

  private func message(_ result: Int32) -> String {
    guard let text = table.functions.error_text(result) else { return "error \(result)" }
    return String(cString: text)
  }

  private func check(_ result: Int32) throws(CUDAError) {
    if result != 0 { throw CUDAError(.driver, "NVRTC \(version) failed: \(message(result)).") }
  }

  private func log(of program: OpaquePointer?) -> String {
    var size = 0
    guard table.functions.log_size(program, &size) == 0, size > 1 else { return "" }
    var characters = [CChar](repeating: 0, count: size)
    guard table.functions.log(program, &characters) == 0 else { return "" }
    return String(
      decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private func output(
    _ program: OpaquePointer?, _ size: (OpaquePointer?, UnsafeMutablePointer<Int>?) -> Int32,
    _ read: (OpaquePointer?, UnsafeMutablePointer<CChar>?) -> Int32
  ) throws(CUDAError) -> [UInt8] {
    var count = 0
    try check(size(program, &count))
    var characters = [CChar](repeating: 0, count: count)
    try check(read(program, &characters))
    return characters.map { UInt8(bitPattern: $0) }
  }
}

/// Calls `body` with the texts as C strings.
private func withCStrings<Result>(
  _ texts: [String], _ body: ([UnsafePointer<CChar>?]) -> Result
) -> Result {
  let bytes = texts.flatMap { Array($0.utf8CString) }
  return bytes.withUnsafeBufferPointer { bytes in
    var pointers: [UnsafePointer<CChar>?] = []
    var offset = 0
    for text in texts {
      pointers.append(bytes.baseAddress.map { $0 + offset })
      offset += text.utf8.count + 1
    }
    return body(pointers)
  }
}
