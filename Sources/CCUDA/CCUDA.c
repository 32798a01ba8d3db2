// For `dladdr`.
#define _GNU_SOURCE
#include "CCUDA.h"

#include <dlfcn.h>

const char *parpy_library_of(const void *address) {
  Dl_info found;
  return dladdr(address, &found) != 0 ? found.dli_fname : NULL;
}

// What the driver reads has a layout of its own.
_Static_assert(sizeof(parpy_cuda_pool_properties) == 88, "CUmemPoolProps");
_Static_assert(sizeof(parpy_cuda_launch_attribute) == 72, "CUlaunchAttribute");
_Static_assert(sizeof(parpy_cuda_launch_configuration) == 56, "CUlaunchConfig");
_Static_assert(sizeof(parpy_cuda_kernel_node) == 72, "CUDA_KERNEL_NODE_PARAMS_v2");
_Static_assert(sizeof(parpy_cuda_rectangle) == 128, "CUDA_MEMCPY2D");
