import LoopIR
import struct Syntax.Diagnostic
import struct Syntax.Span

extension DeviceProgram {
  /// A warning that no launches of a call can be a CUDA graph, at the first call of a function by the host part; nil where there is none.
  public var graphObstacle: Diagnostic? {
    var obstacle: Diagnostic?
    host.body.forEachStatement { statement in
      if obstacle == nil, let reason = Self.callBetweenKernels(statement) {
        obstacle = .noGraphs(of: host.name, because: reason, at: statement.span)
      }
    }
    return obstacle
  }

  /// Why the host part has to see what the kernels before have done; nil where it need not.
  public var reasonToWait: String? {
    var reason: String?
    host.body.forEachStatement { reason = reason ?? Self.reasonToWait($0) }
    return reason
  }

  private static func callBetweenKernels(_ statement: Statement) -> String? {
    guard case .call(let call) = statement.kind else { return nil }
    let callee = call.isCallback ? "a Python function" : "a function of the host"
    return "\(callee) is called between its kernels"
  }

  private static func reasonToWait(_ statement: Statement) -> String? {
    switch statement.kind {
    case .call: return callBetweenKernels(statement)
    case .loop, .whileLoop, .conditional:
      var fetches = false
      statement.forEachExpression { fetches = fetches || $0.contains(\.isLoad) }
      return fetches ? "what its kernels compute decides which of them follow" : nil
    case .assign, .store, .device, .allocate, .requireEqual, .launch, .barrier: return nil
    }
  }
}

extension Diagnostic {
  /// That `use_cuda_graphs=True` cannot be obeyed.
  public static func noGraphs(
    of name: String, because reason: String, at span: Span? = nil
  ) -> Diagnostic {
    Diagnostic(
      .program,
      "use_cuda_graphs=True has no effect on '\(name)', whose kernels are launched by themselves: \(reason)",
      at: span.map { [$0] } ?? [],
      help: "leave use_cuda_graphs out, which takes graphs where they are possible")
  }
}
