import LoopIR
import struct Syntax.Span

/// What is tested as the code runs, with its place in the program.
public struct RunTimeTest: Sendable {
  /// What a test is about.
  public enum Subject: Sendable, Hashable {
    /// That an index is within a dimension of a buffer.
    case index(of: BufferID, dimension: Int)
    /// That two lengths are equal.
    case lengths
  }

  public var subject: Subject
  public var fault: Fault
}

extension Program {
  /// What is tested as the code runs; the error slot holds the position of a test that failed, counted from 1.
  public var faults: [RunTimeTest] {
    runTimeTests(in: kernels.map { [Statement(.loop($0.loop))] } + [host.body], of: host)
  }
}

/// What the statements test as they run, each test once.
///
/// - Parameter function: names the buffers.
public func runTimeTests(in bodies: [[Statement]], of function: LoopFunction) -> [RunTimeTest] {
  var found: [RunTimeTest] = []
  func note(_ subject: RunTimeTest.Subject, _ fault: @autoclosure () -> Fault, at span: Span) {
    if found.contains(where: { $0.isAbout(subject, at: span) }) { return }
    found.append(RunTimeTest(subject: subject, fault: fault()))
  }
  func note(_ buffer: BufferID, _ indices: [Expression], at span: Span) {
    for (dimension, index) in indices.enumerated() where index.isChecked {
      note(
        .index(of: buffer, dimension: dimension),
        Fault(array: function[buffer].name, dimension: dimension, at: span), at: span)
    }
  }
  for body in bodies {
    body.forEachStatement { statement in
      if case .store(let buffer, let indices, _) = statement.kind {
        note(buffer, indices, at: statement.span)
      }
      if case .requireEqual = statement.kind {
        note(.lengths, Fault(lengthsAt: statement.span), at: statement.span)
      }
      if case .call(let call) = statement.kind {
        for case .array(let part) in call.operands {
          note(part.buffer, part.start, at: statement.span)
        }
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

extension RunTimeTest {
  /// Whether this is the test of `subject` that stands at `span`.
  public func isAbout(_ subject: Subject, at span: Span) -> Bool {
    guard self.subject == subject, let own = fault.template.spans.first else { return false }
    return own.isSame(as: span)
  }
}
