import LoopIR

/// Whether iterations of a nest may be reordered as unroll-and-jam does.
///
/// Of iterations (k, q, j) of a loop, the loops inside it and the vector loop, those trade places that differ in k and in q
/// or j. They may where each pair of a store and another access to its buffer, or the store itself in another iteration,
///
/// - is to one place that does not depend on k, and that differs wherever q does; the vector loop's iterations do not
///   share elements, whatever they do;
/// - or differs in a dimension: an index that the nest leaves unchanged never equals the other one.
struct JamDependences {
  private struct Access {
    var buffer: BufferID
    var indices: [Expression]
  }

  private let nest: JamNest
  private let changing: AssignedVariables
  private let facts: Facts
  private let function: LoopFunction
  private let variable: VariableID
  private var loads: [Access] = []
  private var stores: [Access] = []

  /// Collects the accesses of a nest inside `loop`, which changes `changing`; `facts` hold in its body.
  init(
    of nest: JamNest, in loop: ForLoop, _ changing: AssignedVariables, _ facts: Facts,
    _ function: LoopFunction
  ) {
    self.nest = nest
    self.changing = changing
    self.facts = nest.loops.reduce(facts) { $0.entering($1) }
    self.function = function
    variable = loop.variable
    var (loads, stores): ([Access], [Access]) = ([], [])
    loop.body.forEachExpression { e in
      if case .load(let buffer, let indices) = e.kind {
        loads.append(Access(buffer: buffer, indices: indices))
      }
    }
    loop.body.forEachStatement { statement in
      if case .store(let buffer, let indices, _) = statement.kind {
        stores.append(Access(buffer: buffer, indices: indices))
      }
    }
    self.loads = loads
    self.stores = stores
  }

  /// Whether all pairs may, and an element is updated more than once.
  var allowJamming: Bool {
    stores.allSatisfy { store in
      !function[store.buffer].mayAlias
        && (loads + stores).allSatisfy { access in
          access.buffer != store.buffer || isTheSame(store, access) || areApart(store, access)
        }
    } && stores.contains { store in loads.contains { isTheSame(store, $0) } }
  }

  /// Whether both are one element, the same for all of the outer loop and another for each iteration of those inside.
  private func isTheSame(_ a: Access, _ b: Access) -> Bool {
    guard a.buffer == b.buffer, a.indices == b.indices, let vector = nest.loops.last,
      !a.indices.contains(where: { $0.contains(\.isLoad) })
    else { return false }
    var outside = changing.variables.subtracting(nest.loops.map(\.variable))
    outside.insert(variable)
    guard
      a.indices.allSatisfy({ index in
        !index.contains {
          if case .variable(let id) = $0.kind { outside.contains(id) } else { false }
        }
      })
    else { return false }
    return nest.loops.dropLast().allSatisfy { loop in
      a.indices.contains { index in
        let terms = LinearSum(index).terms
        return index.contains { $0.kind == .variable(loop.variable) }
          && !index.contains { $0.kind == .variable(vector.variable) }
          && terms.allSatisfy {
            $0.term.kind == .variable(loop.variable) || changing.leaveUnchanged($0.term)
          }
      }
    }
  }

  /// Whether the two never meet: in some dimension one index is the same throughout and never equals the other.
  private func areApart(_ a: Access, _ b: Access) -> Bool {
    zip(a.indices, b.indices).contains { p, q in
      (changing.leaveUnchanged(p) || changing.leaveUnchanged(q))
        && (facts.prove(p + .index(1), atMost: q) || facts.prove(q + .index(1), atMost: p))
    }
  }
}
