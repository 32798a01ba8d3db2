import CCUDA
import Foundation
import Synchronization
import Testing

@testable import CUDARuntime

/// Tests that use the one `FakeGPU` of the process take turns.
@Suite(.serialized) struct GPUTests {}

/// A driver without a GPU: memory of the device is memory of the host, and kernels are closures that run as they are launched.
///
/// It keeps what it was asked to do, and can be told to fail.
final class FakeGPU: @unchecked Sendable {
  /// One run of a kernel.
  struct Launch {
    var kernel: String
    /// Along x, y and z.
    var blocks: [UInt32]
    var threads: UInt32
    /// The eight bytes where each argument begins.
    var arguments: [UInt64]
    var stream: Int

    /// The element at an index of the array that an argument points to.
    func element<T>(_ argument: Int, _ index: Int, as type: T.Type = T.self)
      -> UnsafeMutablePointer<T>
    {
      guard let address = UnsafeMutablePointer<T>(bitPattern: UInt(arguments[argument])) else {
        fatalError("argument \(argument) of \(kernel) is no address")
      }
      return address + index
    }
  }

  struct Node {
    var launch: Launch
  }

  nonisolated(unsafe) static var current = FakeGPU()

  var version: Int32 = 12040
  var devices: Int32 = 1
  var memorySize = 1 << 30
  var hasPools: Int32 = 1
  /// Whether all streams are captured.
  var isCapturing = false
  /// What the thread allows itself meanwhile.
  fileprivate(set) var captureMode: Int32 = 0
  /// The blocks of a cluster that the kernels are compiled for; 0 where they know nothing of clusters.
  var clusterWidth: Int32 = 0
  /// The number of arguments and the body of each kernel.
  var kernels: [String: (argumentCount: Int, body: (Launch) -> Void)] = [:]
  /// What the next calls of a function give instead of doing anything.
  var failures: [String: [Int32]] = [:]
  private(set) var calls: [String] = []
  private(set) var launches: [Launch] = []
  private(set) var allocations: [UInt64: Int] = [:]
  private var freed: [Int: [UnsafeMutableRawPointer]] = [:]
  private(set) var copiedIn = 0
  private(set) var copiedOut = 0
  /// What happened to events, in order.
  private(set) var events: [String] = []
  private var names: [String] = []
  private var contexts: [pthread_t: OpaquePointer] = [:]
  private var graphs: [Int: [Node]] = [:]
  private var nextHandle = 1
  private let lock = NSRecursiveLock()

  static var deviceContext: OpaquePointer? { OpaquePointer(bitPattern: 0xC0) }
  static var otherContext: OpaquePointer? { OpaquePointer(bitPattern: 0xC1) }

  deinit {
    for memory in freed.values.joined() { free(memory) }
  }

  /// A new driver with a new GPU behind it.
  static func start(_ configure: (FakeGPU) -> Void = { _ in }) throws -> (FakeGPU, CUDADriver) {
    let gpu = FakeGPU()
    configure(gpu)
    current = gpu
    return (gpu, try CUDADriver(table))
  }

  /// Forgets what was done so far.
  func forget() {
    calls = []
    launches = []
    copiedIn = 0
    copiedOut = 0
    events = []
  }

  func count(of call: String) -> Int { calls.filter { $0 == call }.count }

  /// Makes another context the thread's, as another library would.
  func setContext(_ context: OpaquePointer?) {
    lock.withLock { contexts[pthread_self()] = context }
  }

  /// The context of the calling thread.
  var currentContext: OpaquePointer? {
    lock.withLock { contexts[pthread_self()] }
  }

  // MARK: What the driver does

  fileprivate static func call(_ name: String, _ body: (FakeGPU) -> Int32 = { _ in 0 }) -> Int32 {
    current.lock.lock()
    defer { current.lock.unlock() }
    current.calls.append(name)
    if let failure = current.failures[name]?.first {
      current.failures[name]?.removeFirst()
      if failure != 0 { return failure }
    }
    return body(current)
  }

  fileprivate func handle() -> Int {
    nextHandle += 1
    return nextHandle
  }

  fileprivate func function(named name: String) -> OpaquePointer? {
    guard kernels[name] != nil else { return nil }
    if !names.contains(name) { names.append(name) }
    return OpaquePointer(bitPattern: 0x1000 + (names.firstIndex(of: name) ?? 0))
  }

