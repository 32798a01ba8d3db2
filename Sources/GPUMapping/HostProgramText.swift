import LoopIR
import struct Syntax.Diagnostic
import struct Syntax.DiagnosticError

/// The host part of a program as comments in printed code, from which edited kernels can be launched again.
///
///     // host program
///     //   def axpy(x: float32[n], y: float32[n], n: int64 >= 2):
///     //     local i: int64
///     //     local grid: int64
///     //     grid = max(1, min(n, 4096) // 1024)
///     //     grid = 1
///     //     grid = 1
///     //     grid = 1024
///     //     launch 0
///     // kernel axpy_kernel0 threads 1024 arrays 0 1 values 0
///     // end of host program
///
/// The first assignments are, for each kernel in order, the blocks along x, y and z and the threads of a block. Arrays and
/// values are the arguments of a kernel, by their places in the tables of the function.
extension DeviceProgram {
  private static let head = "host program"
  private static let end = "end of host program"
  private static let numbersOfGrid = 4

  /// The host part, each line a comment that begins with `prefix`.
  public func hostText(prefix: String) -> String {
    var shown = host
    let grid = shown.add(Variable("grid", .int64))
    let numbers = kernels.flatMap { $0.grid.blocks.prefix(3) + [$0.grid.threads] }
    shown.body = numbers.map { Statement(.assign(grid, $0)) } + host.body
    var lines = [Self.head]
    lines += shown.printed.split(separator: "\n").map { "  \($0)" }
    for kernel in kernels {
      let arrays = kernel.buffers.map { " \($0.index)" }.joined()
      let values = kernel.liveIns.map { " \($0.index)" }.joined()
      lines.append(
        "kernel \(kernel.name) threads \(kernel.grid.maximumThreads) arrays\(arrays) values\(values)"
      )
    }
    lines.append(Self.end)
    return lines.map { prefix + $0 + "\n" }.joined()
  }

  /// Reads the last host part in a text; its kernels have no bodies. Nil where there is none.
  ///
  /// - Throws: that it is damaged.
  public init?(
    parsingHostOf text: String, prefix: String, sharesMemory: Bool = false
  ) throws(DiagnosticError) {
    self.sharesMemory = sharesMemory
    let lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
    guard let start = lines.lastIndex(where: { $0 == prefix + Self.head }) else { return nil }
    var function = ""
    var heads: [KernelHead] = []
    var isComplete = false
    for line in lines[(start + 1)...] where !isComplete {
      guard line.hasPrefix(prefix) else { throw Self.damaged(line) }
      let content = line.dropFirst(prefix.count)
      if content == Self.end {
        isComplete = true
      } else if content.hasPrefix("  ") {
        function += content.dropFirst(2) + "\n"
      } else if let head = KernelHead(content) {
        heads.append(head)
      } else {
        throw Self.damaged(line)
      }
    }
    guard isComplete else { throw Self.damaged("") }
    do {
      host = try LoopFunction(parsing: function)
    } catch {
      throw Self.damaged(Substring(error.diagnostics.first?.message ?? ""))
    }
    var numbers: [Expression] = []
    for statement in host.body.prefix(Self.numbersOfGrid * heads.count) {
      guard case .assign(_, let number) = statement.kind else { throw Self.damaged("") }
      numbers.append(number)
    }
    guard numbers.count == Self.numbersOfGrid * heads.count else { throw Self.damaged("") }
    host.body.removeFirst(numbers.count)
    kernels = []
    for (position, head) in heads.enumerated() {
      let own = numbers[(Self.numbersOfGrid * position)...].prefix(Self.numbersOfGrid)
      guard head.arrays.allSatisfy(host.buffers.indices.contains),
        head.values.allSatisfy(host.variables.indices.contains), let threads = own.last
      else { throw Self.damaged(Substring(head.name)) }
      kernels.append(
        DeviceKernel(
          name: head.name, body: [],
          grid: Grid(blocks: Array(own.dropLast()), threads: threads, maximumThreads: head.threads),
          liveIns: head.values.map { VariableID($0) }, buffers: head.arrays.map { BufferID($0) }))
    }
    guard verify().isEmpty else { throw Self.damaged("") }
  }

  private static func damaged(_ line: Substring) -> DiagnosticError {
    DiagnosticError(
      Diagnostic(
        .program,
        "The code text has a damaged host program" + (line.isEmpty ? "" : ": \(line.prefix(200))"),
        at: [], help: "keep the comments at the end of what print_compiled gave as they are"))
  }
}

/// The line of a kernel.
private struct KernelHead {
  var name: String
  var threads: Int
  var arrays: [Int]
  var values: [Int]

  /// Nil where the line is another.
  init?(_ line: Substring) {
    let words = line.split(separator: " ")
    guard words.count >= 6, words[0] == "kernel", words[2] == "threads",
      let threads = Int(words[3]), threads > 0, words[4] == "arrays",
      let middle = words.firstIndex(of: "values"), middle > 4
    else { return nil }
    let arrays = words[5..<middle].map { Int($0) }
    let values = words[(middle + 1)...].map { Int($0) }
    guard !arrays.contains(nil), !values.contains(nil) else { return nil }
    name = String(words[1])
    self.threads = threads
    self.arrays = arrays.compactMap(\.self)
    self.values = values.compactMap(\.self)
  }
}
