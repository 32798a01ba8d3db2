import CCUDA
import Testing

@testable import CUDARuntime

extension GPUTests {
  /// Memory that outlives calls: its contents, and the order of what uses it.
  struct DeviceStorageTests {
    private let other = CUDAStream(handle: 0x50)
    private let third = CUDAStream(handle: 0x60)

    private func start(_ configure: (FakeGPU) -> Void = { _ in }) throws -> (FakeGPU, CUDADevice) {
      let (gpu, driver) = try FakeGPU.start(configure)
      return (gpu, try driver.device(0))
    }

    private func contents(_ storage: DeviceStorage) throws -> [UInt8] {
      var bytes = [UInt8](repeating: 7, count: storage.size)
      try bytes.withUnsafeMutableBytes { bytes in
        try storage.copyOut(bytes, from: 0, on: .legacy)
      }
      return bytes
    }

    @Test func copies() throws {
      let (gpu, device) = try start()
      let storage = try device.allocate(4)
      try storage.clear(on: .legacy)
      #expect(try contents(storage) == [0, 0, 0, 0])
      try [UInt8]([1, 2]).withUnsafeBytes { bytes in
        try storage.copyIn(bytes, at: 1, on: .legacy)
      }
      let second = try device.allocate(4)
      try second.copy(from: storage, at: 0, to: 0, 4, on: .legacy)
      #expect(try contents(second) == [0, 1, 2, 0])
      #expect(gpu.events.isEmpty)
    }

    @Test(arguments: [(-1, 2), (4, 1), (2, 3), (.max, 2), (0, 5)])
    func nothingBesideTheMemoryIsTouched(offset: Int, count: Int) throws {
      let (gpu, device) = try start()
      let storage = try device.allocate(4)
      gpu.forget()
      var bytes = [UInt8](repeating: 7, count: count)
      try bytes.withUnsafeMutableBytes { bytes in
        try storage.copyIn(UnsafeRawBufferPointer(bytes), at: offset, on: .legacy)
        try storage.copyOut(bytes, from: offset, on: .legacy)
      }
      try storage.copy(from: storage, at: offset, to: 0, count, on: .legacy)
      #expect(gpu.calls.isEmpty)
    }

    @Test func otherStreamsWaitForWhatCameBefore() throws {
      let (gpu, device) = try start()
      let storage = try device.allocate(4)
      try storage.begin(on: other)
      #expect(gpu.events == ["3 on 0", "80 waits for 3"])
      storage.end(on: other)
      gpu.forget()
      // The same stream again: its order is its own; the event goes behind.
      try storage.begin(on: other)
      #expect(gpu.events.isEmpty)
      storage.end(on: other)
      #expect(gpu.events == ["3 on 80"])
      gpu.forget()
      try storage.begin(on: third)
      #expect(gpu.events == ["96 waits for 3"])
      storage.end(on: third)
      gpu.forget()
      try storage.begin(on: .legacy)
      storage.end(on: .legacy)
      #expect(gpu.events.first == "0 waits for 3")
      gpu.forget()
      // 1 is another handle of the legacy stream.
      try storage.begin(on: CUDAStream(handle: 1))
      storage.end(on: CUDAStream(handle: 1))
      #expect(gpu.calls.isEmpty)
    }

    @Test func usesThatMeetAreBothWaitedFor() throws {
      let (gpu, device) = try start()
      let storage = try device.allocate(4)
      try storage.begin(on: other)
      try storage.begin(on: third)
      storage.end(on: other)
      gpu.forget()
      storage.end(on: third)
      #expect(gpu.events == ["96 waits for 3", "3 on 96"])
    }

    @Test func memoryIsFreedInOrder() throws {
      let (gpu, device) = try start()
      do {
        let storage = try device.allocate(4)
        try storage.begin(on: other)
        storage.end(on: other)
        gpu.forget()
      }
      #expect(gpu.events == ["0 waits for 3"])
      #expect(
        gpu.calls == [
          "set_context", "wait_for_event", "destroy_event", "free_in_order", "set_context",
        ])
      #expect(gpu.allocations.isEmpty)
    }

    @Test func borrowedMemoryIsNotFreed() throws {
      let (gpu, device) = try start()
      let storage = try device.allocate(16)
      do { _ = device.borrow(storage.address, 16) }
      #expect(gpu.allocations.count == 1)
    }

    @Test func outOfMemoryTellsHowMuchThereIs() throws {
      let (gpu, device) = try start { $0.memorySize = 3 << 20 }
      let held = try device.allocate(1 << 20)
      let error = #expect(throws: CUDAError.self) { try device.allocate(5 << 19) }
      #expect(error?.reason == .outOfMemory)
      #expect(
        error?.message.contains("out of memory for 2.5 MiB: without that, GPU 0 (Fake) has") == true
      )
      #expect(error?.message.contains("2.0 MiB of its 3.0 MiB free") == true)
      #expect(try device.allocate(1 << 20).size == held.size)
      #expect(throws: CUDAError.self) { try device.allocate(.max) }
      #expect(try device.allocate(0).address == 0)
      #expect(gpu.allocations.count == 1)
    }

    @Test func lostContextsNameWhatWasLaunched() throws {
      let (gpu, device) = try start()
      let marks = ["f", "g", "h"].map { ($0, LaunchedFunctions.Mark()) }
      for (name, mark) in marks.prefix(2) { device.launched.note(name, mark, on: .legacy) }
      try device.synchronize()
      for (name, mark) in marks.suffix(2) { device.launched.note(name, mark, on: .legacy) }
      device.launched.note("h", marks[2].1, on: other)
      try device.synchronize(other)
      gpu.failures["synchronize_stream"] = [700, 700]
      let first = #expect(throws: CUDAError.self) { try device.synchronize() }
      #expect(first?.message.contains("It was a kernel of 'g' or 'h'.") == true)
      device.launched.note("f", marks[0].1, on: .legacy)
      let second = #expect(throws: CUDAError.self) { try device.synchronize() }
      #expect(second?.message == first?.message)
    }
  }
}
