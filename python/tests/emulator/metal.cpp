// A Metal device as ParPy's runtime calls it: the processor that runs this.
//
// The text is compiled as it is, as C++ for OpenCL, whose address spaces are Metal's, with `include/metal_stdlib` for Metal's
// library. Everything is done when a function returns; a kernel that fails is reported by the next wait.
//
// PARPY_EMULATOR_THREADS (1024) is how many threads a threadgroup can have; with PARPY_EMULATOR_CONTRACTS=1 products join with
// sums. Others are as for the CUDA driver.

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "../../../Sources/CMetal/include/CMetal.h"
#include "compiler.h"
#include "grid.h"
#include "memory.h"
#include "module.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

std::uint64_t setting(const char *name, std::uint64_t otherwise) {
  const char *text = std::getenv(name);
  return text && *text ? std::strtoull(text, nullptr, 10) : otherwise;
}

// What the device knows; one call at a time.
struct State {
  std::mutex mutex;
  DeviceMemory memory{setting("PARPY_EMULATOR_MEMORY", std::size_t{8} << 30)};
  std::uint64_t seed = setting("PARPY_EMULATOR_SEED", 1);
  std::uint64_t launches = 0;
  // What a kernel did wrong since the last wait.
  std::string failure;
};

State &state() {
  static auto *state = new State;  // outlives everything that may still call
  return *state;
}

thread_local std::string message;

bool fail(const std::string &why) {
  message = why;
  return false;
}

// ---- Kernels in a text ----

bool isWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// The word that ends before a position.
std::string wordBefore(const std::string &text, std::size_t end) {
  while (end > 0 && !isWord(text[end - 1])) end--;
  std::size_t start = end;
  while (start > 0 && isWord(text[start - 1])) start--;
  return text.substr(start, end - start);
}

// The parameters between the parenthesis at `open` and the one that closes it.
std::vector<std::string> parameters(const std::string &text, std::size_t open) {
  std::vector<std::string> found{""};
  int depth = 1;
  for (std::size_t at = open + 1; at < text.size(); at++) {
    const char c = text[at];
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (depth == 0) break;
    if (c == ',' && depth == 1) {
      found.emplace_back();
    } else {
      found.back() += c;
    }
  }
  return found;
}

// What makes the kernels of a text known by name: `[[max_total_threads_per_threadgroup(128)]] kernel void NAME(…`.
std::string registrations(const std::string &text) {
  static const std::string head = "kernel void ", limit = "[[max_total_threads_per_threadgroup(";
  std::string result = "#include \"metal_kernels.h\"\n";
  for (std::size_t at = text.find(head); at != std::string::npos; at = text.find(head, at + 1)) {
    const std::size_t open = text.find('(', at);
    if (open == std::string::npos) break;
    const std::string name = wordBefore(text, open);
    std::string threads = "1024";
    const std::size_t bound = text.rfind(limit, at);
    if (bound != std::string::npos && text.find('\n', bound) > at) {
      threads = std::to_string(std::strtoull(text.c_str() + bound + limit.size(), nullptr, 10));
    }
    std::string types, kinds;
    for (const std::string &parameter : parameters(text, open)) {
      const std::size_t attribute = parameter.find("[[");
      const bool isBuffer = parameter.find("[[buffer(") != std::string::npos;
      const std::string kind = !isBuffer ? wordBefore(parameter, parameter.rfind("]]"))
                               : parameter.find('*') < attribute ? "Memory" : "Value";
      types += std::string(types.empty() ? "" : ", ") + (isBuffer ? "void *" : "uint3");
      kinds += ", " + kind;
    }
    result += "extern \"C\" void " + name + "(" + types + ");\n";
    result += "EMULATOR_KERNEL(" + name + ", " + threads + kinds + ")\n";
  }
  return result;
}

// ---- The device ----

const char *error() { return message.c_str(); }

parpy_metal_library compile(const char *text, bool) {
  const char *recipe =
      setting("PARPY_EMULATOR_CONTRACTS", 0) ? EMULATOR_METAL "\n" EMULATOR_METAL_CONTRACTING : EMULATOR_METAL;
  const Source kernels{"#line 1 \"kernels.metal\"\n" + std::string(text), command(recipe)};
  const Source names{registrations(text), command(EMULATOR_METAL_NAMES)};
  std::string log;
  const std::string binary = library({kernels, names}, EMULATOR_METAL_LINK, "", log);
  if (binary.empty()) {
    fail(log);
    return nullptr;
  }
  auto module = Module::load(binary.data(), message);
  return reinterpret_cast<parpy_metal_library>(module.release());
}

