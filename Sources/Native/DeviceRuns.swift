import CPython
import CUDARuntime
import Compiler
import GPUMapping
import KernelText
import LoopIR
import MetalRuntime
import Syntax

/// Running versions of a function that were compiled for an NVIDIA GPU.
extension Variant {
  /// Runs the version without the interpreter's lock; the result is that of an entry point, see `CompiledProgram.entry`.
  ///
  /// Arrays in memory of the host are copied to the device and back, as the program reads and writes them.
  func run(
    _ executor: HostExecutor, _ frame: CallFrame.Reference
  ) throws(PythonException) -> Int64 {
    let words = deviceWords(frame)
    let arrays = frame.pointee.hostArrays
    let slot = frame.pointee.slot
    let stream = CUDAStream(handle: frame.pointee.stream.current)
    let others = frame.pointee.otherStreams.map { CUDAStream(handle: $0.current) }
      .filter { $0 != stream }
    func run(_ caller: CallbackCaller?) -> Result<Int64, CUDAError> {
      do throws(CUDAError) {
        // Libraries that work on streams of their own meet here.
        try executor.requireOneStream(stream, among: others)
        for other in others { try executor.module.device.synchronize(other) }
        try frame.pointee.forEachStorage { storage throws(CUDAError) in
          try storage.begin(on: stream)
        }
        // A call that fails may have queued kernels.
        defer { frame.pointee.forEachStorage { storage in storage.end(on: stream) } }
        let result = try executor.run(
          words, hostArrays: arrays, slot: slot, on: stream, calling: caller)
        if !others.isEmpty { try executor.module.device.synchronize(stream) }
        return .success(result)
      } catch {
        return .failure(error)
      }
    }
    // A callback may drop every other reference to the version.
    switch withExtendedLifetime((self, executor), { withoutLock(frame, run) }) {
    case .success(-1): throw raise(executor.memoryError)
    case .success(let result): return result
    case .failure(let error):
      // What Python raised comes first.
      if PyErr_Occurred() != nil { throw PythonException() }
      throw raise(error)
    }
  }
}

extension Variant {
  /// The words of a call: addresses of arrays, then parameters.
  func deviceWords(_ frame: CallFrame.Reference) -> UnsafeMutablePointer<Int64> {
    let words = frame.pointee.block
    let parameters = words + frame.pointee.arrayCount
    for index in 0..<parameterCount {
      parameters[index] = frame.pointee.values[parameterSource(index)]
    }
    return words
  }

  /// Runs the host part of a version without the interpreter's lock, except while it calls back.
  func withoutLock<Result>(
    _ frame: CallFrame.Reference, _ run: (CallbackCaller?) -> Result
  ) -> Result {
    if let callbacks {
      let slot = frame.pointee.slot
      return callbacks.run(frame) {
        run { index, words in CallbackTable.entry(slot, Int64(index), words) == 0 }
      }
    }
    let thread = PyEval_SaveThread()
    defer { PyEval_RestoreThread(thread) }
    return run(nil)
  }
}

/// Raises what the CUDA runtime reports.
func raise(_ error: CUDAError) -> PythonException {
  error.reason == .outOfMemory
    ? raiseOutOfMemory(error.description) : raise(py_runtime_error(), error.description)
}

/// Raises that a GPU has no memory left.
func raiseOutOfMemory(_ message: String) -> PythonException {
  do throws(PythonException) {
    return raise(try Hooks.current().deviceMemoryError, message)
  } catch {
    return error
  }
}

/// Raises what went wrong while code was made ready for a GPU.
func raised(_ error: any Error) -> PythonException {
  switch error {
  case let error as PythonException: error
  case let error as CUDAError: raise(error)
  case let error as MetalError: raise(error)
  case let error as DiagnosticError: raise(error, in: [])
  default: raise(py_runtime_error(), "\(error)")
  }
}

extension FunctionState {
  /// Raises why nothing can run on a GPU here, before anything is compiled for one.
  static func requireCUDA() throws(PythonException) {
    do {
      try DeviceOfCall.begin(try CUDADriver.withDevice())
    } catch {
      throw raise(
        py_runtime_error(), "The backend Cuda is not available here. \(error.description)")
    }
  }

  /// Whether the device of a call runs blocks as clusters.
  static func hasClusters(
    _ frame: CallFrame.Reference, _ callee: Callee
  ) throws(PythonException) -> Bool {
    let ordinal = try DeviceOfCall.ordinal(of: frame, callee)
    do {
      return try CUDADriver.shared().device(ordinal).properties.hasClusters
    } catch {
      throw raise(error)
    }
  }

