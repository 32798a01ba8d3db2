import LoopIR
import struct Syntax.Span

/// An access that is tested as it runs, with its place in the program.
public struct TestedAccess: Sendable {
  public var buffer: BufferID
  public var dimension: Int
  public var fault: Fault
}

extension Program {
  /// The accesses that are tested as they run; the error slot holds the position of one, counted from 1.
  public var faults: [TestedAccess] {
    var found: [TestedAccess] = []
    func note(_ buffer: BufferID, _ indices: [Expression], at span: Span) {
      for (dimension, index) in indices.enumerated() where index.isChecked {
        if found.contains(where: { $0.isAbout(buffer, dimension, at: span) }) { continue }
        let fault = Fault(array: host[buffer].name, dimension: dimension, at: span)
        found.append(TestedAccess(buffer: buffer, dimension: dimension, fault: fault))
      }
    }
    for body in kernels.map({ [Statement(.loop($0.loop))] }) + [host.body] {
      body.forEachStatement { statement in
        if case .store(let buffer, let indices, _) = statement.kind {
          note(buffer, indices, at: statement.span)
        }
        statement.forEachExpression { whole in
          whole.forEachDescendant { e in
            if case .load(let buffer, let indices) = e.kind { note(buffer, indices, at: e.span) }
          }
        }
      }
    }
    return found
  }
}

extension TestedAccess {
  /// Whether this is the access to a dimension of `buffer` that stands at `span`.
  public func isAbout(_ buffer: BufferID, _ dimension: Int, at span: Span) -> Bool {
    guard self.buffer == buffer, self.dimension == dimension, let own = fault.template.spans.first
    else { return false }
    // Spans compare equal wherever they are, so their parts are compared.
    return own.source == span.source && own.line == span.line && own.column == span.column
      && own.endLine == span.endLine && own.endColumn == span.endColumn
  }
}
