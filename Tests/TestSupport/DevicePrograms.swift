import GPUMapping
import LoopIR

/// A program in tests: the host part as text, and the buffers and variables that each kernel gets, by name.
package struct TestProgram {
  package var program: DeviceProgram

  /// - Parameter kernels: name, buffers, live-ins, body (statements in the scope of the host part), grid.
  package init(_ host: String, _ kernels: [Kernel] = []) throws {
    let function = try LoopFunction(parsing: host)
    program = DeviceProgram(host: function)
    for kernel in kernels { program.kernels.append(try kernel.device(in: host, function)) }
  }

  /// A kernel in tests.
  package struct Kernel {
    private var name: String
    private var buffers: [String]
    private var liveIns: [String]
    private var body: String
    private var blocks: [String]
    private var threads: String

    /// - Parameters:
    ///   - body: statements, each line indented by two columns.
    ///   - blocks: along x, y and z; like `threads` variables of the host or numbers.
    package init(
      name: String = "k", buffers: [String] = [], liveIns: [String] = [],
      body: String = "  pass\n", blocks: [String] = ["1", "1", "1"], threads: String = "1"
    ) {
      self.name = name
      self.buffers = buffers
      self.liveIns = liveIns
      self.body = body
      self.blocks = blocks
      self.threads = threads
    }

    fileprivate func device(in host: String, _ function: LoopFunction) throws -> DeviceKernel {
      let declarations = host.split(separator: "\n", omittingEmptySubsequences: false).prefix {
        $0.hasPrefix("def ") || $0.hasPrefix("  local") || $0.hasPrefix("  temporary")
      }.joined(separator: "\n")
      let parsed = try LoopFunction(parsing: declarations + "\n" + body)
      func index(_ text: String) throws -> Expression {
        guard let variable = function.variables.firstIndex(where: { $0.name == text }) else {
          return .index(try Self.found(Int(text)))
        }
        return function.read(VariableID(variable))
      }
      return DeviceKernel(
        name: name, body: parsed.body,
        grid: Grid(
          blocks: try blocks.map(index), threads: try index(threads), maximumThreads: 1024),
        liveIns: try liveIns.map { name in
          VariableID(try Self.found(function.variables.firstIndex { $0.name == name }))
        },
        buffers: try buffers.map { name in
          BufferID(try Self.found(function.buffers.firstIndex { $0.name == name }))
        })
    }

    private struct UnknownName: Error {}

    private static func found<Value>(_ value: Value?) throws -> Value {
      guard let value else { throw UnknownName() }
      return value
    }
  }
}
