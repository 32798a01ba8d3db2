import LoopIR
import Passes
import struct Syntax.Diagnostic
import struct Syntax.DiagnosticError
import struct Syntax.Span

/// Takes complex values apart, so that all that follows sees floats alone.
///
///     z: complex64[n]                                  →   z: float32[n, 2]
///     s = z[i]                                         →   s = z[i, 0]; s.1 = z[i, 1]
///     z[i] = complex64(real(s) + x[i], imag(s))        →   z[i, 0] = s + x[i]; z[i, 1] = s.1
///     z[i] = z[i + 1] if n > 3 else s                  →   z[i, 0] = z[i + 1, 0] if n > 3 else s; …
///     @reduce(add s) for i in 0..<n: …                 →   @reduce(add s, add s.1) for i in 0..<n: …
///
/// A buffer gets one more dimension, of extent 2, and a variable becomes two. Both parts of a value are computed before either
/// is stored where that matters. A sum is a sum in each part; each part of a product needs both, so that loop is not
/// declared any more and bears no label.
public let splitComplex = Pass<LoopFunction>("split-complex") {
  (function, _) throws(DiagnosticError) in
  guard function.hasComplex else { return function }
  var splitter = ComplexSplitter(function)
  splitter.splitTables()
  let body = splitter.split(function.body)
  var result = splitter.result
  result.body = body
  result.checks = function.checks.map { Check(splitter.split($0.condition), orElse: $0.failure) }
  if result.hasComplex {
    throw DiagnosticError(
      Diagnostic(.bug, "a complex value is left in '\(result.name)'", at: .none))
  }
  return result
}

extension LoopFunction {
  /// Whether anything in the function is of complex type.
  fileprivate var hasComplex: Bool {
    var found =
      variables.contains { $0.type.isComplex } || buffers.contains { $0.element.isComplex }
    forEachExpression { found = found || $0.type.isComplex }
    return found
  }
}

private struct ComplexSplitter {
  /// The function as it was.
  let original: LoopFunction
  var result: LoopFunction
  /// The imaginary part of each complex variable, which itself becomes the real part.
  var imaginary: [VariableID: VariableID] = [:]

  init(_ function: LoopFunction) {
    original = function
    result = function
  }

  /// Gives each complex variable its second part, and each complex buffer its second element.
  mutating func splitTables() {
    for (i, variable) in original.variables.enumerated() where variable.type.isComplex {
      let id = VariableID(i)
      result[id].type = variable.type.part
      result[id].isPart = true
      imaginary[id] = result.add(result[id])
    }
    for (i, buffer) in original.buffers.enumerated() where buffer.element.isComplex {
      result.buffers[i].element = buffer.element.part
      result.buffers[i].extents.append(.index(2))
      result.buffers[i].strides = buffer.strides.map { $0.map { $0 * .index(2) } + [.index(1)] }
      result.buffers[i].holdsParts = true
    }
  }

  // MARK: Statements

  mutating func split(_ statements: [Statement]) -> [Statement] {
    var parts: [Statement] = []
    for statement in statements { parts += split(statement) }
    return parts
  }

  private mutating func split(_ statement: Statement) -> [Statement] {
    let span = statement.span
    switch statement.kind {
    case .assign(let id, let value):
      guard let second = imaginary[id] else { break }
      return assign(value, to: id, second, at: span)
    case .store(let id, let indices, let value):
      guard original[id].element.isComplex else { break }
      return store(value, to: id, indices.map { split($0) }, at: span)
    case .loop(var loop):
      let isProduct = loop.reductions.contains {
        imaginary[$0.accumulator] != nil && $0.op != .add && $0.op != .subtract
      }
      loop.labels = isProduct ? [] : loop.labels
      loop.reductions =
        isProduct
        ? []
        : loop.reductions.flatMap { reduction in
          [reduction]
            + (imaginary[reduction.accumulator].map { [Reduction(reduction.op, $0)] } ?? [])
        }
      loop.body = split(loop.body)
      return [Statement(.loop(loop), at: span).mapExpressions { split($0) }]
    case .call(let call):
      return [Statement(.call(split(call)), at: span).mapExpressions { split($0) }]
    case .whileLoop, .conditional, .device, .allocate, .requireEqual, .launch, .barrier: break
    }
    var copy = self
    let inner = statement.mapExpressions { split($0) }.mapBlocks { copy.split($0) }
    self = copy
    return [inner]
  }

