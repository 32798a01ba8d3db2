import CPUTarget
import CUDARuntime
import CPython
import Compiler
import LoopIR
import Syntax

/// A request to compile a function for the call in a frame.
struct CompilationRequest {
  var options: CallOptions
  var names: PythonNames
  var family: Family
  var values: [Int64]
  var changes: [ValueHistory.Change]
}

/// What came of a request.
struct CompilationResult {
  var plan: ValueHistory.Plan
  var signature: CallSignature
  var program: CompiledProgram
  /// Why the program is for the CPU and not for the GPU that `Auto` stands for.
  var obstacle: DiagnosticError?
}

extension FunctionState {
  /// Compiles a version for the frame's call, unless another thread does so in the meantime.
  func specialize(
    _ frame: CallFrame.Reference, _ opts: PythonPointer?
  ) throws(PythonException) -> Variant {
    // Other threads may change the options and what `Auto` stands for; code and key are those of one moment.
    let opts = try OptionsReader.snapshot(opts)
    let options = try CallOptions(opts.pointer)
    switch options.compile.backend {
    case .cpu: break
    case .cuda: try Self.requireCUDA()
    case .metal: try Self.requireMetal()
    }
    try gate.enter()
    defer { gate.leave() }
    let (names, identities) = try lookUpNames(frame, opts.pointer, options)
    try warnOfUnknownLabels(options)
    if let ready = specializations.variant(for: frame) {
      identities.forEach { py_release($0) }
      return ready
    }
    let breadth = breadth(frame, options)
    if breadth == .threads { identities.forEach { py_retain($0) } }
    let (request, isNew) = request(frame, options, names, identities, breadth)
    if breadth < .threads { return try build(request, frame, isNewFamily: isNew) }
    let start = ContinuousClock.now
    if case .success(let result) = try compile(request) {
      identities.forEach { py_release($0) }
      return try build(request, frame, isNewFamily: isNew, result, since: start)
    }
    // What is wrong with it, if anything, shows where the call's own schedule is compiled.
    opensThreads = false
    let (narrower, isNewNow) = self.request(
      frame, options, names, identities, self.breadth(frame, options))
    return try build(narrower, frame, isNewFamily: isNewNow)
  }

  /// Warns of labels that the options name and nothing bears.
  func warnOfUnknownLabels(_ options: CallOptions) throws(PythonException) {
    for label in options.unknownLabels(of: syntax, among: labels) {
      try warn(label, in: callee.sources)
    }
  }

  /// The request for the frame's call in a family of that breadth, and whether that is new; takes over the references.
  private func request(
    _ frame: CallFrame.Reference, _ options: CallOptions, _ names: PythonNames,
    _ identities: [PythonPointer], _ breadth: Family.Breadth
  ) -> (CompilationRequest, isNewFamily: Bool) {
    let (family, isNew) = family(frame, identities, breadth)
    let request = CompilationRequest(
      options: options, names: names, family: family, values: frame.pointee.valueWords,
      changes: family.history.note(frame.pointee.valueWords))
    return (request, isNew)
  }

  /// Compiles a version of more constants for the frame's call, or finds it: after one with open extents that does not
  /// serve it, one for exactly its extents of 0; after one of those, one in which all values are constants.
  func respecialize(
    _ frame: CallFrame.Reference, _ opts: PythonPointer?, after refused: Variant
  ) throws(PythonException) -> Variant {
    let opts = try OptionsReader.snapshot(opts)
    var options = try CallOptions(opts.pointer)
    try gate.enter()
    defer { gate.leave() }
    let (names, identities) = try lookUpNames(frame, opts.pointer, options)
    let wasOpen = specializations.families.contains {
      $0.breadth > .values && $0.variants.contains { $0 === refused }
    }
    let (family, _) = family(frame, identities, .values)
    if wasOpen {
      if let ready = family.variant(frame.pointee.values) { return ready }
      _ = family.history.note(frame.pointee.valueWords)
    } else {
      options.specialization = .always
      if let ready = family.variant(frame.pointee.values), ready.parameterCount == 0 {
        return ready
      }
    }
    let request = CompilationRequest(
      options: options, names: names, family: family, values: frame.pointee.valueWords, changes: [])
    return try build(
      request, frame, isNewFamily: false,
      reason: "the version with parameters does not serve these values")
  }

