import LoopIR
import Passes
import Schedule
import struct Syntax.Diagnostic
import struct Syntax.Span

/// A function cut into a host part and the kernels it launches on a GPU.
public struct DeviceProgram: Sendable, Hashable {
  /// The tables, the checks and, as the body, the host part: scalar code, loops, temporaries and launches.
  public var host: LoopFunction
  public var kernels: [DeviceKernel]
  /// Whether the memory of the GPU is the host's, so that the host part may touch elements.
  public var sharesMemory: Bool

  /// Creates a program.
  public init(host: LoopFunction, kernels: [DeviceKernel] = [], sharesMemory: Bool = false) {
    self.host = host
    self.kernels = kernels
    self.sharesMemory = sharesMemory
  }

  /// The kernel that a launch names.
  public subscript(_ id: KernelID) -> DeviceKernel { kernels[id.index] }
}

/// Code that all threads of a grid run.
///
/// Statements outside the loops with a level are run by each thread, stores among them by the first of a block.
public struct DeviceKernel: Sendable, Hashable {
  public var name: String
  public var body: [Statement]
  public var grid: Grid
  /// The host's variables it reads, in the order of the table.
  public var liveIns: [VariableID]
  /// The buffers it touches and does not make itself, in the order of the table.
  public var buffers: [BufferID]
  /// The first statement's place in the source.
  public var span: Span
  /// The place as a reader finds it, such as `example.py:6`; nil where no source line stands for the kernel.
  public var place: String?

  /// Creates a kernel.
  public init(
    name: String, body: [Statement], grid: Grid, liveIns: [VariableID], buffers: [BufferID],
    at span: Span = .none
  ) {
    self.name = name
    self.body = body
    self.grid = grid
    self.liveIns = liveIns
    self.buffers = buffers
    self.span = span
  }
}

/// How many threads run a kernel, as expressions over the host's variables.
public struct Grid: Sendable, Hashable {
  /// The blocks along x, y and z; int64, at least 1 and at most what every device takes.
  public var blocks: [Expression]
  /// The threads of a block; int64, 1 or a multiple of 32.
  public var threads: Expression
  /// The most that `threads` can be.
  public var maximumThreads: Int
  /// The blocks along x that form a cluster, whose barriers all of them reach; 1 where each block is by itself.
  ///
  /// Where it is more, that many blocks stand along x, and together they are what a block is else: what is done once is done by
  /// the first thread of the first of them.
  public var clusterSize = 1

  /// Creates a grid.
  public init(blocks: [Expression], threads: Expression, maximumThreads: Int) {
    self.blocks = blocks
    self.threads = threads
    self.maximumThreads = maximumThreads
  }

  /// More blocks a cluster have not all devices with clusters, and a kernel needs leave for them (CUDA C++ Programming Guide,
  /// thread block clusters).
  public static let greatestPortableCluster = 8

  /// One thread.
  public static let single = Grid(
    blocks: [.index(1), .index(1), .index(1)], threads: .index(1), maximumThreads: 1)
}

extension DeviceProgram: IntermediateRepresentation {
  /// The kernels and then the host part, as text.
  public var printed: String {
    kernels.map { kernel in
      var shown = LoopFunction(
        kernel.name, variables: host.variables, buffers: host.buffers, body: kernel.body)
      shown.checks = []
      return shown.printed + "\n"
    }.joined() + host.printed
  }

  /// A bug for each launch of no kernel, each store of the host part, each element that it reads beside what decides how a statement
  /// runs, each live-in that a kernel assigns, and each invariant of the host that does not hold; the host part may touch any element
  /// where it shares the memory of the GPU.
  public func verify() -> [Diagnostic] {
    var bugs = host.verify(allowsLaunch: true)
    host.body.forEachStatement { statement in
      switch statement.kind {
      case .launch(let id):
        if !kernels.indices.contains(id.index) {
          bugs.append(
            Diagnostic(
              .bug, "launch of kernel \(id.index), which does not exist", at: statement.span))
        }
      case .store where sharesMemory: break
      case .store, .barrier, .device:
        bugs.append(Diagnostic(.bug, "the host part runs code of the device", at: statement.span))
      case .assign, .allocate, .call, .requireEqual:
        statement.forEachExpression { e in
          if !sharesMemory && e.contains(\.isLoad) {
            bugs.append(Diagnostic(.bug, "the host part reads an element", at: e.span))
          }
        }
      case .loop, .whileLoop, .conditional:
        statement.forEachExpression { e in
          if !sharesMemory && e.contains(\.isChecked) {
            bugs.append(Diagnostic(.bug, "the host part tests an index", at: e.span))
          }
        }
      }
    }
    for kernel in kernels {
      kernel.body.forEachStatement { statement in
        if case .assign(let id, _) = statement.kind, kernel.liveIns.contains(id) {
          bugs.append(
            Diagnostic(
              .bug, "kernel \(kernel.name) assigns its live-in \(host[id].name)",
              at: statement.span))
        }
      }
    }
    return bugs
  }
}

extension DeviceProgram {
  /// The external functions that kernels and host part call, each once.
  public var externals: [ExternalFunction] {
    (kernels.flatMap(\.body.foreignCalls) + host.body.foreignCalls).compactMap(\.external).distinct
  }

  /// The external functions that the host part calls, each once: they are compiled with it.
  public var hostExternals: [ExternalFunction] {
    host.body.foreignCalls.compactMap(\.external).distinct
  }

  /// The same with their C signatures, each once for every form of call.
  public var hostSignatures: [ExternalSignature] {
    host.body.foreignCalls.compactMap { $0.externalSignature(in: host) }.distinct
  }

  /// The Python functions that the host part calls, each once for every form of call.
  public var callbacks: [CallbackSignature] {
    host.body.foreignCalls.compactMap { $0.callbackSignature(in: host) }.distinct
  }
}
