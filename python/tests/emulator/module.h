// Kernels that the emulated NVRTC compiled: a shared library behind a few bytes that tell it from anything else.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "include/services.h"

// What stands before the library: these eight bytes, then its length in eight.
constexpr char kMagic[9] = "PARPYEMU";

struct Module;

struct Function {
  std::string name;
  const EmulatorKernel *kernel;
  Module *module;
  // Whether clusters may have more blocks than every device runs.
  bool allowsLargeClusters = false;
};

struct Module {
  // Null where the bytes are no kernels of the emulator's, or cannot be loaded; `error` says why.
  static std::unique_ptr<Module> load(const void *image, std::string &error);
  ~Module();

  // Null where there is none of that name.
  Function *function(const std::string &name);
  const EmulatorModule *description() const { return description_; }

 private:
  Module() = default;

  void *library_ = nullptr;
  const EmulatorModule *description_ = nullptr;
  std::map<std::string, std::unique_ptr<Function>> functions_;
};

// The arguments of a launch, kept for later ones.
class Arguments {
 public:
  Arguments(const EmulatorKernel &, void **arguments);
  void **table() { return table_.data(); }

 private:
  std::vector<std::vector<std::uint64_t>> values_;
  std::vector<void *> table_;
};
