import CPUTarget
import CUDATarget
import GPUMapping
import LoopIR
import Lowering
import MetalTarget
import Passes
import Schedule
import Syntax
import Transforms

/// Compiles `function` for one call signature: to LLVM IR for `machine`, to CUDA C++ or to the Metal Shading Language.
///
/// - Parameters:
///   - names: resolves the names of the function's enclosing scopes.
///   - machine: what code of the CPU is made for; nothing else needs it.
///   - dump: receives the stages it asks for as text; nil for what the options and the environment ask for.
/// - Throws: the diagnostics of the first phase that found the program wrong.
public func compile(
  _ function: Function, signature: CallSignature, names: any NameResolver, machine: Machine?,
  dump: DumpRequest? = nil
) throws(DiagnosticError) -> CompiledProgram {
  let signature = signature.withSchedulesOfOneThread
  let context = PassContext()
  let dump = if let dump { dump } else { try DumpRequest(for: signature.options) }
  var runner = PassRunner(dump: dump.names, sink: dump.sink)

  // Loop IR: what the program means.
  let lowered = try runner.step("lower") { () throws(DiagnosticError) in
    try lower(function, signature: signature, names: names)
  }
  lowered.warnings.forEach(context.warn)
  do {
    var program = try compile(lowered, signature, names, machine, &runner, dump, context)
    program.resolvePlaces(in: lowered.calls)
    return program
  } catch {
    throw lowered.calls.resolve(error.placed(in: function))
  }
}

extension DiagnosticError {
  /// The error, of which what has no place of its own is about the whole function.
  fileprivate func placed(in function: Function) -> DiagnosticError {
    DiagnosticError(
      diagnostics.map { diagnostic in
        var placed = diagnostic
        if placed.spans.isEmpty { placed.spans = [function.span] }
        return placed
      })
  }
}

/// Compiles what lowering gave; places in helpers are those of its table of calls.
private func compile(
  _ lowered: LoopFunction, _ signature: CallSignature, _ names: any NameResolver,
  _ machine: Machine?,
  _ runner: inout PassRunner, _ dump: DumpRequest, _ context: PassContext
) throws(DiagnosticError) -> CompiledProgram {
  let loopIR = try runner.run(loopIRPasses(signature.options), on: lowered, in: context)

  if signature.options.backend.isDevice {
    return try compileForDevice(loopIR, from: lowered, signature, &runner, context) { span in
      place(lowered.calls.resolve(span), names)
    }
  }

  guard let machine else {
    throw DiagnosticError(Diagnostic(.bug, "no machine to compile for", at: []))
  }
  // Program: how it runs.
  let scheduled = try runner.run(
    programPasses(
      signature, registerSize: machine.vectorRegisterSize,
      cacheSize: machine.canStream ? machine.cacheSize : nil), on: loopIR, in: context)
  let program = try runner.step("outline-kernels") { () throws(DiagnosticError) in
    outlineKernels(scheduled)
  }
  let clock = ContinuousClock()
  let start = clock.now
  let code = emitLLVM(program, for: machine, isStrict: signature.options.isStrict)
  if signature.options.printsStages { dump.sink("emit-llvm", code, start.duration(to: clock.now)) }

  return CompiledProgram(
    entry: entryName(of: program),
    code: code,
    failures: program.host.checks.map { check in
      switch check.failure {
      case .error(let diagnostic): diagnostic
      case .respecialize: nil
      }
    },
    faults: program.faults.map(\.fault), externals: program.externals.map(\.symbol),
    callbacks: program.callbacks, writes: writes(of: loopIR, arguments: signature.arguments),
    warnings: context.warnings,
    loopIR: loopIR.printed, program: program.printed)
}

/// The rest of a compilation for a device: CUDA C++, or the Metal Shading Language.
private func compileForDevice(
  _ loopIR: LoopFunction, from lowered: LoopFunction, _ signature: CallSignature,
  _ runner: inout PassRunner, _ context: PassContext, placing place: (Span) -> String?
) throws(DiagnosticError) -> CompiledProgram {
  let mapped = try runner.run(devicePasses(signature), on: loopIR, in: context)
  try requireParallelism(in: mapped, from: lowered, signature.schedule)
  var program = try runner.step("outline-device-kernels") { () throws(DiagnosticError) in
    insertBarriers(
      try outlineDeviceKernels(
        mapped, signature.schedule, sharesMemory: signature.options.backend == .metal))
  }
  for index in program.kernels.indices {
    program.kernels[index].place = place(program.kernels[index].span)
  }
  let code: String
  switch signature.options.backend {
  case .cpu, .cuda:
    if signature.options.requiresGraphs { program.graphObstacle.map(context.warn) }
    code = emitCUDA(program)
  case .metal: code = try emitMetal(program, isStrict: signature.options.isStrict)
  }
  return CompiledProgram(
    entry: program.host.name, code: code,
    failures: program.host.checks.map { check in
      switch check.failure {
      case .error(let diagnostic): diagnostic
      case .respecialize: nil
      }
    },
    faults: program.faults.map(\.fault), callbacks: program.callbacks,
    writes: writes(of: loopIR, arguments: signature.arguments), device: program,
    warnings: context.warnings, loopIR: loopIR.printed, program: program.printed)
}

