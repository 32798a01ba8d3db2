import LoopIR
import Syntax

/// The messages of this stage, in one place.
extension Diagnostic {
  /// - Parameter likely: the name that may have been meant.
  static func unknownName(
    _ name: String, parameters: [String], of function: String, likely: String?, at span: Span
  ) -> Diagnostic {
    let quoted = parameters.map { "'\($0)'" }
    let list =
      quoted.count < 2
      ? quoted.joined() : quoted.dropLast().joined(separator: ", ") + " and " + (quoted.last ?? "")
    let known =
      "\(list) \(parameters.count == 1 ? "is a parameter" : "are parameters") of \(function)"
    let help = [
      likely.map { "did you mean '\($0)'?" },
      // Of the attributes of a module, parameters are none.
      parameters.isEmpty || name.contains(".") ? nil : known,
    ].compactMap { $0 }
    return Diagnostic(
      .name, "name '\(name)' is not defined", at: span,
      help: help.isEmpty ? nil : help.joined(separator: " "))
  }

  /// A call of something that means nothing to the compiler.
  ///
  /// - Parameter kind: what the name stands for, with an article.
  static func unknownFunction(_ path: [String], _ kind: String? = nil, at span: Span) -> Diagnostic
  {
    let name = path.joined(separator: ".")
    let help: String
    if kind == "a function" && path.count == 1 {
      help = "decorate it with @parpy.jit, or with @parpy.callback to call it in Python"
    } else {
      help =
        path.last.flatMap { WaysOut.ofFunction($0, of: path.dropLast().last) }
        ?? "known are functions decorated with @parpy.jit, those of parpy.operators and parpy.math, and what math and numpy have of the same meaning"
    }
    return Diagnostic(.program, "Call to unknown function \(name)", at: span, help: help)
  }

  static func undefinedFunction(_ path: [String], known: [String], at span: Span) -> Diagnostic {
    let likely = path.last.flatMap { likelyName(for: $0, among: known) }
    return Diagnostic(
      .name, "Call to unknown function \(path.joined(separator: ".")): the name is not defined",
      at: span,
      help: likely.map {
        "did you mean \((path.dropLast() + [$0]).joined(separator: "."))?"
      })
  }

  static func unknownMethod(_ name: String, at span: Span) -> Diagnostic {
    .unsupported("method '\(name)' of an array", at: span, help: WaysOut.ofMethod(name))
  }

  static func unsupported(_ what: String, at span: Span, help: String? = nil) -> Diagnostic {
    Diagnostic(.program, "\(what) is not supported", at: span, help: help)
  }

  /// - Parameter isFirst: whether no other index stands before it.
  static func newAxis(isFirst: Bool, at span: Span) -> Diagnostic {
    .unsupported(
      "numpy.newaxis (None) in an index", at: span,
      help: isFirst
        ? "leave it out: operands with fewer dimensions get those that are missing on the left, as in NumPy"
        : "write a loop over the dimension before it, for i in range(len(x)), with x[i] in place of x[:, None]; or pass x[:, None] as another argument"
    )
  }

  /// - Parameter name: the loop's variable.
  static func unknownStep(_ name: String, at span: Span) -> Diagnostic {
    .unsupported(
      "a step that is not known when compiling", at: span,
      help:
        "write a while loop: \(name) = start; while \(name) < stop: …; \(name) += step; or, so that it can run in parallel, a loop over the number of steps: for k in range((stop - start + step - 1) // step), with \(name) = start + k * step"
    )
  }

  static func unknownSliceStep(at span: Span) -> Diagnostic {
    .unsupported(
      "a slice step that is not known when compiling", at: span,
      help:
        "write a loop over the number of steps: for k in range((stop - start + step - 1) // step), with x[start + k * step]"
    )
  }

  static func noResult(_ name: String, at span: Span) -> Diagnostic {
    Diagnostic(
      .type, "\(name) returns no value", at: span,
      help: "call it as a statement, or end it in return")
  }

