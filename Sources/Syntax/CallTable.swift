/// The calls of decorated functions whose bodies were put in their places.
///
///     def helper(a): a[0] = foo(1)            entry: helper's source, called from `main` at `helper(x)`
///     def main(x): helper(x)              →   x[0] = foo(1), whose spans have the number of that entry as their source
///
/// The numbers are negative, so that none is the position of a source. A call inside such a body has a span of that kind
/// too: that makes a chain of calls, at the cost of one entry for each call.
///
/// Like spans, tables always compare equal.
public struct CallTable: Sendable, Hashable {
  private struct Entry {
    var call: Diagnostic.Call
    /// Where the text of the called function stands.
    var source: Int32
  }

  private var entries: [Entry] = []

  /// Creates a table without calls.
  public init() {}

  /// Adds a call of a function whose text is in `source`; gives the number that stands for its source.
  public mutating func add(_ call: Diagnostic.Call, ofFunctionIn source: Int32) -> Int32 {
    entries.append(Entry(call: call, source: source))
    return -Int32(clamping: entries.count)
  }

  /// The diagnostic with spans in sources, and with the calls that led to its first place.
  public func resolve(_ diagnostic: Diagnostic) -> Diagnostic {
    var result = diagnostic
    result.spans = diagnostic.spans.map { resolve($0) }
    var span = diagnostic.spans.first ?? .none
    while let entry = entry(of: span) {
      result.calls.append(Diagnostic.Call(from: entry.call.caller, at: resolve(entry.call.span)))
      span = entry.call.span
    }
    return result
  }

  /// The error with its diagnostics resolved.
  public func resolve(_ error: DiagnosticError) -> DiagnosticError {
    DiagnosticError(error.diagnostics.map { resolve($0) })
  }

  /// The span in the source whose text it is a part of.
  public func resolve(_ span: Span) -> Span {
    entry(of: span).map { span.relocated(to: $0.source) } ?? span
  }

  /// True: calls take no part in equality, as spans do not.
  public static func == (_: CallTable, _: CallTable) -> Bool { true }
  /// Hashes nothing, as all are equal.
  public func hash(into _: inout Hasher) {}

  /// The call whose body the span lies in; nil in the text of the function that is compiled.
  private func entry(of span: Span) -> Entry? {
    let index = -1 - Int(span.source)
    return entries.indices.contains(index) ? entries[index] : nil
  }
}
