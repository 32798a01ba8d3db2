import CPython
import CRuntime
import Syntax

/// A decorated function: its syntax, its scopes, and the versions compiled so far.
final class FunctionState: CallableState {
  let callee: Callee
  let syntax: Syntax.Function
  /// The stack that compiling the function takes.
  let stack: StackUse
  let scope: Scope
  /// The function and those it may call, as the latest look at its names found them.
  private(set) var environment: Environment
  private var environments: [Environment]
  let specializations = Specializations()
  let gate = CompileGate()
  /// Cleared when code in which a label may have one thread or more could not be compiled.
  var opensThreads = true
  /// Every compilation, oldest first.
  var compilations: [Compilation] = []
  /// The undecorated function; a reference that the state owns until it is cleared.
  private var function: PythonPointer?

  /// What `Function.compilations` shows of a compilation.
  struct Compilation {
    var key: String
    var reason: String
    var milliseconds: Double
  }

  /// Reads the function once and for all.
  init(
    function: PythonPointer, definition: PythonPointer, source: SourceFile, columnOffset: Int,
    annotations: PythonPointer
  ) throws(PythonException) {
    var (syntax, stack) = try ASTReader.read(
      definition, source: source, columnOffset: columnOffset)
    self.stack = stack
    for index in syntax.parameters.indices {
      let name = try syntax.parameters[index].name.python()
      guard py_is_dict(annotations),
        let text = PyDict_GetItemWithError(annotations, name.pointer), py_is_string(text)
      else { continue }
      syntax.parameters[index].annotation = Annotation(try String(python: text))
    }
    self.syntax = syntax
    callee = try Callee(name: syntax.name, parameters: syntax.parameters, sources: [source])
    scope = try Scope(of: function, names: FreeNames(of: syntax))
    environment = try Environment(serial: 0, scopes: [scope], labels: syntax.labelNames)
    environments = [environment]
    super.init()
    py_retain(function)
    self.function = function
  }

  deinit {
    if let function { py_release(function) }
  }

  override var representation: String { "<parpy function \(callee.name)>" }

  /// The state of a `_native.Function`; nil after it was cleared.
  static func of(function object: PythonPointer) -> FunctionState? {
    CallableState.of(object)?.takeUnretainedValue() as? FunctionState
  }

  // MARK: - The environment

  var labels: [String] { environment.labels }

  /// The most environments that are remembered.
  private static let mostEnvironments = 8

  /// Takes the functions that a look at the names found; true where they are others than before.
  ///
  /// - Parameter shapeNames: the loops' labels that are names of shape variables.
  func enter(
    _ states: [FunctionState], shapeNames: [String]
  ) throws(PythonException) -> Bool {
    let scopes = states.map(\.scope)
    var labels: [String] = []
    for label in states.flatMap(\.syntax.labelNames) + shapeNames where !labels.contains(label) {
      labels.append(label)
    }
    if environment.consists(of: scopes, labels) { return false }
    if let known = environments.first(where: { $0.consists(of: scopes, labels) }) {
      environment = known
      return true
    }
    let serial = (environments.last?.serial ?? 0) &+ 1
    environment = try Environment(serial: serial, scopes: scopes, labels: labels)
    if environments.count >= Self.mostEnvironments { environments.remove(at: 1) }
    environments.append(environment)
    return true
  }

  // MARK: - The garbage collector

  override var referents: [PythonPointer] {
    var objects = scope.referents
    if let function { objects.append(function) }
    for family in specializations.families {
      objects += family.identities
      objects += family.variants.compactMap { $0.code?.library }
      objects += family.variants.flatMap { $0.callbacks?.functions ?? [] }
    }
    return objects
  }

  override func clear() {
    let former = function
    function = nil
    withExtendedLifetime(specializations.removeAll()) {}
    if let former { py_release(former) }
  }

  // MARK: - Calls

  /// Room for a call.
  @inline(__always)
  func frame() -> CallFrame.Reference {
    freeFrame()
      ?? CallFrame.allocate(
        arguments: callee.count, labels: labels.count, names: environment.capacity)
  }

  /// The call path; the result is a new reference.
  func call(
    _ given: UnsafePointer<PythonPointer?>?, _ count: Int, _ keywords: PythonPointer?
  ) throws(PythonException) -> PythonPointer {
    let frame = frame()
    defer { finish(frame) }
    let opts = try CallBinder(callee: callee, frame: frame).bind(given, count, keywords)
    let token = try OptionsReader.token(opts)
    if token == OptionsReader.sequentialToken
      || (token == OptionsReader.noToken && PlainPython.isRunning)
    {
      return try callUndecorated(frame)
    }
    try readKey(frame, opts, token)
    if let variant = specializations.variant(for: frame) {
      try run(variant, frame, opts)
    } else {
      try run(try specialize(frame, opts), frame, opts)
    }
    py_retain(py_none())
    return py_none()
  }