  static func loopOverNoRange(_ iterable: Syntax.Expression) -> Diagnostic {
    var array = iterable.path
    if case .call(_, let arguments, _) = iterable.kind { array = arguments.first?.path }
    let isName = array?.count == 1
    return .unsupported(
      "a loop over anything but range", at: iterable.span,
      help: isName
        ? "write for i in range(len(\(array?[0] ?? ""))) and \(array?[0] ?? "")[i]"
        : "write for i in range(…) and index the array")
  }

  static func inlineNeedsCall(at span: Span) -> Diagnostic {
    Diagnostic(
      .program, "parpy.builtin.inline takes a call of a decorated function", at: span,
      help: "write parpy.builtin.inline(f(x))")
  }

  static func endedTemporary(_ name: String, _ made: Span, at span: Span) -> Diagnostic {
    Diagnostic(
      .program, "the temporary array '\(name)' ends with the block that makes it",
      at: [span, made],
      help: "make it before the block, or use it inside")
  }

  static func wrongArgumentCount(
    _ name: String, _ parameters: [String], _ count: Int, at span: Span
  ) -> Diagnostic {
    Diagnostic(
      .type,
      "\(name) takes \(parameters.count) argument\(parameters.count == 1 ? "" : "s") (\(parameters.joined(separator: ", "))), \(count) \(count == 1 ? "was" : "were") given",
      at: span)
  }

  static func labelsNothing(_ name: String, at span: Span) -> Diagnostic {
    Diagnostic(
      .program,
      "label '\(name)' names nothing that can run in parallel: the statement has too few slice dimensions and reductions",
      at: span, help: "labels name for loops, slice assignments and reductions")
  }

  static func unboundVariable(_ name: String, _ kind: String, at span: Span) -> Diagnostic {
    Diagnostic(
      .program, "the \(kind) variable '\(name)' stands in no annotation of the function", at: span,
      help: "annotate a parameter with it: x: parpy.types.buffer(…)")
  }

  static func bareReturn(at span: Span) -> Diagnostic {
    Diagnostic(.program, "return without a value is not supported", at: span)
  }

  static func exitFromParallelLoop(
    _ exit: Syntax.Statement.Exit, _ label: Span?
  ) -> Diagnostic {
    Diagnostic(
      .program,
      "break and return cannot leave a parallel loop: its iterations run at the same time",
      at: [exit.span] + (label.map { [$0] } ?? []),
      help: "leave the label out of the schedule, or let the iterations skip their work with an if")
  }

  /// Of a name that iterations read before they assign it.
  static func carriedByParallelLoop(_ name: String, label: String, at span: Span) -> Diagnostic {
    Diagnostic(
      .program,
      "iterations of the parallel loop '\(label)' do not hand '\(name)' on: each begins with the value from before the loop",
      at: span,
      help:
        "assign '\(name)' in the iteration before it is read; or leave the label out of the schedule; or, if '\(name)' is an accumulator, declare the reduction: parpy.threads(n).reduce()"
    )
  }

  static func shapesDoNotBroadcast(
    _ left: [LoopIR.Expression], _ right: [LoopIR.Expression], at span: Span
  ) -> Diagnostic {
    Diagnostic(
      .type, "shapes \(describe(left)) and \(describe(right)) do not broadcast together", at: span)
  }

  /// A shape as Python prints a tuple; extents that are not known print as `?`.
  static func describe(_ shape: [LoopIR.Expression]) -> String {
    let extents = shape.map { $0.integerLiteral.map(String.init) ?? "?" }
    return "(" + extents.joined(separator: ", ") + (shape.count == 1 ? ",)" : ")")
  }

  static func badStore(_ from: ScalarType, into to: ScalarType, at span: Span) -> Diagnostic {
    let help =
      from.isComplex
      ? "store a part of it: z.real, z.imag or abs(z)"
      : to == .bool ? "store a comparison: … != 0" : "convert it: parpy.operators.\(to)(…)"
    return Diagnostic(
      .type, "a value of type \(from) cannot be stored in an array of \(to) without a conversion",
      at: span, help: help)
  }