  /// Passes both parts of the elements of complex arrays; complex scalars are not passed.
  private func split(_ call: ForeignCall) -> ForeignCall {
    call.mapOperands { operand in
      guard case .array(var part) = operand, original[part.buffer].element.isComplex else {
        return operand
      }
      part.dimensions.append(.range(start: .index(0), extent: .index(2), step: 1))
      return .array(part)
    }
  }

  /// Assigns both parts; each may need what the other part was before.
  private mutating func assign(
    _ value: Expression, to real: VariableID, _ imaginary: VariableID, at span: Span
  ) -> [Statement] {
    func reads(_ e: Expression, _ id: VariableID) -> Bool {
      e.contains { $0.kind == .variable(id) }
    }
    let (first, second) = (part(.real, of: value), part(.imaginary, of: value))
    let assignments = [
      Statement(.assign(real, first), at: span), Statement(.assign(imaginary, second), at: span),
    ]
    if !reads(second, real) { return assignments }
    if !reads(first, imaginary) { return assignments.reversed() }
    let (before, kept) = kept(second, at: span)
    return [before, assignments[0], Statement(.assign(imaginary, kept), at: span)]
  }

  /// Stores both parts; the second, or an index, may read what the first store changes.
  private mutating func store(
    _ value: Expression, to id: BufferID, _ indices: [Expression], at span: Span
  ) -> [Statement] {
    var before: [Statement] = []
    let places = indices.map { index in
      guard mayRead(index, from: id) else { return index }
      let (statement, kept) = kept(index, at: span)
      before.append(statement)
      return kept
    }
    var second = part(.imaginary, of: value)
    if mayRead(second, from: id) {
      let (statement, kept) = kept(second, at: span)
      before.append(statement)
      second = kept
    }
    return before + [
      Statement(.store(id, places + [.index(0)], part(.real, of: value)), at: span),
      Statement(.store(id, places + [.index(1)], second), at: span),
    ]
  }

  /// Whether an expression may read the real part of an element of a buffer.
  private func mayRead(_ e: Expression, from id: BufferID) -> Bool {
    e.contains { part in
      guard case .load(let source, let indices) = part.kind else { return false }
      if source == id { return indices.last?.integerLiteral != 1 }
      return result[source].mayAlias && result[id].mayAlias
    }
  }

  /// A variable that keeps a value, and the statement that assigns it.
  private mutating func kept(_ value: Expression, at span: Span) -> (Statement, Expression) {
    let id = result.add(Variable("part", value.type))
    return (Statement(.assign(id, value), at: span), result.read(id, at: span))
  }

  // MARK: Expressions

  /// An expression that is not complex, without the complex ones in it.
  func split(_ e: Expression) -> Expression {
    switch e.kind {
    case .part(let part, let operand): return self.part(part, of: operand)
    case .convert(let operand) where operand.type.isComplex && e.type == .bool:
      let (real, imaginary) = (part(.real, of: operand), part(.imaginary, of: operand))
      return Expression(
        .logical(.or, real.converted(to: .bool), imaginary.converted(to: .bool)), .bool, at: e.span
      ).folded
    case .convert, .integer, .float, .variable, .load, .unary, .binary, .compare, .logical, .select,
      .math, .checked, .complex:
      return e.mapChildren(split)
    }
  }

  /// A part of a complex expression, by way of its leaves.
  private func part(_ part: ComplexPart, of e: Expression) -> Expression {
    let type = e.type.part
    switch e.kind {
    case .complex(let real, let imaginary): return split(part == .real ? real : imaginary)
    case .variable(let id):
      let place = part == .real ? id : imaginary[id] ?? id
      return Expression(.variable(place), type, at: e.span)
    case .load(let id, let indices):
      let place = indices.map(split) + [.index(part.rawValue)]
      return Expression(.load(id, place), type, at: e.span)
    case .select(let condition, let then, let otherwise):
      return Expression(
        .select(
          split(condition), then: self.part(part, of: then),
          otherwise: self.part(part, of: otherwise)), type, at: e.span
      ).folded
    case .convert(let operand):
      if operand.type.isComplex { return self.part(part, of: operand).converted(to: type) }
      return part == .real ? split(operand).converted(to: type) : .zero(type)
    // No operation has a complex result; the verifier says so.
    case .integer, .float, .unary, .binary, .compare, .logical, .math, .checked, .part: return e
    }
  }
}
