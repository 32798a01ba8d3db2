import LoopIR
import Passes
import struct Syntax.Diagnostic
import struct Syntax.Span

/// A function cut into a host part and the kernels it launches; the same for every target.
public struct Program: Sendable, Hashable {
  /// The tables, the checks and, as the body, the host part.
  public var host: LoopFunction
  public var kernels: [Kernel]

  /// Creates a program.
  public init(host: LoopFunction, kernels: [Kernel]) {
    self.host = host
    self.kernels = kernels
  }

  /// The kernel that a launch names.
  public subscript(_ id: KernelID) -> Kernel { kernels[id.index] }
}

/// A parallel loop nest that runs as a whole.
public struct Kernel: Sendable, Hashable {
  public var name: String
  /// The outermost parallel loop.
  public var loop: ForLoop
  /// The host's variables it reads, in the order of the table.
  public var liveIns: [VariableID]
  /// The buffers it touches, in the order of the table.
  public var buffers: [BufferID]

  /// Creates a kernel.
  public init(name: String, loop: ForLoop, liveIns: [VariableID], buffers: [BufferID]) {
    self.name = name
    self.loop = loop
    self.liveIns = liveIns
    self.buffers = buffers
  }
}

extension Program: IntermediateRepresentation {
  /// The kernels and then the host part, as text.
  public var printed: String {
    kernels.map { kernel in
      var shown = LoopFunction(
        kernel.name, variables: host.variables, buffers: host.buffers,
        body: [Statement(.loop(kernel.loop))])
      shown.checks = []
      return shown.printed + "\n"
    }.joined(separator: "\n") + (kernels.isEmpty ? "" : "\n") + host.printed
  }

  /// A bug for each launch of no kernel, each live-in that a kernel assigns, and each host invariant that does not hold.
  public func verify() -> [Diagnostic] {
    var bugs = host.verify(allowsLaunch: true)
    host.body.forEachStatement { statement in
      guard case .launch(let id) = statement.kind, !kernels.indices.contains(id.index) else {
        return
      }
      bugs.append(
        Diagnostic(.bug, "launch of kernel \(id.index), which does not exist", at: statement.span))
    }
    for kernel in kernels {
      if kernel.loop.mapping.workers == nil {
        bugs.append(Diagnostic(.bug, "kernel \(kernel.name) is not parallel", at: kernel.loop.span))
      }
      kernel.loop.body.forEachStatement { statement in
        if case .call(let call) = statement.kind, call.isCallback {
          bugs.append(Diagnostic(.bug, "kernel \(kernel.name) calls back", at: statement.span))
        }
      }
      let assigned = AssignedVariables(in: kernel.loop).variables
      for id in kernel.liveIns where assigned.contains(id) {
        bugs.append(
          Diagnostic(
            .bug, "kernel \(kernel.name) assigns its live-in \(host[id].name)", at: kernel.loop.span
          ))
      }
    }
    return bugs
  }
}