/// A place as it stands in generated code: the file without its folder, and the line.
private func place(_ span: Span, _ names: any NameResolver) -> String? {
  guard span.line > 0 else { return nil }
  let path = names.fileName(ofSource: span.source) ?? ""
  let file = path.split { $0 == "/" || $0.isNewline }.last
  return file.map { "\($0):\(span.line)" } ?? "line \(span.line)"
}

// MARK: - The passes, in order

/// What keeps the program's meaning, on every backend.
private func loopIRPasses(_ options: CompileOptions) -> [Pass<LoopFunction>] {
  let narrowing = options.weakTypes.integer == .int64 ? [] : [removeUnobserved]
  let checks = options.checksBounds ? [checkBounds, checkAccesses] : [checkBounds]
  return narrowing + [splitComplex, foldConstants] + checks + [removeUnused]
}

/// How the program runs on a CPU.
///
/// - Parameter cacheSize: nil where code does not store past the caches.
private func programPasses(
  _ signature: CallSignature, registerSize: Int, cacheSize: Int?
) -> [Pass<LoopFunction>] {
  [
    applySchedule(signature.schedule, maximumUnrollCount: signature.options.maximumUnrollCount),
    recognizeReductions(signature.schedule),
    widenAccumulators,
    splitReductions,
    chooseVectorLoops(registerSize: registerSize),
    pairIterations,
    unrollAndJam,
    streamStores(cacheSize: cacheSize),
    collapseLoops,
    limitWorkers,
    removeUnused,
  ]
}

/// How the program runs on a GPU.
private func devicePasses(_ signature: CallSignature) -> [Pass<LoopFunction>] {
  let ofCUDA =
    signature.options.backend == .metal
    ? []
    : [
      tileRegisters(signature.schedule), widenAccesses(signature.schedule),
    ]
  return [
    foldProducts,
    applySchedule(signature.schedule, maximumUnrollCount: signature.options.maximumUnrollCount),
    recognizeReductions(signature.schedule, isOnDevice: true),
    widenAccumulators,
    parallelizeFills,
    mapToClusters(signature.schedule, atMost: signature.options.blocksPerCluster),
    distributeNests(signature.schedule),
    hoistTemporaries,
    mapToDevice(signature.schedule),
    splitGridReductions(signature.schedule),
    guardLengths,
    decideOnDevice,
  ] + ofCUDA + [tileRows, mergeCopies, removeUnused]
}

/// The names of all stages that can be dumped, each once, in order; those of GPUs last.
let stageNames: [String] = {
  var options = CompileOptions()
  options.weakTypes.integer = .int32
  options.checksBounds = true
  let signature = CallSignature(arguments: [], options: options)
  let names =
    ["lower"] + loopIRPasses(options).map(\.name)
    + programPasses(signature, registerSize: 32, cacheSize: nil).map(\.name) + ["outline-kernels"]
    + devicePasses(signature).map(\.name) + ["outline-device-kernels"]
  return names.reduce(into: []) { known, name in
    if !known.contains(name) { known.append(name) }
  }
}()

/// For each array or scalar of the call's arguments, whether the function stores to it.
private func writes(of function: LoopFunction, arguments: [CallSignature.Argument]) -> [Bool] {
  var stored: Set<BufferID> = []
  function.body.forEachStatement { statement in
    stored.formUnion(statement.writtenBuffers)
  }
  var written: Set<Int> = []
  for (i, buffer) in function.buffers.enumerated() {
    if case .argument(let position) = buffer.role, stored.contains(BufferID(i)) {
      written.insert(position)
    }
  }
  var position = 0
  return arguments.flatMap(\.leaves).map { argument in
    guard case .array = argument else { return false }
    defer { position += 1 }
    return written.contains(position)
  }
}
