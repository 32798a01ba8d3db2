import CPython
import CRuntime
import Runtime

/// What an instance of a type of the module is on the Swift side.
class CallableState {
  /// A free frame, the first of a list; at a fixed address, for the hot path.
  private let freeFrames: UnsafeMutablePointer<CallFrame.Reference?>

  /// A state without frames.
  init() {
    freeFrames = .allocate(capacity: 1)
    freeFrames.initialize(to: nil)
  }

  deinit {
    while let frame = freeFrames.pointee {
      freeFrames.pointee = frame.pointee.next
      CallFrame.deallocate(frame)
    }
    freeFrames.deallocate()
  }

  /// The functions that compiled code calls.
  let runtime = RuntimeTable.address

  /// A frame that nobody uses, or nil.
  @inline(__always)
  final func freeFrame() -> CallFrame.Reference? {
    guard let frame = freeFrames.pointee else { return nil }
    freeFrames.pointee = frame.pointee.next
    return frame
  }

  /// Releases what the frame holds and keeps it for the next call.
  @inline(__always)
  final func finish(_ frame: CallFrame.Reference) {
    frame.pointee.reset()
    frame.pointee.next = freeFrames.pointee
    freeFrames.pointee = frame
  }

  /// The Python objects that the state owns.
  var referents: [PythonPointer] { [] }

  /// Lets go of the Python objects that may be in a cycle.
  func clear() {}

  /// What `repr` gives.
  var representation: String { "<parpy object>" }

  /// The state of an instance that lives on while it is used; nil after the instance was cleared.
  @inline(__always)
  static func of(_ object: PythonPointer?) -> Unmanaged<CallableState>? {
    object.flatMap { py_state($0) }.map { Unmanaged.fromOpaque($0) }
  }
}
