import CPython

/// The CUDA stream on which an array's contents are ready, and on which its library works next.
enum ArrayStream: Equatable {
  /// Whichever the others of a call have, else the default one: memory of ours knows what used it last.
  case any
  /// The default stream.
  case standard
  case handle(UInt)
  /// The one that Torch works on now, on that device.
  case torch(device: Int32)
  /// The one that CuPy works on now.
  case cupy

  /// The number by which the driver knows the stream.
  var current: UInt {
    switch self {
    case .any, .standard: 0
    case .handle(let number): number
    case .torch(let device): TorchTensors.currentStream(device: device) ?? 0
    case .cupy: CuPyArrays.currentStream ?? 0
    }
  }
}