  /// What a failed check says of the values of the frame's call, which a version with parameters does not know; nil where a
  /// version for these values says nothing of the kind.
  ///
  ///     index of 'x' is out of bounds in dimension 0
  ///       →  index 8 of 'x' is out of bounds for dimension 0 with size 8
  func explain(
    _ failure: Diagnostic, _ frame: CallFrame.Reference, _ opts: PythonPointer?
  ) throws(PythonException) -> PythonException? {
    let opts = try OptionsReader.snapshot(opts)
    let options = try CallOptions(opts.pointer)
    try gate.enter()
    defer { gate.leave() }
    let (names, identities) = try lookUpNames(frame, opts.pointer, options)
    let (family, _) = family(frame, identities, .values)
    let plan = family.history.plan(frame.pointee.valueWords, .always)
    let signature = signature(plan, family.layout, options)
    let machine = try Self.machine(for: options)
    do {
      _ = try compileProgram(signature, names, machine)
      return nil
    } catch {
      guard let place = failure.spans.first else { return nil }
      let isSaid = error.diagnostics.contains {
        $0.category == failure.category && $0.spans.first?.isSame(as: place) == true
      }
      return isSaid ? raise(error, in: names.sources) : nil
    }
  }

  /// The family of the frame's call, and whether it is a new one; takes over the references.
  private func family(
    _ frame: CallFrame.Reference, _ identities: [PythonPointer], _ breadth: Family.Breadth
  ) -> (family: Family, isNew: Bool) {
    if let known = specializations.family(for: frame, breadth) {
      identities.forEach { py_release($0) }
      return (known, false)
    }
    let family = Family(
      frame, of: callee, labels: labels.count, identities: identities, breadth: breadth)
    if breadth > .values {
      for other in specializations.families(like: frame) {
        family.history.note(callsOf: other.history)
      }
    }
    return (family, true)
  }

  /// How many versions are made for calls like the frame's before those for other extents of 0 and 1 have open extents.
  private static let mostWithKnownExtents = 2

  /// How many ways of one thread or more a label are compiled for before a version leaves it open.
  private static let mostWithKnownThreads = 2

  /// What the version to compile for the frame's call leaves to run time.
  private func breadth(_ frame: CallFrame.Reference, _ options: CallOptions) -> Family.Breadth {
    switch options.specialization {
    case .always: return .values
    // Kernels read rows by 16 bytes, and a slice from 1 on starts at 1, where extents are known to be 2 or more.
    case .never:
      return options.compile.backend == .cpu || hasEmptyArray(frame) ? .extents : .values
    case .auto:
      let others = specializations.families(like: frame)
      if needsOpenThreads(frame, options, others) { return .threads }
      let isOpen =
        others.contains { !$0.hasExactArguments(of: frame) }
        && others.reduce(0) { $0 + $1.variants.count } >= Self.mostWithKnownExtents
      return isOpen ? .extents : .values
    }
  }

  /// Whether an argument of the frame's call has no elements, and is not one whose strides are part of the key.
  private func hasEmptyArray(_ frame: CallFrame.Reference) -> Bool {
    (0..<layout(frame).argumentWordCount).contains { index in
      let word = TypeWord(bits: frame.pointee.types[index])
      return word.withOpenExtents != word
    }
  }

  /// Whether calls that differ from the frame's in which labels have one thread are so many that its version has this open.
  /// GPUs run what has one thread elsewhere, and know the number of most others when compiling.
  private func needsOpenThreads(
    _ frame: CallFrame.Reference, _ options: CallOptions, _ others: [Family]
  ) -> Bool {
    guard opensThreads, options.compile.backend == .cpu else { return false }
    if others.contains(where: { $0.breadth == .threads && $0.isScheduled(like: frame) }) {
      return true
    }
    let schedules = others.filter { $0.differsInThreadsAlone(from: frame) }.map {
      $0.layout.schedules.map(\.bits)
    }
    return Set(schedules).count >= Self.mostWithKnownThreads
  }

  /// What each value word of the frame means.
  func layout(_ frame: CallFrame.Reference) -> KeyLayout {
    KeyLayout(types: frame.pointee.types, of: callee, labels: labels.count)
  }

  /// What the free names stand for, and new references to the objects that the frame's key tells apart by identity.
  ///
  /// Look-ups may run Python code and other threads, so the words of the scope are read again until they agree.
  ///
  /// - Parameter options: what `opts` say.
  func lookUpNames(
    _ frame: CallFrame.Reference, _ opts: PythonPointer?, _ options: CallOptions
  ) throws(PythonException) -> (PythonNames, [PythonPointer]) {
    for _ in 0..<16 {
      var names = PythonNames()
      let found = try names.lookUp(from: self)
      try StackUse.require(found.states.map(\.stack), toCompile: callee.name)
      let former = scopeWords(frame)
      let isNew = try enter(found.states, shapeNames: names.shapeNames)
      frame.pointee.rewindOptions()
      try readEnvironment(frame, opts, try OptionsReader.token(opts), options.standard)
      if !found.watchesMore, !isNew, former == scopeWords(frame) {
        return (names, Scope.identities(in: frame))
      }
    }
    throw raise(
      py_runtime_error(), "the global names that '\(callee.name)' uses change while they are read")
  }

