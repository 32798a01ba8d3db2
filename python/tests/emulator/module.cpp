#include "module.h"

#include <atomic>
#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <unistd.h>

namespace {

// A new file's name: the loader takes two libraries of one name for the same.
std::string freshName() {
  static std::atomic<int> count{0};
  return "/tmp/parpy-emulator-" + std::to_string(getpid()) + "-" + std::to_string(count++) + ".so";
}

}  // namespace

std::unique_ptr<Module> Module::load(const void *image, std::string &error) {
  if (std::memcmp(image, kMagic, 8) != 0) {
    error = "these are no kernels that the emulator compiled";
    return nullptr;
  }
  std::uint64_t size;
  std::memcpy(&size, static_cast<const char *>(image) + 8, 8);
  const std::string name = freshName();
  std::FILE *file = std::fopen(name.c_str(), "wb");
  if (!file) {
    error = "cannot write " + name;
    return nullptr;
  }
  const bool isWritten = std::fwrite(static_cast<const char *>(image) + 16, 1, size, file) == size;
  std::unique_ptr<Module> module(new Module);
  if (std::fclose(file) == 0 && isWritten) module->library_ = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  std::remove(name.c_str());
  if (!module->library_) {
    const char *reason = dlerror();
    error = reason ? reason : "cannot write " + name;
    return nullptr;
  }
  module->description_ = static_cast<const EmulatorModule *>(dlsym(module->library_, "emulator_module"));
  if (module->description_) return module;
  error = "the module does not describe itself";
  return nullptr;
}

Module::~Module() {
  if (library_) dlclose(library_);
}

Function *Module::function(const std::string &name) {
  auto &known = functions_[name];
  if (known) return known.get();
  const auto *kernel = static_cast<const EmulatorKernel *>(dlsym(library_, ("emulator_kernel_" + name).c_str()));
  if (!kernel) return nullptr;
  known.reset(new Function{name, kernel, this});
  return known.get();
}

Arguments::Arguments(const EmulatorKernel &kernel, void **arguments) {
  for (unsigned long i = 0; i < kernel.parameterCount; i++) {
    const unsigned long size = kernel.parameters[i].size;
    values_.emplace_back((size + 7) / 8);
    std::memcpy(values_.back().data(), arguments[i], size);
  }
  for (auto &value : values_) table_.push_back(value.data());
}
