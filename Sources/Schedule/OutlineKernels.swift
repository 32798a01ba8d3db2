import LoopIR
import struct Syntax.Span

/// Cuts a scheduled function into host part and kernels: each outermost parallel loop becomes one.
///
///     y[0] = 0.0                             host:  y[0] = 0.0
///     @workers(8) for i in 0..<n: …    →            launch f_kernel0
///                                            f_kernel0:  @workers(8) for i in 0..<n: …
///
/// Parallel loops inside a kernel run sequentially on their worker.
public func outlineKernels(_ function: LoopFunction) -> Program {
  var program = Program(host: function, kernels: [])
  program.host.body = function.body.outlined(into: &program)
  return program
}

extension [Statement] {
  fileprivate func outlined(into program: inout Program) -> [Statement] {
    map { statement in
      guard case .loop(let loop) = statement.kind, loop.mapping.workers != nil else {
        var copy = program
        let rebuilt = statement.mapBlocks { $0.outlined(into: &copy) }
        program = copy
        return rebuilt
      }
      return program.launch(loop, at: statement.span)
    }
  }
}

extension Program {
  fileprivate mutating func launch(_ loop: ForLoop, at span: Span) -> Statement {
    var kernelLoop = loop
    kernelLoop.body = loop.body.withoutWorkers
    var read: Set<VariableID> = []
    var buffers: Set<BufferID> = []
    let assigned = AssignedVariables(in: loop).variables
    let whole = [Statement(.loop(kernelLoop))]
    whole.forEachExpression { e in
      if case .variable(let id) = e.kind { read.insert(id) }
      if case .load(let id, _) = e.kind { buffers.insert(id) }
    }
    var own: Set<BufferID> = []
    whole.forEachStatement { statement in
      buffers.formUnion(statement.writtenBuffers)
      if case .allocate(let id, _) = statement.kind { own.insert(id) }
    }
    // Extents and strides of the buffers are read where elements are addressed.
    for id in buffers {
      let buffer = host[id]
      for e in buffer.extents + (buffer.strides ?? []) {
        e.forEachDescendant { if case .variable(let id) = $0.kind { read.insert(id) } }
      }
    }
    buffers.subtract(own)
    kernels.append(
      Kernel(
        name: "\(host.name)_kernel\(kernels.count)", loop: kernelLoop,
        liveIns: read.subtracting(assigned).sorted { $0.index < $1.index },
        buffers: buffers.sorted { $0.index < $1.index }))
    return Statement(.launch(KernelID(kernels.count - 1)), at: span)
  }
}

extension [Statement] {
  /// The statements with every loop on one worker.
  fileprivate var withoutWorkers: [Statement] {
    flatMapStatements { statement in
      guard case .loop(var loop) = statement.kind else { return [statement] }
      loop.mapping.workers = nil
      return [Statement(.loop(loop), at: statement.span)]
    }
  }
}