  static func arrayAsScalar(at span: Span) -> Diagnostic {
    Diagnostic(
      .type, "an array stands where a scalar is needed", at: span,
      help: "index it, reduce it with parpy.operators.sum, or assign it to a slice")
  }

  static func matrixMultiply(at span: Span) -> Diagnostic {
    .unsupported("the operator @", at: span, help: "write the loops, or a sum over products")
  }

  static func arrayAsIndex(at span: Span) -> Diagnostic {
    Diagnostic(
      .type, "an array stands where a scalar is needed", at: span,
      help: "write a loop over the elements: with x[c[i]] for indices, with an if for a mask")
  }

  /// - Parameter isArray: whether the name is that of an array.
  static func sliceAsLocal(_ name: String, isArray: Bool, at span: Span) -> Diagnostic {
    Diagnostic(
      .program,
      "'\(name)' cannot name a slice: a slice expression never becomes an array of its own",
      at: span,
      help: isArray
        ? "to store into the array, write \(name)[:] = …"
        : "write the slice where '\(name)' is used, or copy it into a temporary: \(name) = np.empty(…); \(name)[:] = …"
    )
  }

  /// - Parameter instead: what to write where arrays are not to take turns.
  static func arrayRebound(
    _ name: String, to array: String, instead: String?, at span: Span
  ) -> Diagnostic {
    Diagnostic(
      .program,
      "'\(name)' cannot become another name of the array '\(array)': arrays cannot be rebound",
      at: span,
      help: (instead.map { $0 + "; " } ?? "")
        + "to let two arrays take turns, call a helper with them in both orders, step(a, b) and step(b, a), or use one array with a leading dimension of 2: buf[t % 2]"
    )
  }

  static func arrayChosen(_ array: String, at span: Span) -> Diagnostic {
    .unsupported(
      "choosing between arrays such as '\(array)'", at: span,
      help:
        "choose between elements: a[i] if c else b[i]; or use one array with a leading dimension of 2: buf[t % 2]"
    )
  }

  static func sliceChosen(at span: Span) -> Diagnostic {
    .unsupported(
      "choosing between slices", at: span,
      help:
        "write an if statement with an assignment in each branch, or a loop that chooses between elements: a[i] if c else b[i]"
    )
  }

  static func arrayAsCondition(at span: Span) -> Diagnostic {
    Diagnostic(
      .type, "an array stands where a condition is needed", at: span,
      help: "write a loop that chooses between elements: a[i] if c[i] else b[i]")
  }

  static func arrayUnpacked(at span: Span) -> Diagnostic {
    .unsupported(
      "an array in a tuple assignment", at: span,
      help:
        "scalars are unpacked; to let rows change places, swap their elements in a loop: a[0, i], a[1, i] = a[1, i], a[0, i]"
    )
  }

  static func noElements(_ name: String, _ type: ScalarType, at span: Span) -> Diagnostic {
    Diagnostic(
      .type, "'\(name)' is a scalar of type \(type) and cannot be subscripted", at: span)
  }

  static func arrayAsResult(_ function: String, at span: Span) -> Diagnostic {
    Diagnostic(
      .program,
      "\(function) cannot return an array: functions return scalars and tuples of scalars",
      at: span, help: "pass an array to write the result into")
  }

  static func wrongType(_ op: String, _ left: ScalarType, _ right: ScalarType, at span: Span)
    -> Diagnostic
  {
    Diagnostic(
      .type, "operator \(op) is not defined for \(left) and \(right)", at: span,
      help: op == "^" ? "powers are written **" : nil)
  }
}

/// Throws a diagnostic about a wrong program.
func reject(_ diagnostic: Diagnostic) -> DiagnosticError { DiagnosticError(diagnostic) }
