import CCUDA

/// Streams that are captured: what is queued on one does not run, but becomes part of a CUDA graph of the caller's, which runs it later,
/// again and again. Torch's `torch.cuda.graph` captures so.
///
/// Launches are recorded, and so is memory from the pool. To wait for such a stream, or to let another wait for it, makes the driver
/// give the whole capture up; so it is asked before.
extension CUDADriver {
  /// Whether a stream is captured, or one is that the default stream waits for.
  func isCapturing(_ stream: CUDAStream) -> Bool {
    // A thread without a context has no default stream to ask about.
    var context: OpaquePointer?
    guard
      !stream.isDefault
        || functions.pointee.current_context(&context) == parpy_cuda_success && context != nil
    else { return false }
    var status = Int32(parpy_cuda_capture_none)
    let result = functions.pointee.capture_status(stream.pointer, &status)
    return Int(result) == parpy_cuda_capture_implicit || result == parpy_cuda_success && status != 0
  }

  /// Runs what makes or frees memory, loads or unloads code, and has no part in any capture: the driver allows it where a thread says
  /// that it knows, and gives the capture up otherwise.
  func besideCaptures<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var mode = Int32(parpy_cuda_capture_relaxed)
    let isChanged = functions.pointee.exchange_capture_mode(&mode) == parpy_cuda_success
    defer { if isChanged { _ = functions.pointee.exchange_capture_mode(&mode) } }
    return try body()
  }
}

extension CUDAModule {
  /// Keeps the kernels loaded from now on: a graph of the caller's has them, and may run them at any time.
  func outliveGraphs() { device.modulesOfGraphs.withLock { $0[ObjectIdentifier(self)] = self } }
}

extension CUDAError {
  /// A call that cannot be part of a graph.
  static func captured(_ function: String, because reason: String) -> CUDAError {
    CUDAError(
      .driver,
      "'\(function)' was called while its stream is captured as a CUDA graph, and cannot be part of one: \(reason).",
      help:
        "call it before or after the capture; of kernels alone, on arrays of the GPU, a graph can be made"
    )
  }
}
