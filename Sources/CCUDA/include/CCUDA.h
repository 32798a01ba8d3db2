// The entry points of the CUDA driver and of NVRTC that the runtime calls, as tables of function pointers: both
// libraries are opened while the program runs, and no header of NVIDIA's is needed to build.
//
// Declared after the documentation of the CUDA driver API and of NVRTC, version 12 and later.
#ifndef PARPY_CCUDA_H
#define PARPY_CCUDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The functions are there once a table is; of their parameters, many may be NULL.
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wnullability-completeness"
#else
#define _Nonnull
#endif

// The file of the library in which the address lies; NULL where that is not known. The text lives as long as the library is open.
const char *parpy_library_of(const void *address);

// ---- The driver's types ----

// 0 is success.
typedef int32_t parpy_cuda_result;
// The number of a device.
typedef int32_t parpy_cuda_device;
// An address in device memory.
typedef uint64_t parpy_cuda_address;

typedef struct parpy_cuda_context_state *parpy_cuda_context;
typedef struct parpy_cuda_module_state *parpy_cuda_module;
typedef struct parpy_cuda_function_state *parpy_cuda_function;
// NULL is the legacy default stream.
typedef struct parpy_cuda_stream_state *parpy_cuda_stream;
typedef struct parpy_cuda_event_state *parpy_cuda_event;
typedef struct parpy_cuda_pool_state *parpy_cuda_pool;
typedef struct parpy_cuda_graph_state *parpy_cuda_graph;
typedef struct parpy_cuda_graph_node_state *parpy_cuda_graph_node;
typedef struct parpy_cuda_graph_exec_state *parpy_cuda_graph_exec;

// What machine code of host parts calls Python functions by: emitted CUDA C++ declares it as `Python`.
typedef struct {
  // Calls the function at a position; the words are those of `CallbackSignature`. False where the host part must end.
  bool (*_Nonnull call)(void *context, int64_t function, int64_t *_Nonnull words);
  void *context;
} parpy_cuda_python;

// Results that the runtime tells apart.
enum {
  parpy_cuda_success = 0,
  parpy_cuda_invalid_value = 1,
  parpy_cuda_out_of_memory = 2,
  parpy_cuda_not_initialized = 3,
  parpy_cuda_deinitialized = 4,
  parpy_cuda_no_device = 100,
  parpy_cuda_no_binary_for_gpu = 209,
  parpy_cuda_unsupported_ptx_version = 222,
  parpy_cuda_illegal_address = 700,
  parpy_cuda_launch_out_of_resources = 701,
  parpy_cuda_launch_timeout = 702,
  parpy_cuda_cooperative_launch_too_large = 720,
  parpy_cuda_assert = 710,
  parpy_cuda_hardware_stack_error = 714,
  parpy_cuda_illegal_instruction = 715,
  parpy_cuda_misaligned_address = 716,
  parpy_cuda_invalid_address_space = 717,
  parpy_cuda_invalid_pc = 718,
  parpy_cuda_launch_failed = 719,
  parpy_cuda_system_not_ready = 802,
  // What is about streams that are captured: from the first on.
  parpy_cuda_capture_unsupported = 900,
  parpy_cuda_capture_implicit = 906,
  parpy_cuda_capture_wrong_thread = 908,
};

// Attributes of devices.
enum {
  parpy_cuda_multiprocessor_count = 16,
  parpy_cuda_compute_major = 75,
  parpy_cuda_compute_minor = 76,
  parpy_cuda_cooperative_launch = 95,
  parpy_cuda_memory_pools = 115,
  parpy_cuda_cluster_launch = 120,
};

// Attributes of functions, pools, pointers and launches; flags.
enum {
  parpy_cuda_function_dynamic_shared_bytes = 8,
  parpy_cuda_function_cluster_width = 11,
  parpy_cuda_function_allows_large_clusters = 14,
  parpy_cuda_pool_release_threshold = 4,
  parpy_cuda_pointer_memory_type = 2,
  parpy_cuda_pointer_device = 9,
  parpy_cuda_memory_on_host = 1,
  parpy_cuda_memory_on_device = 2,
  parpy_cuda_launch_cooperative = 2,
  parpy_cuda_allocation_pinned = 1,
  parpy_cuda_location_device = 1,
  parpy_cuda_host_memory_portable = 1,
  parpy_cuda_event_no_timing = 2,
  // Whether a stream is captured, and which calls a thread may make meanwhile.
  parpy_cuda_capture_none = 0,
  parpy_cuda_capture_relaxed = 2,
};

// What kind of memory a pool hands out.
typedef struct parpy_cuda_pool_properties {
  int32_t allocation;
  int32_t handles;
  int32_t location;
  int32_t location_number;
  void *security;
  uint8_t reserved[64];
} parpy_cuda_pool_properties;

