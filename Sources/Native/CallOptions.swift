import CPython
import CUDARuntime
import LoopIR
import Syntax

/// What the compilation of a call reads of its options beside the schedule.
struct CallOptions {
  /// Which values of a call become constants of the code.
  enum Specialization: String {
    case auto, always, never
  }

  var compile = CompileOptions()
  var specialization = Specialization.auto
  /// Whether code that LLVM refuses is written to a file.
  var writesOutput = false
  /// The labels that the options give a schedule to.
  var scheduledLabels: [String] = []
  /// Where external functions come from.
  var build = BuildSettings()
  var printsCallbacks = false
  /// Which calls run as CUDA graphs.
  var graphs = GraphUse.whereWorthIt
  /// Whether a function that the backend does not have runs on the CPU: `Auto` stands for a GPU that was found.
  private(set) var yieldsToCPU = false
  /// What `Auto` stands for in these options; what they mean stays that, whatever other threads choose meanwhile.
  private(set) var standard = StandardBackend.open
  /// Whether it is printed why a backend is or is not taken.
  private(set) var reportsBackends = false

  /// Reads the options of a call; None and nil stand for the default ones.
  init(_ options: PythonPointer?) throws(PythonException) {
    let hooks = try Hooks.current()
    guard let options, options != py_none() else {
      try chooseStandard()
      compile.checksBounds = hooks.checksBounds
      return
    }
    reportsBackends = try Self.bool(options, "verbose_backend_resolution")
    if reportsBackends { _ = try hooks.reportBackends.call() }
    let backend = try options.attribute("backend")
    let name = try backend.attribute("name")
    let chosen = try String(python: name.pointer)
    if chosen == "Auto" {
      try chooseStandard()
    } else {
      try choose(backend.pointer)
    }
    if let integer = try Self.type(options, "force_int_size") {
      compile.weakTypes.integer = integer
    }
    if let float = try Self.type(options, "force_float_size") { compile.weakTypes.float = float }
    compile.isStrict = try Self.bool(options, "strict")
    compile.hasImplicitShapeLabels = try Self.bool(options, "implicit_shape_labels")
    compile.checksBounds = try Self.bool(options, "check_bounds")
    compile.printsStages = try Self.bool(options, "debug_print")
    writesOutput = try Self.bool(options, "write_output")
    let count = try options.attribute("max_unroll_count")
    compile.maximumUnrollCount = try count.pointer.integer()
    let specialize = try options.attribute("specialize")
    specialization = Specialization(rawValue: try String(python: specialize.pointer)) ?? .auto
    printsCallbacks = try Self.bool(options, "debug_callbacks")
    graphs = try GraphUse(options)
    compile.requiresGraphs = graphs == .always
    if try Self.bool(options, "use_cuda_thread_block_clusters"), compile.backend == .cuda {
      let most = try options.attribute("max_thread_blocks_per_cluster")
      compile.blocksPerCluster = try most.pointer.integer()
    }
    build = try BuildSettings(options)
    let mapping = try options.attribute("parallelize")
    guard py_is_dict(mapping.pointer) else { return }
    let keys = try OwnedObject(PyDict_Keys(mapping.pointer))
    try keys.pointer.forEachItem { key throws(PythonException) in
      if py_is_string(key) { scheduledLabels.append(try String(python: key)) }
    }
  }

  fileprivate static func bool(
    _ options: PythonPointer, _ name: String
  ) throws(PythonException) -> Bool {
    let value = try options.attribute(name)
    let truth = PyObject_IsTrue(value.pointer)
    if truth < 0 { throw PythonException() }
    return truth == 1
  }

  /// The type that a setting names; nil where it is left open.
  private static func type(
    _ options: PythonPointer, _ name: String
  ) throws(PythonException) -> ScalarType? {
    let size = try options.attribute(name)
    if size.pointer == py_none() { return nil }
    let value = try size.attribute("value")
    return ScalarType(name: try String(python: value.pointer))
  }

  /// These options for the CPU.
  var onCPU: CallOptions {
    var copy = self
    copy.compile.backend = .cpu
    copy.compile.blocksPerCluster = 1
    copy.yieldsToCPU = false
    return copy
  }

  /// Whether a function that is refused for an error may be compiled for the CPU.
  func yields(to error: DiagnosticError) -> Bool {
    yieldsToCPU && !error.diagnostics.contains { $0.category == .bug }
  }

  /// Prints why the GPU does not run a function, where that is asked for.
  func report(
    _ error: DiagnosticError, of function: String, in sources: [SourceFile]
  ) throws(PythonException) {
    guard reportsBackends, let reason = error.diagnostics.first else { return }
    let name = try function.python()
    let text = try reason.rendered(with: sources).python()
    _ = try Hooks.current().reportRefusal.call(name.pointer, text.pointer)
  }

  /// Takes the backend that `Auto` stands for, and notes it for the keys of calls.
  private mutating func chooseStandard() throws(PythonException) {
    let age = StandardBackend.age
    let found = try Hooks.current().defaultBackend.call()
    guard py_is_tuple(found.pointer), let backend = PyTuple_GetItem(found.pointer, 0),
      let isChosen = PyTuple_GetItem(found.pointer, 1)
    else { throw raise(py_type_error(), "hooks.default_backend must give a backend and a bool") }
    try choose(backend)
    yieldsToCPU = compile.backend.isDevice && isChosen != py_bool(true)
    standard =
      switch compile.backend {
      case .cpu: .cpu
      case .cuda: yieldsToCPU ? .foundCUDA : .chosenCUDA
      case .metal: yieldsToCPU ? .foundMetal : .chosenMetal
      }
    StandardBackend.note(standard, of: age)
  }

  /// Takes a backend that code can be made for.
  private mutating func choose(
    _ backend: PythonPointer
  ) throws(PythonException) {
    let object = try backend.attribute("name")
    let name = try String(python: object.pointer)
    switch name {
    case "Cpu": compile.backend = .cpu
    case "Cuda": compile.backend = .cuda
    case "Metal": compile.backend = .metal
    default: throw raise(py_value_error(), "there is no backend \(name)")
    }
    compile.weakTypes = compile.backend.weakTypes
  }

  // MARK: - Labels that no statement bears

  /// A diagnostic for each label of the options that neither the function nor one that it may call has.
  func unknownLabels(of function: Syntax.Function, among labels: [String]) -> [Diagnostic] {
    return scheduledLabels.filter { !labels.contains($0) }.map { label in
      let nearest = labels.min { editDistance($0, label) < editDistance($1, label) }
      return Diagnostic(
        .program, "No statement of '\(function.name)' bears the label '\(label)' of the options.",
        at: function.span,
        help: nearest.map { "the nearest label is '\($0)'" } ?? "the function has no labels")
    }
  }
}

extension GraphUse {
  /// What the options of a call say of graphs; None and nil stand for the default ones.
  init(_ options: PythonPointer?) throws(PythonException) {
    self = .whereWorthIt
    guard let options, options != py_none() else { return }
    let setting = try options.attribute("use_cuda_graphs")
    if setting.pointer == py_none() { return }
    self = try CallOptions.bool(options, "use_cuda_graphs") ? .always : .never
  }
}