  fileprivate func allocate(_ bytes: Int) -> UInt64? {
    if allocations.values.reduce(bytes, +) > memorySize { return nil }
    // A pool gives out again what was freed last.
    var memory = freed[bytes]?.popLast()
    if memory == nil, posix_memalign(&memory, 256, bytes) != 0 { return nil }
    guard let memory else { return nil }
    memset(memory, 0xA5, bytes)
    let address = UInt64(UInt(bitPattern: memory))
    allocations[address] = bytes
    return address
  }

  fileprivate func reclaim(_ address: UInt64) -> Int32 {
    guard let bytes = allocations.removeValue(forKey: address),
      let memory = UnsafeMutableRawPointer(bitPattern: UInt(address))
    else { return 1 }
    freed[bytes, default: []].append(memory)
    return 0
  }

  /// Whether all bytes belong to one allocation.
  fileprivate func owns(_ address: UInt64, _ bytes: Int) -> Bool {
    allocations.contains { start, size in
      address >= start && address + UInt64(bytes) <= start + UInt64(size)
    }
  }

  fileprivate func note(_ event: String) { events.append(event) }
  fileprivate func copied(in bytes: Int) { copiedIn += bytes }
  fileprivate func copied(out bytes: Int) { copiedOut += bytes }

  fileprivate func launch(
    _ function: OpaquePointer?, _ blocks: [UInt32], _ threads: UInt32,
    _ arguments: UnsafeMutablePointer<UnsafeMutableRawPointer?>?, _ stream: Int
  ) -> Launch {
    let name = names[Int(bitPattern: function) - 0x1000]
    let values = (0..<(kernels[name]?.argumentCount ?? 0)).map { i in
      arguments?[i]?.load(as: UInt64.self) ?? 0
    }
    return Launch(
      kernel: name, blocks: blocks, threads: threads, arguments: values, stream: stream)
  }

  fileprivate func run(_ launch: Launch) {
    launches.append(launch)
    kernels[launch.kernel]?.body(launch)
  }

  fileprivate func addNode(_ graph: Int, _ launch: Launch) -> Int {
    graphs[graph, default: []].append(Node(launch: launch))
    return graph << 20 | (graphs[graph]?.count ?? 0)
  }

  fileprivate func change(_ node: Int, _ executable: Int, _ launch: Launch) {
    graphs[executable]?[(node & 0xFFFFF) - 1].launch = launch
  }

  fileprivate func copyGraph(_ graph: Int) -> Int {
    let copy = handle()
    graphs[copy] = graphs[graph]
    return copy
  }

  fileprivate func runGraph(_ graph: Int, _ stream: Int) {
    for node in graphs[graph] ?? [] { run(node.launch) }
  }

  fileprivate func attribute(_ name: Int32) -> Int32 {
    switch Int(name) {
    case parpy_cuda_compute_major: 9
    case parpy_cuda_compute_minor: 0
    case parpy_cuda_multiprocessor_count: 132
    case parpy_cuda_memory_pools: hasPools
    default: 1
    }
  }
}

extension Launchable {
  fileprivate var blocks: [UInt32] { [blocks_x, blocks_y, blocks_z] }
}

private protocol Launchable {
  var blocks_x: UInt32 { get }
  var blocks_y: UInt32 { get }
  var blocks_z: UInt32 { get }
}

extension parpy_cuda_kernel_node: Launchable {}
extension parpy_cuda_launch_configuration: Launchable {}