void release(parpy_metal_library library) {
  std::lock_guard<std::mutex> lock(state().mutex);
  delete reinterpret_cast<Module *>(library);
}

parpy_metal_function function(parpy_metal_library library, const char *name) {
  std::lock_guard<std::mutex> lock(state().mutex);
  Function *found = reinterpret_cast<Module *>(library)->function(name);
  if (!found) fail("there is no kernel '" + std::string(name) + "'");
  return reinterpret_cast<parpy_metal_function>(found);
}

size_t greatestThreads(parpy_metal_function function) {
  const auto limit = reinterpret_cast<Function *>(function)->kernel->maximumThreads;
  return std::min<std::uint64_t>(limit, setting("PARPY_EMULATOR_THREADS", 1024));
}

void *allocate(size_t bytes) {
  std::lock_guard<std::mutex> lock(state().mutex);
  // A buffer of Metal's ends with a whole word, too.
  return reinterpret_cast<void *>(state().memory.allocate((bytes + 3) / 4 * 4));
}

void releaseMemory(void *memory) {
  std::lock_guard<std::mutex> lock(state().mutex);
  state().memory.free(reinterpret_cast<std::uint64_t>(memory));
}

bool launch(parpy_metal_function function, const uint32_t blocks[3], uint32_t threads,
            const parpy_metal_argument *arguments, size_t count) {
  State &s = state();
  std::lock_guard<std::mutex> lock(s.mutex);
  auto &launched = *reinterpret_cast<Function *>(function);
  const EmulatorKernel &kernel = *launched.kernel;
  const std::string name = "kernel '" + launched.name + "'";
  if (threads == 0 || threads > greatestThreads(function)) return fail(name + " cannot have so many threads");
  if (count != kernel.parameterCount) return fail(name + " has another number of buffers");
  std::vector<void *> table;
  std::vector<const void *> addresses(count);
  for (size_t i = 0; i < count; i++) {
    const parpy_metal_argument &argument = arguments[i];
    if (kernel.parameters[i].isPointer != (argument.size == 0)) {
      return fail(name + ": buffer " + std::to_string(i) + " is of the other kind");
    }
    addresses[i] = argument.address;
    const auto address = reinterpret_cast<std::uint64_t>(argument.address);
    if (argument.size == 0 && address != 0 && !s.memory.contains(address, 1)) {
      return fail(name + ": buffer " + std::to_string(i) + " is an address " + s.memory.describe(address));
    }
    table.push_back(argument.size == 0 ? &addresses[i] : const_cast<void *>(argument.address));
  }
  s.launches += 1;
  // A kernel that failed ends those behind it.
  if (!s.failure.empty()) return true;
  // The same launch runs in the same order whatever ran before.
  seedLanes(s.seed ^ std::hash<std::string>()(launched.name));
  const Launch grid{launched.name, &kernel, launched.module->description(), {blocks[0], blocks[1], blocks[2]},
                    {threads, 1, 1}, table.data()};
  if (auto failure = runGrid(grid, s.memory)) {
    s.failure = failure->text;
  } else if (const std::string damage = s.memory.damage(); !damage.empty()) {
    s.failure = name + ": " + damage;
  }
  return true;
}

bool waitForAll() {
  std::lock_guard<std::mutex> lock(state().mutex);
  const std::string failure = std::move(state().failure);
  state().failure.clear();
  return failure.empty() || fail(failure);
}

const parpy_metal_device table = {error,         compile,       release, function,   greatestThreads, allocate,
                                  releaseMemory, launch,        waitForAll};

}  // namespace

EXPORT const parpy_metal_device *parpy_metal_device_table() { return &table; }

// ---- For the tests ----

// The bytes of the device that are allocated.
EXPORT std::size_t parpy_emulator_live_bytes() {
  std::lock_guard<std::mutex> lock(state().mutex);
  return state().memory.liveBytes();
}

// How many kernels were launched.
EXPORT std::uint64_t parpy_emulator_launches() {
  std::lock_guard<std::mutex> lock(state().mutex);
  return state().launches;
}

EXPORT void parpy_emulator_set_seed(std::uint64_t seed) {
  std::lock_guard<std::mutex> lock(state().mutex);
  state().seed = seed;
}