  private func scopeWords(_ frame: CallFrame.Reference) -> [UInt64] {
    (frame.pointee.scopeTypes..<frame.pointee.typeCount).map { frame.pointee.types[$0] }
  }

  // MARK: - Compilation

  private func build(
    _ request: CompilationRequest, _ frame: CallFrame.Reference, isNewFamily: Bool,
    _ ready: CompilationResult? = nil, since start: ContinuousClock.Instant = .now,
    reason given: String? = nil
  ) throws(PythonException) -> Variant {
    var request = request
    if request.options.compile.blocksPerCluster > 1, try !Self.hasClusters(frame, callee) {
      request.options.compile.blocksPerCluster = 1
    }
    let reason =
      given
      ?? (isNewFamily
        ? CompilationReason.newFamily(self, request.family)
        : CompilationReason.newValues(self, request.family, request.changes))
    let result =
      if let ready { ready } else {
        try compileAnywhere(request, hasDeviceArrays: frame.pointee.deviceArrayCount > 0)
      }
    let program = result.program
    let refusal = refusal(program, request.family.layout)
    for warning in program.warnings.withoutRepetitions {
      try warn(warning, in: request.names.sources)
    }
    let executor =
      refusal == nil
      ? try loadOnDevice(program, request.options, frame, request.names.sources) : nil
    let code =
      refusal == nil && program.device == nil
      ? try Self.load(
        program.code, entry: program.entry, externals: program.externals,
        libraries: request.options.build.libraries, writesOutput: request.options.writesOutput,
        printsTime: request.options.compile.printsStages) : nil
    let callbacks =
      program.callbacks.isEmpty
      ? nil
      : try CallbackTable(
        program.callbacks, objects: request.names.callbacks,
        printsCalls: request.options.printsCallbacks)
    let variant = Variant(
      result.plan, code: code, refusal: refusal, failures: program.failures, faults: program.faults,
      sourceFiles: request.names.sources, callbacks: callbacks, executor: executor,
      obstacle: result.obstacle)
    let dropped = specializations.insert(variant, into: request.family)
    withExtendedLifetime(dropped) {}
    let duration = (ContinuousClock.now - start).components
    let milliseconds = Double(duration.seconds) * 1e3 + Double(duration.attoseconds) * 1e-15
    compilations.append(
      Compilation(
        key: CompilationReason.key(callee, result.signature), reason: reason,
        milliseconds: milliseconds))
    return variant
  }

  /// Makes a program ready on the GPU it is for; nil where it is for the CPU.
  private func loadOnDevice(
    _ program: CompiledProgram, _ options: CallOptions, _ frame: CallFrame.Reference,
    _ sources: [SourceFile]
  ) throws(PythonException) -> DeviceExecutor? {
    guard let device = program.device else { return nil }
    if options.compile.backend == .metal {
      return .metal(try Self.loadOnMetal(program, device, options, in: sources))
    }
    return .cuda(
      try Self.loadOnDevice(
        program, device, options, on: try DeviceOfCall.ordinal(of: frame, callee), in: sources))
  }

  /// Compiles for the backend of the options; what the GPU that `Auto` stands for does not have, for the CPU.
  private func compileAnywhere(
    _ request: CompilationRequest, hasDeviceArrays: Bool
  ) throws(PythonException) -> CompilationResult {
    let sources = request.names.sources
    let error: DiagnosticError
    switch try compile(request) {
    case .success(let result): return result
    case .failure(let found): error = found
    }
    guard request.options.yields(to: error), !hasDeviceArrays else {
      throw raise(error, in: sources)
    }
    var onCPU = request
    onCPU.options = request.options.onCPU
    switch try compile(onCPU) {
    case .success(var result):
      try request.options.report(error, of: callee.name, in: sources)
      result.obstacle = error
      return result
    // What is wrong everywhere is said without the GPU's view of it.
    case .failure(let failure): throw raise(failure, in: sources)
    }
  }

