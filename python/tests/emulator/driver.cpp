// The CUDA driver as ParPy's runtime calls it: its devices are the processor that runs this.
//
// Everything is done when a function returns, in the order in which it is called; a kernel that fails is reported by the
// launch, and the device goes on. Otherwise it is as strict as the real one: about contexts, addresses, grids and `fork`.
//
// Environment variables make it another machine: PARPY_EMULATOR_DEVICES (1) and PARPY_EMULATOR_DRIVER (12090) are what the
// driver has, PARPY_EMULATOR_ARCHITECTURE (90) its compute capability, PARPY_EMULATOR_MEMORY is the device's in bytes, and with PARPY_EMULATOR_LOSES_CONTEXT=1 a kernel that fails is
// reported by the next wait or copy, and by everything after it, as on a GPU.

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <type_traits>
#include <unistd.h>
#include <vector>

#include "../../../Sources/CCUDA/include/CCUDA.h"
#include "grid.h"
#include "memory.h"
#include "module.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

typedef parpy_cuda_result Result;
typedef parpy_cuda_address Address;
typedef parpy_cuda_stream Stream;

namespace {

enum : Result {
  success = 0,
  invalidValue = 1,
  outOfMemory = 2,
  notInitialized = 3,
  invalidDevice = 101,
  invalidImage = 200,
  invalidContext = 201,
  notFound = 500,
  noDevice = 100,
  invalidClusterSize = 912,
  captureUnsupported = 900,
  captureInvalidated = 901,
  captureUnmatched = 903,
  captureIsolation = 905,
  illegalAddress = 700,
  outOfResources = 701,
};

struct Node {
  Function *function;
  EmulatorIndex blocks, threads;
  std::unique_ptr<Arguments> arguments;
};

struct Graph {
  std::vector<std::shared_ptr<Node>> nodes;
  // What was allocated on the stream that became the graph.
  std::vector<Address> memory;
};

// What a stream records instead of doing it.
struct Capture {
  std::unique_ptr<Graph> graph{new Graph};
  // Whether something was asked for that no graph can do: the whole capture is given up then.
  bool isInvalid = false;
};

// The number that an environment variable holds.
std::size_t setting(const char *name, std::size_t otherwise) {
  const char *text = std::getenv(name);
  return text && *text ? std::strtoull(text, nullptr, 10) : otherwise;
}

// What the driver knows; one call at a time.
struct State {
  std::recursive_mutex mutex;
  pid_t process = 0;
  DeviceMemory memory{setting("PARPY_EMULATOR_MEMORY", std::size_t{8} << 30)};
  std::map<void *, std::size_t> pinned;
  // The devices of allocations and of modules.
  std::map<Address, int> deviceOfMemory;
  std::map<const Module *, int> deviceOfModule;
  // Of the last failure.
  std::string message;
  std::uint64_t seed = 0;
  std::uint64_t launches = 0;
  std::uint64_t graphLaunches = 0;
  std::map<Stream, Capture> captures;
  // What a kernel did to the context.
  Result lost = 0;
};

State &state() {
  static auto *state = new State;  // outlives everything that may still call
  return *state;
}

thread_local parpy_cuda_context context = nullptr;
// Which calls the thread may make while a stream is captured: 0 is none that may have to do with it, 2 is all.
thread_local int32_t captureMode = 0;
constexpr int mostDevices = 8;
char primaryContexts[mostDevices], memoryPool;

int deviceCount() { return std::min<int>(mostDevices, static_cast<int>(setting("PARPY_EMULATOR_DEVICES", 1))); }

// Ten times the compute capability, as in `sm_90`.
int architecture() { return static_cast<int>(setting("PARPY_EMULATOR_ARCHITECTURE", 90)); }

bool hasClusters() { return architecture() >= 90; }

// The device of the current context.
int currentDevice() { return static_cast<int>(reinterpret_cast<char *>(context) - primaryContexts); }

// The device of memory that is allocated.
int deviceOf(Address address) { return state().deviceOfMemory[state().memory.array(address).address]; }

Result fail(Result result, const std::string &message) {
  state().message = message;
  return result;
}

// Success where the process may use the device.
Result ready() { return state().process == getpid() ? success : fail(notInitialized, "cuInit was not called"); }

// Success where a context is current, too.
Result inContext() {
  if (const Result result = ready()) return result;
  if (state().lost) return state().lost;
  return context ? success : fail(invalidContext, "no context is current");
}

// The capture of a stream; null where it is not captured.
Capture *captureOf(Stream stream) {
  const auto found = state().captures.find(stream);
  return found == state().captures.end() ? nullptr : &found->second;
}

// Gives up a capture, or all of them, for a call that cannot be part of one.
Result giveUp(Capture *capture, Result result, const std::string &message) {
  if (capture) capture->isInvalid = true;
  if (!capture) {
    for (auto &[stream, other] : state().captures) other.isInvalid = true;
  }
  return fail(result, message);
}

// Success where the stream is not captured, or else a failure that gives the capture up.
Result outsideCapture(Stream stream, const char *what) {
  if (const Result result = inContext()) return result;
  Capture *capture = captureOf(stream);
  if (!capture) return success;
  return giveUp(capture, captureUnsupported, std::string(what) + " on a stream that is captured");
}

// The same of what may have to do with any stream.
Result besideCaptures(const char *what) {
  if (const Result result = inContext()) return result;
  if (state().captures.empty() || captureMode == 2) return success;
  return giveUp(nullptr, captureUnsupported, std::string(what) + " while a stream is captured");
}

#define REQUIRE(check)                                          \
  std::lock_guard<std::recursive_mutex> lock(state().mutex);    \
  if (const Result result = (check)) return result;

template <class T> T *opened(Address address) { return reinterpret_cast<T *>(address); }

Result requireDevice(Address address, std::size_t bytes) {
  if (bytes == 0 || state().memory.contains(address, bytes)) return success;
  return fail(invalidValue,
              "a copy of " + std::to_string(bytes) + " bytes: " + state().memory.describe(address));
}

// ---- Launches ----

Result launch(Function *function, EmulatorIndex blocks, EmulatorIndex threads, void **arguments) {
  State &s = state();
  const EmulatorKernel &kernel = *function->kernel;
  const std::uint64_t count = std::uint64_t{threads.x} * threads.y * threads.z;
  const bool isGrid = blocks.x > 0 && blocks.y > 0 && blocks.z > 0 && blocks.x <= 0x7fffffffu &&
                      blocks.y <= 65535 && blocks.z <= 65535;
  if (!isGrid || count == 0 || count > 1024) return fail(invalidValue, "no such grid");
  if (blocks.x % kernel.clusterSize != 0) {
    return fail(invalidClusterSize, "the grid is no multiple of the " + std::to_string(kernel.clusterSize) +
                                        " blocks of a cluster along x");
  }
  const unsigned most = !hasClusters() ? 1 : function->allowsLargeClusters ? 16 : 8;
  if (kernel.clusterSize > most) {
    return fail(invalidClusterSize, "clusters of " + std::to_string(kernel.clusterSize) + " blocks are not allowed");
  }
  if (count > kernel.maximumThreads) {
    return fail(invalidValue, "more threads a block than __launch_bounds__ says");
  }
  for (unsigned long i = 0; i < kernel.parameterCount; i++) {
    if (!kernel.parameters[i].isPointer) continue;
    Address address;
    std::memcpy(&address, arguments[i], sizeof address);
    if (address == 0) continue;
    if (s.memory.contains(address, 1)) {
      if (deviceOf(address) == currentDevice()) continue;
      return fail(illegalAddress, "kernel '" + function->name + "': argument " + std::to_string(i) +
                                      " lies on another device");
    }
    return fail(illegalAddress, "kernel '" + function->name + "': argument " + std::to_string(i) +
                                    " is an address " + s.memory.describe(address));
  }
  if (s.deviceOfModule[function->module] != currentDevice()) {
    return fail(invalidContext, "kernel '" + function->name + "' was loaded for another device");
  }
  s.launches += 1;
  // The same launch runs in the same order whatever ran before.
  seedLanes(s.seed ^ std::hash<std::string>()(function->name));
  const Launch grid{function->name, &kernel, function->module->description(), blocks, threads, arguments};
  Result result = success;
  if (auto failure = runGrid(grid, s.memory)) {
    result = fail(failure->code, failure->text);
  } else if (const std::string damage = s.memory.damage(); !damage.empty()) {
    result = fail(illegalAddress, "kernel '" + function->name + "': " + damage);
  }
  if (setting("PARPY_EMULATOR_LOSES_CONTEXT", 0) == 0) return result;
  s.lost = result;
  return success;
}

}  // namespace