  /// Compiles the kernels of a program and loads them on a device; with them its host part,
  /// where that calls functions of other languages.
  static func loadOnDevice(
    _ program: CompiledProgram, _ device: DeviceProgram, _ options: CallOptions,
    on ordinal: Int, in sources: [SourceFile]
  ) throws(PythonException) -> HostExecutor {
    if !device.hostExternals.isEmpty {
      let code = NativeCode(
        text: program.code, program: device, arrays: ArrayUse.uses(in: device),
        recordsFaults: device.recordsFaults, isStrict: options.compile.isStrict,
        build: options.build, writesOutput: options.writesOutput)
      return try code.load(on: ordinal)
    }
    return try load(
      program.code, kernels: device.kernels.map(\.name), isStrict: options.compile.isStrict,
      options.build, on: ordinal,
      { module throws(DiagnosticError) in
        try HostExecutor(device, module, graphs: options.graphs)
      },
      refused: { error throws(PythonException) in
        let span = error.line.flatMap { kernel(at: $0, of: program.code, in: device)?.span }
        throw raise(
          try refusal(error.message, of: program.code, device, options, at: span), in: sources)
      })
  }

  /// What it means that a device's compiler refuses generated code: a bug, or a mistake in what the user has it include.
  static func refusal(
    _ message: String, of code: String, _ device: DeviceProgram, _ options: CallOptions,
    at span: Span?
  ) throws(PythonException) -> Diagnostic {
    let place = options.writesOutput ? try written(code, device.host.name) : ""
    let spans = span.map { [$0] } ?? []
    let externals = device.externals.filter(\.isDevice).map { "'\($0.symbol)'" }
    if externals.isEmpty && options.build.includes.isEmpty {
      return Diagnostic(
        .bug, "The code that ParPy has generated is refused, a bug: \(message)\(place)", at: spans)
    }
    let functions =
      externals.isEmpty ? "" : " and the external functions \(externals.joined(separator: ", "))"
    return Diagnostic(
      .program,
      "The kernels of '\(device.host.name)'\(functions) are refused together: \(message)\(place)",
      at: spans,
      help: "look at the declarations of external functions, their header= and opts.includes")
  }

  /// The kernel that a line of the code belongs to; nil before the first.
  private static func kernel(
    at line: Int, of code: String, in program: DeviceProgram
  ) -> DeviceKernel? {
    let lines = code.split(separator: "\n", omittingEmptySubsequences: false).prefix(line)
    guard let head = lines.last(where: { $0.contains("__global__ void") }) else { return nil }
    return program.kernels.first { head.hasSuffix(" \(cppName($0.name))(") }
  }

  /// Keeps code that was refused in a file, and says in which.
  static func written(_ code: String, _ name: String) throws(PythonException) -> String {
    let text = try code.python()
    let stem = try name.python()
    let path = try Hooks.current().written.call(text.pointer, stem.pointer)
    return "\n\nThe code was written to \(try String(python: path.pointer))"
  }

  /// Compiles CUDA C++ and loads its kernels on a device.
  ///
  /// - Parameters:
  ///   - ready: makes the kernels ready to be launched.
  ///   - refused: raises that NVRTC refuses the code.
  static func load(
    _ text: String, kernels: [String], isStrict: Bool, _ build: BuildSettings,
    on ordinal: Int,
    _ ready: (CUDAModule) throws(DiagnosticError) -> HostExecutor,
    refused: (CUDAError) throws(PythonException) -> Never
  ) throws(PythonException) -> HostExecutor {
    let hooks = try Hooks.current()
    let places = try hooks.cudaDirectories.call()
    guard py_is_tuple(places.pointer), let libraries = PyTuple_GetItem(places.pointer, 0),
      let headers = PyTuple_GetItem(places.pointer, 1)
    else { throw raise(py_type_error(), "hooks.cuda_directories must give two tuples") }
    let includes = build.includes + (try headers.texts())
    do {
      let target = try CUDADriver.shared().device(ordinal)
      if kernels.isEmpty { return try ready(CUDAModule(withoutKernelsOn: target)) }
      let compiler = try NVRTC.shared(in: try libraries.texts())
      let settings = NVRTC.Options(
        architecture: target.properties.architecture, isStrict: isStrict, includes: includes,
        flags: build.deviceFlags)
      let key = compiler.cacheKey(text, settings) + (try build.contents(ofHeadersIn: text))
      let binary = try cubin(text, key, compiler, settings, hooks)
      return try ready(try target.load(binary, kernels: kernels.map { KernelName(cppName($0)) }))
    } catch let error as CUDAError {
      if error.reason == .compilation { try refused(error) }
      throw raise(error)
    } catch {
      throw raised(error)
    }
  }

  /// The compiled kernels, from the disk cache where they are there.
  private static func cubin(
    _ text: String, _ key: String, _ compiler: NVRTC, _ settings: NVRTC.Options, _ hooks: Hooks
  ) throws -> [UInt8] {
    if let known = try hooks.keptBinary(under: key) { return known }
    let result = withoutLock { () throws(CUDAError) in try compiler.compile(text, settings) }
    let binary = try result.get()
    try hooks.keep(binary, under: key)
    return binary
  }
}