  /// Compiles with the parameters that the history asks for, or where that fails, with constants alone: a value may
  /// have to be known, such as the step of a loop.
  private func compile(
    _ request: CompilationRequest
  ) throws(PythonException) -> Result<CompilationResult, DiagnosticError> {
    let family = request.family
    let machine = try Self.machine(for: request.options)
    func compiled(_ plan: ValueHistory.Plan) throws(DiagnosticError) -> CompilationResult {
      var signature = signature(plan, family.layout, request.options)
      if family.breadth >= .extents { signature.leastExtent = 0 }
      if family.breadth == .threads { signature.leastThreads = 1 }
      let program = try compileProgram(signature, request.names, machine)
      return CompilationResult(plan: plan, signature: signature, program: program)
    }
    if !family.needsConstants {
      let plan = family.history.plan(request.values, request.options.specialization)
      do {
        return .success(try compiled(plan))
      } catch {
        if plan.sources.isEmpty || family.breadth == .threads { return .failure(error) }
      }
    }
    do {
      let result = try compiled(family.history.plan(request.values, .always))
      family.needsConstants = true
      return .success(result)
    } catch {
      return .failure(error)
    }
  }

  /// What the compiler is told of a call.
  func signature(
    _ plan: ValueHistory.Plan, _ layout: KeyLayout, _ options: CallOptions
  ) -> CallSignature {
    CallSignature(
      arguments: layout.signatureArguments(plan.words),
      schedule: layout.signatureSchedule(plan.words, labels: labels),
      options: options.compile, parameterCount: plan.sources.count)
  }

  /// Runs the compiler without the interpreter's lock.
  func compileProgram(
    _ signature: CallSignature, _ names: PythonNames, _ machine: Machine?
  ) throws(DiagnosticError) -> CompiledProgram {
    let thread = PyEval_SaveThread()
    defer { PyEval_RestoreThread(thread) }
    return try Compiler.compile(syntax, signature: signature, names: names, machine: machine)
  }

  /// Why calls of this version must be refused: an array that the code writes cannot be written.
  private func refusal(_ program: CompiledProgram, _ layout: KeyLayout) -> Diagnostic? {
    for (leaf, isWritten) in zip(layout.leaves, program.writes) where leaf.word.isArray && isWritten
    {
      if leaf.word.contains(.readOnly) {
        return callee.diagnostic(
          .value, leaf.parameter, key: leaf.key, " is read-only but the function writes it")
      }
      if leaf.word.contains(.overlapsItself) {
        return callee.diagnostic(
          .value, leaf.parameter, key: leaf.key,
          " has elements that share memory but the function writes it; pass a copy")
      }
    }
    return nil
  }

  // MARK: - The Python side of a compilation

  /// Makes machine code of LLVM IR and loads it.
  ///
  /// - Parameters:
  ///   - externals: the symbols that the code calls as `parpy.external.0.SYMBOL` and so on.
  ///   - libraries: where they are looked for before the process itself.
  ///   - isEdited: whether a user may have changed the text, so that what is wrong with it is no bug of ours.
  ///   - writesOutput: whether text that is refused is written to a file.
  ///   - printsTime: whether to print how long it took.
  static func load(
    _ text: String, entry: String, externals: [String], libraries: [String],
    isEdited: Bool = false, writesOutput: Bool = false, printsTime: Bool = false
  ) throws(PythonException) -> Variant.Code {
    let hooks = try Hooks.current()
    let code = try text.python()
    let symbol = try entry.python()
    let symbols = try externals.pythonTuple()
    let paths = try libraries.pythonTuple()
    let library = try hooks.compileAndLoad.call(
      code.pointer, symbol.pointer, symbols.pointer, paths.pointer, py_bool(isEdited),
      py_bool(writesOutput), py_bool(printsTime))
    let address = try library.attribute("address")
    guard let start = PyLong_AsVoidPtr(address.pointer) else {
      if PyErr_Occurred() != nil { throw PythonException() }
      throw raise(py_runtime_error(), "the compiled code has no address")
    }
    let function = unsafeBitCast(start, to: Variant.Entry.self)
    return Variant.Code(entry: function, library: library.taken())
  }

  /// The machine that code of the CPU is made for; nil where no such code is made.
  static func machine(for options: CallOptions) throws(PythonException) -> Machine? {
    options.compile.backend == .cpu ? try machine() : nil
  }

  /// The machine that code is made for.
  static func machine() throws(PythonException) -> Machine {
    let target = try Hooks.current().target.call()
    func text(_ name: String) throws(PythonException) -> String {
      let value = try target.attribute(name)
      return try String(python: value.pointer)
    }
    let vectorMath: Machine.VectorMath =
      switch try text("vector_math") {
      case "_ZGVb": .libmvecSSE
      case "_ZGVd": .libmvecAVX2
      case "_ZGVe": .libmvecAVX512
      case let name: Machine.VectorMath(rawValue: name) ?? .none
      }
    return Machine(
      triple: try text("triple"), dataLayout: try text("data_layout"), cpu: try text("cpu"),
      features: try text("features"), vectorMath: vectorMath,
      vectorFunctions: try target.attribute("vector_functions").pointer.strings(),
      cacheSize: try target.attribute("cache_size").pointer.integer())
  }
}
