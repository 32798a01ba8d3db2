import Foundation
import Metal

/// Machine code of pipelines, which the framework keeps in files alone.
struct PipelineArchive {
  let archive: any MTLBinaryArchive
  /// Where the framework reads the machine code from.
  private let file: TemporaryFile?

  /// An empty archive; nil where the framework makes none.
  init?(_ device: any MTLDevice) {
    guard let made = try? device.makeBinaryArchive(descriptor: MTLBinaryArchiveDescriptor()) else {
      return nil
    }
    archive = made
    file = nil
  }

  /// The archive that has given some bytes; nil where they are none of this system and this GPU.
  init?(_ device: any MTLDevice, _ bytes: [UInt8]) {
    guard let file = TemporaryFile(), file.write(bytes) else { return nil }
    let descriptor = MTLBinaryArchiveDescriptor()
    descriptor.url = URL(fileURLWithPath: file.path)
    guard let made = try? device.makeBinaryArchive(descriptor: descriptor) else { return nil }
    archive = made
    self.file = file
  }

  /// Compiles a pipeline into the archive; one that it cannot hold is compiled when it is made.
  func add(_ descriptor: MTLComputePipelineDescriptor) {
    try? archive.addComputePipelineFunctions(descriptor: descriptor)
  }

  /// What gives the archive back; nil where it cannot be written.
  var bytes: [UInt8]? {
    guard let file = TemporaryFile(),
      (try? archive.serialize(to: URL(fileURLWithPath: file.path))) != nil
    else { return nil }
    return file.contents
  }
}
