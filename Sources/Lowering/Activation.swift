import LoopIR
import Syntax

/// A function as lowering needs it: without exits, and with what its names are used for.
final class FunctionBody {
  let function: Function
  let structured: StructuredBody
  let nameUse: NameUse

  /// - Parameter width: as for `StructuredBody`.
  init(_ function: Function, width: @escaping (Syntax.Expression) -> Int = { _ in 1 }) {
    self.function = function
    structured = StructuredBody(function.body, width: width)
    nameUse = NameUse(structured.statements)
  }
}

/// Where a call stands in the text of the function that makes it.
struct CallSite: Hashable {
  var source: Int32
  var line: Int32
  var column: Int32

  init(_ span: Span) {
    source = span.source
    line = span.line
    column = span.column
  }
}

/// One function being lowered: the entry, or a helper at one of its calls.
struct Activation {
  let body: FunctionBody
  let names: any NameResolver
  /// The decorated functions around this one, the entry left out, and itself.
  var functions: [FunctionID] = []
  /// The calls that led here, outermost first.
  var path: [CallSite] = []
  /// Whether the labels of the body stand for nothing: it runs inside a parallel loop of the caller.
  var ignoresLabels = false
  /// What the shape and type variables of the annotations stand for.
  var extents: [UInt64: LoopIR.Expression] = [:]
  var types: [UInt64: ScalarType] = [:]
  /// The temporary arrays in scope, with the blocks that made them.
  var temporaries: [String: Int] = [:]
  /// What the function gives back, once its `return` is lowered.
  var result: Value?

  init(_ body: FunctionBody, _ names: any NameResolver) {
    self.body = body
    self.names = names
  }
}