// One property of a launch: 64 bytes, of which a cooperative launch takes one number.
typedef struct parpy_cuda_launch_attribute {
  int32_t name;
  int32_t padding;
  uint32_t value[16];
} parpy_cuda_launch_attribute;

typedef struct parpy_cuda_launch_configuration {
  uint32_t blocks_x, blocks_y, blocks_z;
  uint32_t threads_x, threads_y, threads_z;
  uint32_t shared_bytes;
  parpy_cuda_stream stream;
  const parpy_cuda_launch_attribute *attributes;
  uint32_t attribute_count;
} parpy_cuda_launch_configuration;

// A kernel as a node of a graph; `arguments` points to one pointer for each parameter.
typedef struct parpy_cuda_kernel_node {
  parpy_cuda_function function;
  uint32_t blocks_x, blocks_y, blocks_z;
  uint32_t threads_x, threads_y, threads_z;
  uint32_t shared_bytes;
  void **arguments;
  void **extra;
  void *kernel;
  parpy_cuda_context context;
} parpy_cuda_kernel_node;

// Rows of bytes that lie `pitch` bytes apart, on both sides of a copy.
typedef struct parpy_cuda_rectangle {
  size_t source_x, source_y;
  int32_t source_kind;
  const void *source_host;
  parpy_cuda_address source_device;
  void *source_array;
  size_t source_pitch;
  size_t target_x, target_y;
  int32_t target_kind;
  void *target_host;
  parpy_cuda_address target_device;
  void *target_array;
  size_t target_pitch;
  size_t width, height;
} parpy_cuda_rectangle;

// ---- The driver ----