  /// Reads arguments, options and scope into the frame's words, with what `Auto` stands for now.
  @inline(__always)
  func readKey(
    _ frame: CallFrame.Reference, _ opts: PythonPointer?, _ token: Int64
  ) throws(PythonException) {
    try ArgumentReader(callee: callee, frame: frame).readAll()
    try readEnvironment(frame, opts, token, StandardBackend.current)
  }

  /// Reads options and scopes into the frame's words.
  @inline(__always)
  func readEnvironment(
    _ frame: CallFrame.Reference, _ opts: PythonPointer?, _ token: Int64,
    _ standard: StandardBackend
  ) throws(PythonException) {
    let environment = environment
    environment.makeRoom(in: frame)
    frame.pointee.beginOptions()
    try environment.options.append(opts, token: token, standard, to: frame)
    if DeviceOfCall.isOpen,
      standard.isCUDA(token: token == OptionsReader.noToken ? 0 : token)
    {
      frame.pointee.markOptions(
        DeviceOfCall.keyBits(try DeviceOfCall.ordinal(of: frame, callee)))
    }
    try environment.append(to: frame)
  }

  /// Runs a version, and another one where the first says that it was not made for such values.
  @inline(__always)
  private func run(
    _ variant: Variant, _ frame: CallFrame.Reference, _ opts: PythonPointer?
  ) throws(PythonException) {
    let result = try execute(variant, frame)
    if result == 0 { return }
    var refused = variant
    if try fail(result, variant, frame, opts) { return }
    // One with open extents, one for its extents of 0, one of constants alone.
    for _ in 0..<2 {
      let special = try respecialize(frame, opts, after: refused)
      let result = try execute(special, frame)
      if result == 0 { return }
      if try fail(result, special, frame, opts) { return }
      refused = special
    }
    throw raise(
      Diagnostic(
        .bug, "The code for exactly the values of this call of '\(callee.name)' refuses them.",
        at: syntax.span),
      in: callee.sources)
  }

  /// Runs a version where its code runs.
  @inline(__always)
  private func execute(
    _ variant: Variant, _ frame: CallFrame.Reference
  ) throws(PythonException) -> Int64 {
    guard let code = variant.code, frame.pointee.deviceArrayCount == 0 else {
      if let executor = variant.executor { return try variant.run(executor, frame) }
      throw variant.code == nil ? refused(variant) : onDevice(frame, variant)
    }
    return variant.run(code, frame, runtime)
  }

  /// The error about the first argument that code of the CPU cannot reach, or why it is code of the CPU.
  private func onDevice(_ frame: CallFrame.Reference, _ variant: Variant) -> PythonException {
    if let obstacle = variant.obstacle { return raise(obstacle, in: variant.sourceFiles) }
    return ArgumentReader(callee: callee, frame: frame).elsewhere(
      "a CUDA device", frame.pointee.firstOnDevice)
  }

  private func refused(_ variant: Variant) -> PythonException {
    let refusal = variant.refusal ?? Diagnostic(.bug, "There is no code to run.", at: syntax.span)
    return raise(refusal, in: callee.sources)
  }

  /// Raises what a result other than 0 stands for; false where it asks for another version.
  private func fail(
    _ result: Int64, _ variant: Variant, _ frame: CallFrame.Reference, _ opts: PythonPointer?
  ) throws(PythonException) -> Bool {
    let failures = variant.failures
    if result == -2 { throw raise(variant.fault(in: frame), in: variant.sourceFiles) }
    if result == CallbackTable.failed, PyErr_Occurred() != nil { throw PythonException() }
    if result == -1 {
      throw raise(py_memory_error(), "out of memory for the temporaries of '\(callee.name)'")
    }
    guard result > 0, result <= failures.count else {
      throw raise(
        Diagnostic(
          .bug, "The compiled '\(callee.name)' gave the unknown result \(result).", at: syntax.span),
        in: callee.sources)
    }
    guard let failure = failures[Int(result) - 1] else { return false }
    if failure.category == .index, variant.parameterCount > 0,
      let exception = try explain(failure, frame, opts)
    {
      throw exception
    }
    throw raise(failure, in: variant.sourceFiles)
  }

  /// Runs the function in Python, as the options ask.
  private func callUndecorated(_ frame: CallFrame.Reference) throws(PythonException)
    -> PythonPointer
  {
    guard let function else { throw raise(py_runtime_error(), "the function was cleared") }
    let tuple = try OwnedObject(PyTuple_New(callee.count))
    for index in 0..<callee.count {
      guard let argument = frame.pointee.arguments[index] else { throw PythonException() }
      py_retain(argument)
      PyTuple_SetItem(tuple.pointer, index, argument)
    }
    let plain = PlainPython()
    let result = try Hooks.current().plainCall.call(function, tuple.pointer)
    _ = consume plain
    return result.taken()
  }
}
