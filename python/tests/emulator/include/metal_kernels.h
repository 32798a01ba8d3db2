// Makes kernels in the Metal Shading Language known by name. Their text gives the parameters; what each gets, a class says.
#ifndef PARPY_EMULATOR_METAL_KERNELS_H
#define PARPY_EMULATOR_METAL_KERNELS_H

#include "services.h"

typedef unsigned uint3 __attribute__((ext_vector_type(3)));

__attribute__((visibility("hidden"))) extern EmulatorPlace emulator_place;

// ---- What stands at a buffer ----

struct Memory {
  static constexpr bool isArgument = true, isPointer = true;
  static void *take(void **&arguments) { return *(void **)*arguments++; }
};
// Of the address space `constant`, by reference.
struct Value {
  static constexpr bool isArgument = true, isPointer = false;
  static void *take(void **&arguments) { return *arguments++; }
};

// ---- Where the lane is, by Metal's attributes ----

#define EMULATOR_PLACE(name, member)                                                      \
  struct name {                                                                           \
    static constexpr bool isArgument = false, isPointer = false;                          \
    static uint3 take(void **&) {                                                         \
      return {emulator_place.member.x, emulator_place.member.y, emulator_place.member.z}; \
    }                                                                                     \
  };
EMULATOR_PLACE(thread_position_in_threadgroup, thread)
EMULATOR_PLACE(threads_per_threadgroup, threads)
EMULATOR_PLACE(threadgroup_position_in_grid, block)
EMULATOR_PLACE(threadgroups_per_grid, blocks)

// ---- Kernels ----

struct EmulatorInvoke {
  template <class... P> EmulatorInvoke(void (*kernel)(P...), P... arguments) { kernel(arguments...); }
};

// Requires: buffers stand before what says where the lane is.
template <auto kernel, class... P> struct EmulatorKernelOf {
  // Braces evaluate from left to right.
  static void call(void **arguments) { EmulatorInvoke{kernel, P::take(arguments)...}; }
  static constexpr EmulatorParameter parameters[] = {{sizeof(void *), P::isPointer}..., {0, false}};
  static constexpr unsigned long count = (0ul + ... + (P::isArgument ? 1ul : 0ul));
};

#define EMULATOR_KERNEL(name, maximumThreads, ...)                                                 \
  extern "C" {                                                                                     \
  __attribute__((visibility("default"))) extern const EmulatorKernel emulator_kernel_##name;       \
  const EmulatorKernel emulator_kernel_##name = {EmulatorKernelOf<name, __VA_ARGS__>::call,        \
                                                 EmulatorKernelOf<name, __VA_ARGS__>::parameters,  \
                                                 EmulatorKernelOf<name, __VA_ARGS__>::count,       \
                                                 maximumThreads};                                  \
  }

#endif
