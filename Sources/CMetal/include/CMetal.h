// A GPU that takes the Metal Shading Language, as a table of functions that a library gives.
//
// On Apple's systems the runtime uses the framework; where there is none, a library can stand in the place of the GPU.
#ifndef PARPY_CMETAL_H
#define PARPY_CMETAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The functions are there once a table is.
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wnullability-completeness"
#else
#define _Nonnull
#endif

typedef struct parpy_metal_library_state *parpy_metal_library;
typedef struct parpy_metal_function_state *parpy_metal_function;

// What a kernel gets at one of its buffers, in their order.
typedef struct {
  // Of a value, where it stands; of memory, an address in what `allocate` gave, or NULL.
  const void *address;
  // The bytes of a value; 0 for memory.
  size_t size;
} parpy_metal_argument;

// The memory is the host's too: between `wait` and the next launch the host may read and write it.
typedef struct {
  // Why the last function of the thread failed, until its next call.
  const char *(*_Nonnull error)(void);
  // Compiles a text, without fast math, and without contraction where it is strict. NULL where it is refused.
  parpy_metal_library (*_Nonnull compile)(const char *text, bool is_strict);
  void (*_Nonnull release)(parpy_metal_library library);
  // NULL where there is no kernel of that name.
  parpy_metal_function (*_Nonnull function)(parpy_metal_library library, const char *name);
  // The most threads that a threadgroup of the kernel can have.
  size_t (*_Nonnull greatest_threads)(parpy_metal_function function);
  // NULL where there is no memory left.
  void *(*_Nonnull allocate)(size_t bytes);
  // Frees memory once the kernels launched so far are done with it.
  void (*_Nonnull release_memory)(void *memory);
  // Launches a kernel, after those that were launched before.
  bool (*_Nonnull launch)(parpy_metal_function function, const uint32_t blocks[3], uint32_t threads,
                          const parpy_metal_argument *arguments, size_t count);
  // Waits for all launches; false where a kernel failed.
  bool (*_Nonnull wait)(void);
} parpy_metal_device;

// The name of the function without parameters that gives a `const parpy_metal_device *`.
#define PARPY_METAL_ENTRY "parpy_metal_device_table"

#if defined(__clang__)
#pragma clang diagnostic pop
#endif

#endif
