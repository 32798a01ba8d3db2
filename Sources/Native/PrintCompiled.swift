import CPython
import CUDATarget
import Compiler
import GPUMapping
import LoopIR
import Syntax

/// Code that was compiled to be shown, and not to be run.
struct PrintedCompilation {
  let program: CompiledProgram
  /// What code and signature block go together as.
  let text: String
}

extension FunctionState {
  /// Compiles for a call with the given arguments, a sequence, without loading or keeping anything.
  func printed(
    _ arguments: PythonPointer, _ opts: PythonPointer?
  ) throws(PythonException) -> PrintedCompilation {
    let frame = frame()
    defer { finish(frame) }
    let tuple = try OwnedObject(PySequence_Tuple(arguments))
    let count = PyTuple_Size(tuple.pointer)
    guard count == callee.count else {
      throw callee.wrongCall("was given \(count == 1 ? "1 argument" : "\(count) arguments")")
    }
    for index in 0..<count {
      (frame.pointee.ordered + index).initialize(to: PyTuple_GetItem(tuple.pointer, index))
    }
    frame.pointee.arguments = UnsafePointer(frame.pointee.ordered)
    return try printed(frame, opts)
  }

  /// Compiles for a call, its arguments and keywords as vectorcall has them, without loading or keeping anything.
  func printed(
    _ given: UnsafePointer<PythonPointer?>?, _ count: Int, _ keywords: PythonPointer?
  ) throws(PythonException) -> PrintedCompilation {
    let frame = frame()
    defer { finish(frame) }
    let opts = try CallBinder(callee: callee, frame: frame).bind(given, count, keywords)
    return try printed(frame, opts)
  }

  private func printed(
    _ frame: CallFrame.Reference, _ opts: PythonPointer?
  ) throws(PythonException) -> PrintedCompilation {
    frame.pointee.isDescribing = true
    let opts = try OptionsReader.snapshot(opts)
    try readKey(frame, opts.pointer, try OptionsReader.token(opts.pointer))
    let callOptions = try CallOptions(opts.pointer)
    let (names, identities) = try lookUpNames(frame, opts.pointer, callOptions)
    defer { identities.forEach { py_release($0) } }
    try warnOfUnknownLabels(callOptions)
    let error: DiagnosticError
    switch try printed(frame, callOptions, names) {
    case .success(let printed):
      try showWarnings(of: printed, names)
      return printed
    case .failure(let found): error = found
    }
    guard callOptions.yields(to: error), frame.pointee.deviceArrayCount == 0 else {
      throw raise(error, in: names.sources)
    }
    switch try printed(frame, callOptions.onCPU, names) {
    case .success(let printed):
      try callOptions.report(error, of: callee.name, in: names.sources)
      try showWarnings(of: printed, names)
      return printed
    case .failure(let failure): throw raise(failure, in: names.sources)
    }
  }

  /// Warns as a call would.
  private func showWarnings(
    of printed: PrintedCompilation, _ names: PythonNames
  ) throws(PythonException) {
    for warning in printed.program.warnings.withoutRepetitions {
      try warn(warning, in: names.sources)
    }
  }

  private func printed(
    _ frame: CallFrame.Reference, _ options: CallOptions, _ names: PythonNames
  ) throws(PythonException) -> Result<PrintedCompilation, DiagnosticError> {
    let layout = layout(frame)
    let values = frame.pointee.valueWords
    var history = ValueHistory(layout)
    _ = history.note(values)
    let machine = try Self.machine(for: options)
    var plan = printedPlan(history, values, options.specialization)
    let program: CompiledProgram
    do {
      do {
        program = try compileProgram(signature(plan, layout, options), names, machine)
      } catch  where !plan.sources.isEmpty {
        // As at a call: a value may have to be known.
        plan = printedPlan(history, values, .always)
        program = try compileProgram(signature(plan, layout, options), names, machine)
      }
    } catch {
      return .failure(error)
    }
    let signature = signature(plan, layout, options)
    let callsExternals = !program.externals.isEmpty || program.device?.externals.isEmpty == false
    let build = callsExternals ? options.build : BuildSettings()
    let block = SignatureBlock(
      function: callee.name, entry: program.entry,
      parameterNames: callee.parameters.map(\.name), arguments: signature.arguments,
      writes: program.writes, parameterSources: plan.sources,
      failures: program.failures.map { $0.map { failure($0, names.sources) } },
      faults: program.faults.map { failure($0.template, names.sources) },
      externals: program.externals, libraries: build.libraries, includes: build.includes,
      flags: build.flags,
      callbacks: program.callbacks.map(\.name),
      hostDigest: program.device == nil ? nil : HostSection.digest(of: program.code),
      weakTypes: options.compile.weakTypes)
    let separator = program.code.hasSuffix("\n") ? "\n" : "\n\n"
    let comment = options.compile.backend == .cpu ? "; " : "// "
    let strict = options.compile.isStrict ? DeviceText.strictMark : ""
    let host = program.device.map { strict + $0.hostText(prefix: comment) } ?? ""
    return .success(
      PrintedCompilation(
        program: program, text: program.code + separator + host + block.printed(prefix: comment)))
  }

  /// Which values are constants of the text. The schedule is part of it, so thread counts, the last words, always are.
  private func printedPlan(
    _ history: ValueHistory, _ values: [Int64], _ specialization: CallOptions.Specialization
  ) -> ValueHistory.Plan {
    var plan = history.plan(values, specialization)
    let count = values.count - labels.count
    plan.sources.removeAll { $0 >= count }
    for index in count..<values.count { plan.words[index] = .constant(values[index]) }
    return plan
  }

  private func failure(
    _ diagnostic: Diagnostic, _ sources: [SourceFile]
  ) -> SignatureBlock.Failure {
    SignatureBlock.Failure(
      diagnostic.category, diagnostic.rendered(with: sources),
      line: Int(diagnostic.spans.first?.line ?? 0))
  }
}
