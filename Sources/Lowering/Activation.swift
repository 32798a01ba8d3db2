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

  /// The body with the source that stands for one of its calls.
  init(_ body: FunctionBody, relocatedTo source: Int32) {
    var head = body.function
    head.body = []
    function = head.relocated(to: source)
    structured = body.structured.relocated(to: source)
    nameUse = body.nameUse
  }
}

/// A call of a decorated function, by its place. Inside the body of another call, the source tells that one.
struct CallSite: Hashable {
  var source: Int32
  var line: Int32
  var column: Int32
  var callee: FunctionID

  init(_ span: Span, of callee: FunctionID) {
    source = span.source
    line = span.line
    column = span.column
    self.callee = callee
  }
}

/// The extent that a shape variable stands for, and the dimension that gave it.
struct KnownExtent {
  var value: LoopIR.Expression
  var parameter: Function.Parameter
  var dimension: Int
}

/// The type that a type variable stands for, and the parameter that gave it.
struct KnownType {
  var type: ScalarType
  var parameter: Function.Parameter
}

/// One function being lowered: the entry, or a helper at one of its calls.
struct Activation {
  let body: FunctionBody
  let names: any NameResolver
  /// The decorated functions around this one, the entry left out, and itself.
  var functions: [FunctionID] = []
  /// The number of the call in the `CallTable`; 0 for the entry.
  var call: Int32 = 0
  /// Whether the labels of the body stand for nothing: it runs inside a parallel loop of the caller.
  var ignoresLabels = false
  /// What the shape and type variables of the annotations stand for.
  var extents: [UInt64: KnownExtent] = [:]
  var types: [UInt64: KnownType] = [:]
  /// The temporary arrays in scope, with the blocks that made them.
  var temporaries: [String: Int] = [:]
  /// What the function gives back, once its `return` is lowered.
  var result: Value?

  init(_ body: FunctionBody, _ names: any NameResolver) {
    self.body = body
    self.names = names
  }
}