extension FakeGPU {
  static let table = parpy_cuda_driver(
    initialize: { _ in call("initialize") },
    driver_version: { version in
      call("driver_version") { gpu in
        version?.pointee = gpu.version
        return 0
      }
    },
    error_name: { result, name in
      name?.pointee = UnsafePointer(strdup("CUDA_ERROR_\(result)"))
      return 0
    },
    error_text: { result, text in
      text?.pointee = UnsafePointer(strdup("meaning \(result)"))
      return 0
    },
    device_count: { count in
      call("device_count") { gpu in
        count?.pointee = gpu.devices
        return 0
      }
    },
    device: { device, ordinal in
      device?.pointee = ordinal
      return call("device")
    },
    device_name: { name, capacity, _ in
      call("device_name") { _ in
        if let name { strncpy(name, "Fake", Int(capacity)) }
        return 0
      }
    },
    device_memory: { bytes, _ in
      call("device_memory") { gpu in
        bytes?.pointee = gpu.memorySize
        return 0
      }
    },
    device_attribute: { value, name, _ in
      call("device_attribute") { gpu in
        value?.pointee = gpu.attribute(name)
        return 0
      }
    },
    retain_context: { context, _ in
      context?.pointee = deviceContext
      return call("retain_context")
    },
    set_context: { context in
      call("set_context") { gpu in
        gpu.setContext(context)
        return 0
      }
    },
    current_context: { context in
      context?.pointee = current.currentContext
      return 0
    },
    current_device: { device in
      device?.pointee = 0
      return 0
    },
    load_module: { module, _, _, _, _ in
      call("load_module") { gpu in
        module?.pointee = OpaquePointer(bitPattern: gpu.handle())
        return 0
      }
    },
    unload_module: { _ in call("unload_module") },
    module_function: { function, _, name in
      call("module_function") { gpu in
        function?.pointee = name.flatMap { gpu.function(named: String(cString: $0)) }
        return function?.pointee == nil ? 500 : 0
      }
    },
    function_attribute: { value, name, _ in
      call("function_attribute") { gpu in
        value?.pointee = Int(name) == parpy_cuda_function_cluster_width ? gpu.clusterWidth : 0
        return 0
      }
    },
    set_function_attribute: { _, _, _ in call("set_function_attribute") },
    occupancy: { blocks, _, _, _ in
      blocks?.pointee = 2
      return call("occupancy")
    },
    launch: { function, x, y, z, threads, _, _, _, stream, arguments, _ in
      call("launch") { gpu in
        gpu.run(gpu.launch(function, [x, y, z], threads, arguments, Int(bitPattern: stream)))
        return 0
      }
    },
    launch_configured: { configuration, function, arguments, _ in
      call("launch_configured") { gpu in
        guard let configuration = configuration?.pointee else { return 1 }
        gpu.run(
          gpu.launch(
            function, configuration.blocks, configuration.threads_x, arguments,
            Int(bitPattern: configuration.stream)))
        return 0
      }
    },
    memory_info: { free, total in
      call("memory_info") { gpu in
        free?.pointee = gpu.memorySize - gpu.allocations.values.reduce(0, +)
        total?.pointee = gpu.memorySize
        return 0
      }
    },
    allocate: { address, bytes in
      call("allocate") { gpu in
        address?.pointee = gpu.allocate(bytes) ?? 0
        return address?.pointee == 0 ? 2 : 0
      }
    },
    free: { address in call("free") { $0.reclaim(address) } },
    create_pool: { pool, _ in
      call("create_pool") { gpu in
        pool?.pointee = OpaquePointer(bitPattern: gpu.handle())
        return 0
      }
    },
    set_pool_attribute: { _, _, _ in call("set_pool_attribute") },
    trim_pool: { _, _ in call("trim_pool") },
    allocate_from_pool: { address, bytes, _, _ in
      call("allocate_from_pool") { gpu in
        address?.pointee = gpu.allocate(bytes) ?? 0
        return address?.pointee == 0 ? 2 : 0
      }
    },
    free_in_order: { address, _ in call("free_in_order") { $0.reclaim(address) } },
    allocate_host: { memory, bytes, _ in
      call("allocate_host") { _ in
        memory?.pointee = malloc(bytes)
        return 0
      }
    },
    free_host: { memory in
      call("free_host") { _ in
        free(memory)
        return 0
      }
    },
    copy_in: { target, source, bytes, _ in
      call("copy_in") { gpu in
        guard gpu.owns(target, bytes), let source,
          let copy = UnsafeMutableRawPointer(bitPattern: UInt(target))
        else { return 1 }
        memcpy(copy, source, bytes)
        gpu.copied(in: bytes)
        return 0
      }
    },
    copy_out: { target, source, bytes, _ in
      call("copy_out") { gpu in
        guard gpu.owns(source, bytes), let target,
          let copy = UnsafeRawPointer(bitPattern: UInt(source))
        else { return 1 }
        memcpy(target, copy, bytes)
        gpu.copied(out: bytes)
        return 0
      }
    },
    copy: { target, source, bytes, _ in
      call("copy") { gpu in
        guard gpu.owns(target, bytes), gpu.owns(source, bytes),
          let from = UnsafeRawPointer(bitPattern: UInt(source)),
          let to = UnsafeMutableRawPointer(bitPattern: UInt(target))
        else { return 1 }
        memcpy(to, from, bytes)
        return 0
      }
    },
    copy_rectangle: { rectangle, _ in
      call("copy_rectangle") { gpu in
        guard let r = rectangle?.pointee, r.height > 0 else { return 1 }
        let isIn = Int(r.target_kind) == parpy_cuda_memory_on_device
        let device = isIn ? r.target_device : r.source_device
        guard gpu.owns(device, (r.height - 1) * r.source_pitch + r.width),
          r.source_pitch == r.target_pitch, r.width <= r.source_pitch,
          let memory = UnsafeMutableRawPointer(bitPattern: UInt(device))
        else { return 1 }
        for row in 0..<r.height {
          let offset = row * r.source_pitch
          if isIn, let source = r.source_host {
            memcpy(memory + offset, source + offset, r.width)
            gpu.copied(in: r.width)
          } else if let target = r.target_host {
            memcpy(target + offset, memory + offset, r.width)
            gpu.copied(out: r.width)
          }
        }
        return 0
      }
    },
    fill: { address, byte, bytes, _ in
      call("fill") { gpu in
        guard gpu.owns(address, bytes),
          let memory = UnsafeMutableRawPointer(bitPattern: UInt(address))
        else { return 1 }
        memset(memory, Int32(byte), bytes)
        return 0
      }
    },
    pointer_attributes: { count, names, values, address in
      call("pointer_attributes") { gpu in
        for k in 0..<Int(count) {
          let isKind = names.map { Int($0[k]) == parpy_cuda_pointer_memory_type } ?? false
          let value: UInt32 = isKind && gpu.owns(address, 1) ? 2 : 0
          values?[k]?.storeBytes(of: value, as: UInt32.self)
        }
        return 0
      }
    },
    create_stream: { _, _ in call("create_stream") },
    destroy_stream: { _ in call("destroy_stream") },
    synchronize_stream: { _ in call("synchronize_stream") },
    capture_status: { _, status in
      call("capture_status") { gpu in
        status?.pointee = gpu.isCapturing ? 1 : 0
        return 0
      }
    },
    exchange_capture_mode: { mode in
      let former = current.captureMode
      if let mode { current.captureMode = mode.pointee }
      mode?.pointee = former
      return call("exchange_capture_mode")
    },
    wait_for_event: { stream, event, _ in
      call("wait_for_event") { gpu in
        gpu.note("\(Int(bitPattern: stream)) waits for \(Int(bitPattern: event))")
        return 0
      }
    },
    create_event: { event, _ in
      call("create_event") { gpu in
        event?.pointee = OpaquePointer(bitPattern: gpu.handle())
        return 0
      }
    },
    destroy_event: { _ in call("destroy_event") },
    record_event: { event, stream in
      call("record_event") { gpu in
        gpu.note("\(Int(bitPattern: event)) on \(Int(bitPattern: stream))")
        return 0
      }
    },
    synchronize_context: { call("synchronize_context") },
    create_graph: { graph, _ in
      call("create_graph") { gpu in
        graph?.pointee = OpaquePointer(bitPattern: gpu.handle())
        return 0
      }
    },
    destroy_graph: { _ in call("destroy_graph") },
    add_kernel_node: { node, graph, _, _, parameters in
      call("add_kernel_node") { gpu in
        guard let parameters = parameters?.pointee else { return 1 }
        let launch = gpu.launch(
          parameters.function, parameters.blocks, parameters.threads_x, parameters.arguments, -1)
        node?.pointee = OpaquePointer(bitPattern: gpu.addNode(Int(bitPattern: graph), launch))
        return 0
      }
    },
    instantiate_graph: { executable, graph, _ in
      call("instantiate_graph") { gpu in
        executable?.pointee = OpaquePointer(bitPattern: gpu.copyGraph(Int(bitPattern: graph)))
        return 0
      }
    },
    update_kernel_node: { executable, node, parameters in
      call("update_kernel_node") { gpu in
        guard let parameters = parameters?.pointee else { return 1 }
        let launch = gpu.launch(
          parameters.function, parameters.blocks, parameters.threads_x, parameters.arguments, -1)
        gpu.change(Int(bitPattern: node), Int(bitPattern: executable), launch)
        return 0
      }
    },
    launch_graph: { graph, stream in
      call("launch_graph") { gpu in
        gpu.runGraph(Int(bitPattern: graph), Int(bitPattern: stream))
        return 0
      }
    },
    destroy_graph_exec: { _ in call("destroy_graph_exec") })
}