typedef struct parpy_cuda_driver {
  parpy_cuda_result (*_Nonnull initialize)(uint32_t flags);
  parpy_cuda_result (*_Nonnull driver_version)(int32_t *version);
  parpy_cuda_result (*_Nonnull error_name)(parpy_cuda_result, const char **name);
  parpy_cuda_result (*_Nonnull error_text)(parpy_cuda_result, const char **text);

  parpy_cuda_result (*_Nonnull device_count)(int32_t *count);
  parpy_cuda_result (*_Nonnull device)(parpy_cuda_device *, int32_t ordinal);
  parpy_cuda_result (*_Nonnull device_name)(char *name, int32_t capacity, parpy_cuda_device);
  parpy_cuda_result (*_Nonnull device_memory)(size_t *bytes, parpy_cuda_device);
  parpy_cuda_result (*_Nonnull device_attribute)(int32_t *value, int32_t name, parpy_cuda_device);
  parpy_cuda_result (*_Nonnull retain_context)(parpy_cuda_context *, parpy_cuda_device);
  parpy_cuda_result (*_Nonnull set_context)(parpy_cuda_context);
  parpy_cuda_result (*_Nonnull current_context)(parpy_cuda_context *);
  parpy_cuda_result (*_Nonnull current_device)(parpy_cuda_device *);

  parpy_cuda_result (*_Nonnull load_module)(parpy_cuda_module *, const void *image, uint32_t option_count,
                                            int32_t *options, void **values);
  parpy_cuda_result (*_Nonnull unload_module)(parpy_cuda_module);
  parpy_cuda_result (*_Nonnull module_function)(parpy_cuda_function *, parpy_cuda_module, const char *name);
  parpy_cuda_result (*_Nonnull function_attribute)(int32_t *value, int32_t name, parpy_cuda_function);
  parpy_cuda_result (*_Nonnull set_function_attribute)(parpy_cuda_function, int32_t name, int32_t value);
  parpy_cuda_result (*_Nonnull occupancy)(int32_t *blocks, parpy_cuda_function, int32_t threads,
                                          size_t shared_bytes);
  parpy_cuda_result (*_Nonnull launch)(parpy_cuda_function, uint32_t blocks_x, uint32_t blocks_y,
                                       uint32_t blocks_z, uint32_t threads_x, uint32_t threads_y,
                                       uint32_t threads_z, uint32_t shared_bytes, parpy_cuda_stream,
                                       void **arguments, void **extra);
  parpy_cuda_result (*_Nonnull launch_configured)(const parpy_cuda_launch_configuration *,
                                                  parpy_cuda_function, void **arguments, void **extra);

  parpy_cuda_result (*_Nonnull memory_info)(size_t *free, size_t *total);
  parpy_cuda_result (*_Nonnull allocate)(parpy_cuda_address *, size_t bytes);
  parpy_cuda_result (*_Nonnull free)(parpy_cuda_address);
  parpy_cuda_result (*_Nonnull create_pool)(parpy_cuda_pool *, const parpy_cuda_pool_properties *);
  parpy_cuda_result (*_Nonnull set_pool_attribute)(parpy_cuda_pool, int32_t name, void *value);
  parpy_cuda_result (*_Nonnull trim_pool)(parpy_cuda_pool, size_t bytes_to_keep);
  parpy_cuda_result (*_Nonnull allocate_from_pool)(parpy_cuda_address *, size_t bytes, parpy_cuda_pool,
                                                   parpy_cuda_stream);
  parpy_cuda_result (*_Nonnull free_in_order)(parpy_cuda_address, parpy_cuda_stream);
  parpy_cuda_result (*_Nonnull allocate_host)(void **, size_t bytes, uint32_t flags);
  parpy_cuda_result (*_Nonnull free_host)(void *);
  parpy_cuda_result (*_Nonnull copy_in)(parpy_cuda_address to, const void *from, size_t bytes,
                                        parpy_cuda_stream);
  parpy_cuda_result (*_Nonnull copy_out)(void *to, parpy_cuda_address from, size_t bytes,
                                         parpy_cuda_stream);
  parpy_cuda_result (*_Nonnull copy)(parpy_cuda_address to, parpy_cuda_address from, size_t bytes,
                                     parpy_cuda_stream);
  parpy_cuda_result (*_Nonnull copy_rectangle)(const parpy_cuda_rectangle *, parpy_cuda_stream);
  parpy_cuda_result (*_Nonnull fill)(parpy_cuda_address, uint8_t byte, size_t bytes, parpy_cuda_stream);
  parpy_cuda_result (*_Nonnull pointer_attributes)(uint32_t count, int32_t *names, void **values,
                                                   parpy_cuda_address);

  parpy_cuda_result (*_Nonnull create_stream)(parpy_cuda_stream *, uint32_t flags);
  parpy_cuda_result (*_Nonnull destroy_stream)(parpy_cuda_stream);
  parpy_cuda_result (*_Nonnull synchronize_stream)(parpy_cuda_stream);
  parpy_cuda_result (*_Nonnull capture_status)(parpy_cuda_stream, int32_t *status);
  parpy_cuda_result (*_Nonnull exchange_capture_mode)(int32_t *mode);
  parpy_cuda_result (*_Nonnull wait_for_event)(parpy_cuda_stream, parpy_cuda_event, uint32_t flags);
  parpy_cuda_result (*_Nonnull create_event)(parpy_cuda_event *, uint32_t flags);
  parpy_cuda_result (*_Nonnull destroy_event)(parpy_cuda_event);
  parpy_cuda_result (*_Nonnull record_event)(parpy_cuda_event, parpy_cuda_stream);
  parpy_cuda_result (*_Nonnull synchronize_context)(void);

  parpy_cuda_result (*_Nonnull create_graph)(parpy_cuda_graph *, uint32_t flags);
  parpy_cuda_result (*_Nonnull destroy_graph)(parpy_cuda_graph);
  parpy_cuda_result (*_Nonnull add_kernel_node)(parpy_cuda_graph_node *, parpy_cuda_graph,
                                                const parpy_cuda_graph_node *dependencies,
                                                size_t dependency_count, const parpy_cuda_kernel_node *);
  parpy_cuda_result (*_Nonnull instantiate_graph)(parpy_cuda_graph_exec *, parpy_cuda_graph,
                                                  uint64_t flags);
  parpy_cuda_result (*_Nonnull update_kernel_node)(parpy_cuda_graph_exec, parpy_cuda_graph_node,
                                                   const parpy_cuda_kernel_node *);
  parpy_cuda_result (*_Nonnull launch_graph)(parpy_cuda_graph_exec, parpy_cuda_stream);
  parpy_cuda_result (*_Nonnull destroy_graph_exec)(parpy_cuda_graph_exec);
} parpy_cuda_driver;

// ---- NVRTC ----

typedef struct parpy_nvrtc_program_state *parpy_nvrtc_program;

typedef struct parpy_nvrtc {
  int32_t (*_Nonnull version)(int32_t *major, int32_t *minor);
  const char *(*_Nonnull error_text)(int32_t);
  int32_t (*_Nonnull architecture_count)(int32_t *);
  int32_t (*_Nonnull architectures)(int32_t *);
  int32_t (*_Nonnull create_program)(parpy_nvrtc_program *, const char *text, const char *name,
                                     int32_t header_count, const char *const *headers,
                                     const char *const *names);
  int32_t (*_Nonnull destroy_program)(parpy_nvrtc_program *);
  int32_t (*_Nonnull compile)(parpy_nvrtc_program, int32_t option_count, const char *const *options);
  int32_t (*_Nonnull log_size)(parpy_nvrtc_program, size_t *);
  int32_t (*_Nonnull log)(parpy_nvrtc_program, char *);
  int32_t (*_Nonnull cubin_size)(parpy_nvrtc_program, size_t *);
  int32_t (*_Nonnull cubin)(parpy_nvrtc_program, char *);
  int32_t (*_Nonnull ptx_size)(parpy_nvrtc_program, size_t *);
  int32_t (*_Nonnull ptx)(parpy_nvrtc_program, char *);
} parpy_nvrtc;

#if defined(__clang__)
#pragma clang diagnostic pop
#endif

#endif