// ---- The process and the device ----

EXPORT Result cuInit(uint32_t) {
  State &s = state();
  std::lock_guard<std::recursive_mutex> lock(s.mutex);
  if (s.process == getpid()) return success;
  if (s.process != 0) return fail(notInitialized, "a child of fork cannot use CUDA");
  if (setting("PARPY_EMULATOR_DEVICES", 1) == 0) return fail(noDevice, "there is no device");
  s.process = getpid();
  const char *seed = std::getenv("PARPY_EMULATOR_SEED");
  s.seed = seed ? std::strtoull(seed, nullptr, 10) : 1;
  return success;
}

EXPORT Result cuDriverGetVersion(int32_t *version) {
  *version = static_cast<int32_t>(setting("PARPY_EMULATOR_DRIVER", 12090));
  return success;
}

EXPORT Result cuGetErrorName(Result result, const char **name) {
  static const std::map<Result, const char *> names = {
      {success, "CUDA_SUCCESS"},
      {invalidValue, "CUDA_ERROR_INVALID_VALUE"},
      {outOfMemory, "CUDA_ERROR_OUT_OF_MEMORY"},
      {notInitialized, "CUDA_ERROR_NOT_INITIALIZED"},
      {noDevice, "CUDA_ERROR_NO_DEVICE"},
      {invalidDevice, "CUDA_ERROR_INVALID_DEVICE"},
      {invalidImage, "CUDA_ERROR_INVALID_IMAGE"},
      {invalidContext, "CUDA_ERROR_INVALID_CONTEXT"},
      {notFound, "CUDA_ERROR_NOT_FOUND"},
      {illegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS"},
      {invalidClusterSize, "CUDA_ERROR_INVALID_CLUSTER_SIZE"},
      {outOfResources, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES"},
      {captureUnsupported, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"},
      {captureInvalidated, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"},
      {captureUnmatched, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED"},
      {captureIsolation, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION"},
      {702, "CUDA_ERROR_LAUNCH_TIMEOUT"},
      {714, "CUDA_ERROR_HARDWARE_STACK_ERROR"},
      {715, "CUDA_ERROR_ILLEGAL_INSTRUCTION"},
      {719, "CUDA_ERROR_LAUNCH_FAILED"},
  };
  const auto found = names.find(result);
  *name = found == names.end() ? "CUDA_ERROR_UNKNOWN" : found->second;
  return success;
}

// The words of the last failure of this process.
EXPORT Result cuGetErrorString(Result, const char **text) {
  static thread_local std::string words;
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  words = "emulated: " + state().message;
  *text = words.c_str();
  return success;
}

EXPORT Result cuDeviceGetCount(int32_t *count) {
  REQUIRE(ready());
  *count = deviceCount();
  return success;
}

EXPORT Result cuDeviceGet(parpy_cuda_device *device, int32_t ordinal) {
  REQUIRE(ready());
  if (ordinal < 0 || ordinal >= deviceCount()) return fail(invalidDevice, "there is no such device");
  *device = ordinal;
  return success;
}

EXPORT Result cuDeviceGetName(char *name, int32_t capacity, parpy_cuda_device) {
  REQUIRE(ready());
  std::strncpy(name, "ParPy's emulator", static_cast<std::size_t>(capacity));
  return success;
}

EXPORT Result cuDeviceTotalMem_v2(size_t *bytes, parpy_cuda_device) {
  REQUIRE(ready());
  *bytes = state().memory.capacity();
  return success;
}

EXPORT Result cuMemGetInfo_v2(size_t *free, size_t *total) {
  REQUIRE(inContext());
  *total = state().memory.capacity();
  *free = *total - state().memory.liveBytes();
  return success;
}

EXPORT Result cuDeviceGetAttribute(int32_t *value, int32_t name, parpy_cuda_device) {
  REQUIRE(ready());
  switch (name) {
    case parpy_cuda_multiprocessor_count: *value = 4; return success;
    case parpy_cuda_compute_major: *value = architecture() / 10; return success;
    case parpy_cuda_compute_minor: *value = architecture() % 10; return success;
    case parpy_cuda_cluster_launch: *value = hasClusters(); return success;
    case parpy_cuda_cooperative_launch: *value = 0; return success;
    case parpy_cuda_memory_pools: *value = 1; return success;
    default: return fail(invalidValue, "no such attribute of devices");
  }
}

EXPORT Result cuDevicePrimaryCtxRetain(parpy_cuda_context *found, parpy_cuda_device device) {
  REQUIRE(ready());
  if (device < 0 || device >= deviceCount()) return fail(invalidDevice, "there is no such device");
  *found = reinterpret_cast<parpy_cuda_context>(&primaryContexts[device]);
  return success;
}

EXPORT Result cuCtxSetCurrent(parpy_cuda_context wanted) {
  REQUIRE(ready());
  context = wanted;
  return success;
}

EXPORT Result cuCtxGetCurrent(parpy_cuda_context *found) {
  REQUIRE(ready());
  *found = context;
  return success;
}

EXPORT Result cuCtxGetDevice(parpy_cuda_device *found) {
  REQUIRE(inContext());
  *found = currentDevice();
  return success;
}

EXPORT Result cuCtxSynchronize() {
  REQUIRE(inContext());
  if (!state().captures.empty()) return giveUp(nullptr, captureUnsupported, "a wait while a stream is captured");
  return success;
}

// ---- Kernels ----

EXPORT Result cuModuleLoadDataEx(parpy_cuda_module *found, const void *image, uint32_t, int32_t *, void **) {
  REQUIRE(besideCaptures("a module is loaded"));
  std::string error;
  auto module = Module::load(image, error);
  if (!module) return fail(invalidImage, error);
  state().deviceOfModule[module.get()] = currentDevice();
  *found = reinterpret_cast<parpy_cuda_module>(module.release());
  return success;
}

EXPORT Result cuModuleUnload(parpy_cuda_module module) {
  REQUIRE(inContext());
  state().deviceOfModule.erase(reinterpret_cast<Module *>(module));
  delete reinterpret_cast<Module *>(module);
  return success;
}

EXPORT Result cuModuleGetFunction(parpy_cuda_function *found, parpy_cuda_module module, const char *name) {
  REQUIRE(inContext());
  Function *function = reinterpret_cast<Module *>(module)->function(name);
  if (!function) return fail(notFound, std::string("there is no kernel '") + name + "'");
  *found = reinterpret_cast<parpy_cuda_function>(function);
  return success;
}

EXPORT Result cuFuncGetAttribute(int32_t *value, int32_t name, parpy_cuda_function function) {
  REQUIRE(inContext());
  if (name != parpy_cuda_function_cluster_width) return fail(invalidValue, "no such attribute of functions");
  const auto size = static_cast<int32_t>(reinterpret_cast<Function *>(function)->kernel->clusterSize);
  *value = size > 1 ? size : 0;
  return success;
}

EXPORT Result cuFuncSetAttribute(parpy_cuda_function function, int32_t name, int32_t value) {
  REQUIRE(inContext());
  if (name != parpy_cuda_function_allows_large_clusters) {
    return fail(invalidValue, "the emulator has no dynamic shared memory");
  }
  reinterpret_cast<Function *>(function)->allowsLargeClusters = value != 0;
  return success;
}

EXPORT Result cuOccupancyMaxActiveBlocksPerMultiprocessor(int32_t *blocks, parpy_cuda_function, int32_t,
                                                          size_t) {
  REQUIRE(inContext());
  *blocks = 1;
  return success;
}

EXPORT Result cuLaunchKernel(parpy_cuda_function function, uint32_t blocksX, uint32_t blocksY, uint32_t blocksZ,
                             uint32_t threadsX, uint32_t threadsY, uint32_t threadsZ, uint32_t sharedBytes,
                             Stream stream, void **arguments, void **) {
  REQUIRE(inContext());
  if (sharedBytes > 0) return fail(invalidValue, "the emulator has no dynamic shared memory");
  auto *const kernel = reinterpret_cast<Function *>(function);
  const EmulatorIndex blocks{blocksX, blocksY, blocksZ}, threads{threadsX, threadsY, threadsZ};
  if (Capture *capture = captureOf(stream)) {
    auto node = std::make_shared<Node>();
    *node = {kernel, blocks, threads, std::unique_ptr<Arguments>(new Arguments(*kernel->kernel, arguments))};
    capture->graph->nodes.push_back(node);
    return success;
  }
  return launch(kernel, blocks, threads, arguments);
}

EXPORT Result cuLaunchKernelEx(const parpy_cuda_launch_configuration *, parpy_cuda_function, void **, void **) {
  REQUIRE(inContext());
  return fail(invalidValue, "the emulator has no cooperative launches");
}

// ---- Memory ----

namespace {

Result allocate(Address *address, size_t bytes) {
  if (bytes == 0) return fail(invalidValue, "an allocation of no bytes");
  *address = state().memory.allocate(bytes);
  if (!*address) return fail(outOfMemory, "the device has no more memory");
  state().deviceOfMemory[*address] = currentDevice();
  return success;
}

Result release(Address address) {
  state().deviceOfMemory.erase(address);
  if (address == 0 || state().memory.free(address)) return success;
  return fail(invalidValue, "an address is freed that was not allocated");
}

}  // namespace

EXPORT Result cuMemAlloc_v2(Address *address, size_t bytes) {
  REQUIRE(besideCaptures("memory is allocated"));
  return allocate(address, bytes);
}

EXPORT Result cuMemFree_v2(Address address) {
  REQUIRE(besideCaptures("memory is freed"));
  return release(address);
}

EXPORT Result cuMemPoolCreate(parpy_cuda_pool *pool, const parpy_cuda_pool_properties *) {
  REQUIRE(besideCaptures("a pool is made"));
  *pool = reinterpret_cast<parpy_cuda_pool>(&memoryPool);
  return success;
}

EXPORT Result cuMemPoolSetAttribute(parpy_cuda_pool, int32_t, void *) {
  REQUIRE(inContext());
  return success;
}

EXPORT Result cuMemPoolTrimTo(parpy_cuda_pool, size_t) {
  REQUIRE(inContext());
  return success;
}

EXPORT Result cuMemAllocFromPoolAsync(Address *address, size_t bytes, parpy_cuda_pool, Stream stream) {
  REQUIRE(inContext());
  const Result result = allocate(address, bytes);
  Capture *capture = captureOf(stream);
  // The graph has it each time it runs, at one address.
  if (result == success && capture) capture->graph->memory.push_back(*address);
  return result;
}

EXPORT Result cuMemFreeAsync(Address address, Stream stream) {
  REQUIRE(inContext());
  return captureOf(stream) ? success : release(address);
}

EXPORT Result cuMemHostAlloc(void **memory, size_t bytes, uint32_t) {
  REQUIRE(besideCaptures("page-locked memory is allocated"));
  *memory = std::malloc(bytes > 0 ? bytes : 1);
  if (!*memory) return fail(outOfMemory, "the host has no more memory");
  state().pinned[*memory] = bytes;
  return success;
}

EXPORT Result cuMemFreeHost(void *memory) {
  REQUIRE(inContext());
  if (state().pinned.erase(memory) == 0) return fail(invalidValue, "memory is freed that was not allocated");
  std::free(memory);
  return success;
}

EXPORT Result cuMemcpyHtoDAsync_v2(Address to, const void *from, size_t bytes, Stream stream) {
  REQUIRE(outsideCapture(stream, "a copy"));
  if (const Result result = requireDevice(to, bytes)) return result;
  std::memcpy(opened<void>(to), from, bytes);
  return success;
}

EXPORT Result cuMemcpyDtoHAsync_v2(void *to, Address from, size_t bytes, Stream stream) {
  REQUIRE(outsideCapture(stream, "a copy"));
  if (const Result result = requireDevice(from, bytes)) return result;
  std::memcpy(to, opened<void>(from), bytes);
  return success;
}

EXPORT Result cuMemcpyDtoDAsync_v2(Address to, Address from, size_t bytes, Stream stream) {
  REQUIRE(outsideCapture(stream, "a copy"));
  if (const Result result = requireDevice(to, bytes)) return result;
  if (const Result result = requireDevice(from, bytes)) return result;
  std::memmove(opened<void>(to), opened<void>(from), bytes);
  return success;
}

EXPORT Result cuMemcpy2DAsync_v2(const parpy_cuda_rectangle *r, Stream stream) {
  REQUIRE(outsideCapture(stream, "a copy"));
  const bool isFromDevice = r->source_kind == parpy_cuda_memory_on_device;
  const bool isToDevice = r->target_kind == parpy_cuda_memory_on_device;
  // The greatest distance between two rows (`CU_DEVICE_ATTRIBUTE_MAX_PITCH`).
  const std::size_t most = 0x7fffffff;
  if (r->source_pitch > most || r->target_pitch > most || r->source_pitch < r->width || r->target_pitch < r->width) {
    return fail(invalidValue, "no such distance between rows");
  }
  const char *source = isFromDevice ? opened<const char>(r->source_device) : static_cast<const char *>(r->source_host);
  char *target = isToDevice ? opened<char>(r->target_device) : static_cast<char *>(r->target_host);
  source += r->source_y * r->source_pitch + r->source_x;
  target += r->target_y * r->target_pitch + r->target_x;
  for (std::size_t row = 0; row < r->height; row++) {
    const char *from = source + row * r->source_pitch;
    char *to = target + row * r->target_pitch;
    if (isFromDevice) {
      if (const Result result = requireDevice(reinterpret_cast<Address>(from), r->width)) return result;
    }
    if (isToDevice) {
      if (const Result result = requireDevice(reinterpret_cast<Address>(to), r->width)) return result;
    }
    std::memmove(to, from, r->width);
  }
  return success;
}

EXPORT Result cuMemsetD8Async(Address address, uint8_t byte, size_t bytes, Stream stream) {
  REQUIRE(outsideCapture(stream, "memory is set"));
  if (const Result result = requireDevice(address, bytes)) return result;
  std::memset(opened<void>(address), byte, bytes);
  return success;
}

// Of an address that CUDA does not know every attribute is 0.
EXPORT Result cuPointerGetAttributes(uint32_t count, int32_t *names, void **values, Address address) {
  REQUIRE(ready());
  const bool isKnown = state().memory.contains(address, 1);
  for (uint32_t k = 0; k < count; k++) {
    const int32_t known =
        names[k] == parpy_cuda_pointer_memory_type ? parpy_cuda_memory_on_device : deviceOf(address);
    const int32_t found = isKnown ? known : 0;
    std::memcpy(values[k], &found, sizeof found);
  }
  return success;
}

// ---- Streams and events: everything is done at once ----

EXPORT Result cuStreamCreate(Stream *stream, uint32_t) {
  REQUIRE(inContext());
  *stream = reinterpret_cast<Stream>(new char);
  return success;
}

EXPORT Result cuStreamDestroy_v2(Stream stream) {
  REQUIRE(inContext());
  delete reinterpret_cast<char *>(stream);
  return success;
}

EXPORT Result cuStreamSynchronize(Stream stream) {
  REQUIRE(outsideCapture(stream, "a wait"));
  return success;
}

EXPORT Result cuStreamWaitEvent(Stream stream, parpy_cuda_event, uint32_t) {
  REQUIRE(inContext());
  if (Capture *capture = captureOf(stream)) {
    return giveUp(capture, captureIsolation, "a stream that is captured waits for what is not");
  }
  return success;
}

EXPORT Result cuStreamBeginCapture_v2(Stream stream, int32_t) {
  REQUIRE(inContext());
  if (!stream || captureOf(stream)) return fail(captureUnsupported, "the stream cannot be captured");
  state().captures[stream];
  return success;
}

EXPORT Result cuStreamEndCapture(Stream stream, parpy_cuda_graph *graph) {
  REQUIRE(inContext());
  Capture *capture = captureOf(stream);
  if (!capture) return fail(captureUnmatched, "the stream is not captured");
  const bool isInvalid = capture->isInvalid;
  *graph = reinterpret_cast<parpy_cuda_graph>(isInvalid ? nullptr : capture->graph.release());
  state().captures.erase(stream);
  return isInvalid ? fail(captureInvalidated, "the capture was given up: " + state().message) : success;
}

EXPORT Result cuStreamIsCapturing(Stream stream, int32_t *status) {
  REQUIRE(inContext());
  Capture *capture = captureOf(stream);
  *status = !capture ? 0 : capture->isInvalid ? 2 : 1;
  return success;
}

EXPORT Result cuThreadExchangeStreamCaptureMode(int32_t *mode) {
  REQUIRE(ready());
  std::swap(captureMode, *mode);
  return success;
}

EXPORT Result cuEventCreate(parpy_cuda_event *event, uint32_t) {
  REQUIRE(inContext());
  *event = reinterpret_cast<parpy_cuda_event>(new char);
  return success;
}

EXPORT Result cuEventDestroy_v2(parpy_cuda_event event) {
  REQUIRE(inContext());
  delete reinterpret_cast<char *>(event);
  return success;
}

EXPORT Result cuEventRecord(parpy_cuda_event, Stream stream) {
  // A graph may have events; whoever waits for one outside of it gives it up.
  REQUIRE(outsideCapture(stream, "an event is recorded"));
  return success;
}

// ---- Graphs: nodes run in the order in which they were added ----

namespace {

Result fill(Node &node, const parpy_cuda_kernel_node *p) {
  node.function = reinterpret_cast<Function *>(p->function);
  node.blocks = {p->blocks_x, p->blocks_y, p->blocks_z};
  node.threads = {p->threads_x, p->threads_y, p->threads_z};
  node.arguments.reset(new Arguments(*node.function->kernel, p->arguments));
  return success;
}

}  // namespace

EXPORT Result cuGraphCreate(parpy_cuda_graph *graph, uint32_t) {
  REQUIRE(inContext());
  *graph = reinterpret_cast<parpy_cuda_graph>(new Graph);
  return success;
}

EXPORT Result cuGraphDestroy(parpy_cuda_graph graph) {
  REQUIRE(inContext());
  for (const Address address : reinterpret_cast<Graph *>(graph)->memory) release(address);
  delete reinterpret_cast<Graph *>(graph);
  return success;
}

EXPORT Result cuGraphAddKernelNode_v2(parpy_cuda_graph_node *added, parpy_cuda_graph graph,
                                      const parpy_cuda_graph_node *, size_t, const parpy_cuda_kernel_node *p) {
  REQUIRE(inContext());
  auto node = std::make_shared<Node>();
  reinterpret_cast<Graph *>(graph)->nodes.push_back(node);
  *added = reinterpret_cast<parpy_cuda_graph_node>(node.get());
  return fill(*node, p);
}

EXPORT Result cuGraphInstantiateWithFlags(parpy_cuda_graph_exec *made, parpy_cuda_graph graph, uint64_t) {
  REQUIRE(inContext());
  *made = reinterpret_cast<parpy_cuda_graph_exec>(new Graph(*reinterpret_cast<Graph *>(graph)));
  return success;
}

EXPORT Result cuGraphExecKernelNodeSetParams_v2(parpy_cuda_graph_exec executable, parpy_cuda_graph_node which,
                                                const parpy_cuda_kernel_node *p) {
  REQUIRE(inContext());
  for (auto &node : reinterpret_cast<Graph *>(executable)->nodes) {
    if (node.get() == reinterpret_cast<Node *>(which)) return fill(*node, p);
  }
  return fail(invalidValue, "the graph has no such node");
}

EXPORT Result cuGraphLaunch(parpy_cuda_graph_exec executable, Stream stream) {
  REQUIRE(outsideCapture(stream, "a graph is launched"));
  {
    std::lock_guard<std::recursive_mutex> lock(state().mutex);
    state().graphLaunches += 1;
  }
  for (auto &node : reinterpret_cast<Graph *>(executable)->nodes) {
    if (const Result result = launch(node->function, node->blocks, node->threads, node->arguments->table())) {
      return result;
    }
  }
  return success;
}

EXPORT Result cuGraphExecDestroy(parpy_cuda_graph_exec executable) {
  REQUIRE(inContext());
  delete reinterpret_cast<Graph *>(executable);
  return success;
}

// ---- For the tests ----

// The bytes of the device that are allocated.
EXPORT std::size_t parpy_emulator_live_bytes() {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  return state().memory.liveBytes();
}

// How many kernels were launched.
EXPORT std::uint64_t parpy_emulator_launches() {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  return state().launches;
}

// How many graphs were launched.
EXPORT std::uint64_t parpy_emulator_graph_launches() {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  return state().graphLaunches;
}

EXPORT void parpy_emulator_set_seed(std::uint64_t seed) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  state().seed = seed;
}

// ---- The runtime calls each function with the type that it has here ----

#define SAME(member, function) \
  static_assert(std::is_same_v<decltype(parpy_cuda_driver::member), decltype(&function)>, #function);

SAME(initialize, cuInit)
SAME(driver_version, cuDriverGetVersion)
SAME(error_name, cuGetErrorName)
SAME(error_text, cuGetErrorString)
SAME(device_count, cuDeviceGetCount)
SAME(device, cuDeviceGet)
SAME(device_name, cuDeviceGetName)
SAME(device_memory, cuDeviceTotalMem_v2)
SAME(device_attribute, cuDeviceGetAttribute)
SAME(retain_context, cuDevicePrimaryCtxRetain)
SAME(set_context, cuCtxSetCurrent)
SAME(current_context, cuCtxGetCurrent)
SAME(current_device, cuCtxGetDevice)
SAME(load_module, cuModuleLoadDataEx)
SAME(unload_module, cuModuleUnload)
SAME(module_function, cuModuleGetFunction)
SAME(function_attribute, cuFuncGetAttribute)
SAME(set_function_attribute, cuFuncSetAttribute)
SAME(occupancy, cuOccupancyMaxActiveBlocksPerMultiprocessor)
SAME(launch, cuLaunchKernel)
SAME(launch_configured, cuLaunchKernelEx)
SAME(memory_info, cuMemGetInfo_v2)
SAME(allocate, cuMemAlloc_v2)
SAME(free, cuMemFree_v2)
SAME(create_pool, cuMemPoolCreate)
SAME(set_pool_attribute, cuMemPoolSetAttribute)
SAME(trim_pool, cuMemPoolTrimTo)
SAME(allocate_from_pool, cuMemAllocFromPoolAsync)
SAME(free_in_order, cuMemFreeAsync)
SAME(allocate_host, cuMemHostAlloc)
SAME(free_host, cuMemFreeHost)
SAME(copy_in, cuMemcpyHtoDAsync_v2)
SAME(copy_out, cuMemcpyDtoHAsync_v2)
SAME(copy, cuMemcpyDtoDAsync_v2)
SAME(copy_rectangle, cuMemcpy2DAsync_v2)
SAME(fill, cuMemsetD8Async)
SAME(pointer_attributes, cuPointerGetAttributes)
SAME(create_stream, cuStreamCreate)
SAME(destroy_stream, cuStreamDestroy_v2)
SAME(synchronize_stream, cuStreamSynchronize)
SAME(capture_status, cuStreamIsCapturing)
SAME(exchange_capture_mode, cuThreadExchangeStreamCaptureMode)
SAME(wait_for_event, cuStreamWaitEvent)
SAME(create_event, cuEventCreate)
SAME(destroy_event, cuEventDestroy_v2)
SAME(record_event, cuEventRecord)
SAME(synchronize_context, cuCtxSynchronize)
SAME(create_graph, cuGraphCreate)
SAME(destroy_graph, cuGraphDestroy)
SAME(add_kernel_node, cuGraphAddKernelNode_v2)
SAME(instantiate_graph, cuGraphInstantiateWithFlags)
SAME(update_kernel_node, cuGraphExecKernelNodeSetParams_v2)
SAME(launch_graph, cuGraphLaunch)
SAME(destroy_graph_exec, cuGraphExecDestroy)
