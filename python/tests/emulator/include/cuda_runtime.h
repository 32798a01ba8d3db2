// CUDA's runtime for host code that the emulated nvcc compiles, by way of the emulated driver. Included before the text.
#ifndef PARPY_EMULATOR_RUNTIME_H
#define PARPY_EMULATOR_RUNTIME_H

typedef __SIZE_TYPE__ size_t;

typedef struct CUstream_st *cudaStream_t;
typedef struct CUevent_st *cudaEvent_t;
enum { cudaEventDisableTiming = 2 };
enum cudaError_t { cudaSuccess = 0, cudaErrorMemoryAllocation = 2, cudaErrorLaunchFailure = 719 };
enum cudaFuncAttribute { cudaFuncAttributeNonPortableClusterSizeAllowed = 14 };
enum cudaMemcpyKind {
  cudaMemcpyHostToHost,
  cudaMemcpyHostToDevice,
  cudaMemcpyDeviceToHost,
  cudaMemcpyDeviceToDevice
};

// The kernels see what host code calls, and do not call it.
#ifdef EMULATOR_FOR_KERNELS
#define EMULATOR_DRIVER(name, ...) \
  inline int name(__VA_ARGS__) { return 0; }
#else
#define EMULATOR_DRIVER(name, ...) extern "C" int name(__VA_ARGS__);
#endif
EMULATOR_DRIVER(cuMemAlloc_v2, unsigned long long *, size_t)
EMULATOR_DRIVER(cuMemFree_v2, unsigned long long)
EMULATOR_DRIVER(cuMemcpyHtoDAsync_v2, unsigned long long, const void *, size_t, cudaStream_t)
EMULATOR_DRIVER(cuMemcpyDtoHAsync_v2, void *, unsigned long long, size_t, cudaStream_t)
EMULATOR_DRIVER(cuMemcpyDtoDAsync_v2, unsigned long long, unsigned long long, size_t, cudaStream_t)
EMULATOR_DRIVER(cuStreamSynchronize, cudaStream_t)
EMULATOR_DRIVER(cuStreamWaitEvent, cudaStream_t, cudaEvent_t, unsigned)
EMULATOR_DRIVER(cuEventCreate, cudaEvent_t *, unsigned)
EMULATOR_DRIVER(cuEventRecord, cudaEvent_t, cudaStream_t)
EMULATOR_DRIVER(cuEventDestroy_v2, cudaEvent_t)
EMULATOR_DRIVER(cuModuleLoadDataEx, void **, const void *, unsigned, void *, void *)
EMULATOR_DRIVER(cuModuleGetFunction, void **, void *, const char *)
EMULATOR_DRIVER(cuFuncSetAttribute, void *, int, int)
EMULATOR_DRIVER(cuLaunchKernel, void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                cudaStream_t, void **, void **)

// The kernels, as the emulated NVRTC compiled them; `nvcc.py` puts them there.
extern "C" const char emulator_image[] __attribute__((visibility("hidden")));

inline cudaError_t emulator_error = cudaSuccess;

inline cudaError_t emulator_noted(int result, cudaError_t error = cudaErrorLaunchFailure) {
  if (result != 0) emulator_error = error;
  return result == 0 ? cudaSuccess : error;
}

inline cudaError_t cudaGetLastError() {
  const cudaError_t error = emulator_error;
  emulator_error = cudaSuccess;
  return error;
}

inline cudaError_t cudaMallocAsync(void **memory, size_t bytes, cudaStream_t) {
  return emulator_noted(cuMemAlloc_v2((unsigned long long *)memory, bytes), cudaErrorMemoryAllocation);
}
inline cudaError_t cudaFreeAsync(void *memory, cudaStream_t) {
  return emulator_noted(cuMemFree_v2((unsigned long long)memory));
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t stream) { return emulator_noted(cuStreamSynchronize(stream)); }
inline cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags) {
  return emulator_noted(cuStreamWaitEvent(stream, event, flags));
}
inline cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags) {
  return emulator_noted(cuEventCreate(event, flags));
}
inline cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return emulator_noted(cuEventRecord(event, stream));
}
inline cudaError_t cudaEventDestroy(cudaEvent_t event) { return emulator_noted(cuEventDestroy_v2(event)); }
inline cudaError_t cudaMemcpyAsync(void *target, const void *source, size_t bytes, cudaMemcpyKind kind,
                                   cudaStream_t stream) {
  const auto to = (unsigned long long)target, from = (unsigned long long)source;
  if (kind == cudaMemcpyHostToDevice) return emulator_noted(cuMemcpyHtoDAsync_v2(to, source, bytes, stream));
  if (kind == cudaMemcpyDeviceToHost) return emulator_noted(cuMemcpyDtoHAsync_v2(target, from, bytes, stream));
  if (kind == cudaMemcpyDeviceToDevice) return emulator_noted(cuMemcpyDtoDAsync_v2(to, from, bytes, stream));
  __builtin_memcpy(target, source, bytes);
  return cudaSuccess;
}
inline cudaError_t cudaMemcpy(void *target, const void *source, size_t bytes, cudaMemcpyKind kind) {
  return cudaMemcpyAsync(target, source, bytes, kind, nullptr);
}

// ---- Launches: `kernel<<<grid, block, shared, stream>>>(…)` reads `emulator_configured(kernel, "kernel", …)(…)` ----

// Null where there is none.
inline void *emulator_function(const char *name) {
  static void *module = nullptr;
  void *function = nullptr;
  if (!module && emulator_noted(cuModuleLoadDataEx(&module, emulator_image, 0, nullptr, nullptr)) != 0) return nullptr;
  return emulator_noted(cuModuleGetFunction(&function, module, name)) == 0 ? function : nullptr;
}

// `cudaFuncSetAttribute((const void *)kernel, …)` reads `emulator_set_attribute("kernel", …)`.
inline cudaError_t emulator_set_attribute(const char *name, cudaFuncAttribute attribute, int value) {
  return emulator_noted(cuFuncSetAttribute(emulator_function(name), attribute, value));
}

template <class... P> struct EmulatorLaunch {
  const char *name;
  dim3 grid, block;
  cudaStream_t stream;

  void operator()(P... arguments) const {
    void *const function = emulator_function(name);
    if (function == nullptr) return;
    void *table[] = {(void *)&arguments..., nullptr};
    emulator_noted(cuLaunchKernel(function, grid.x, grid.y, grid.z, block.x, block.y, block.z, 0, stream, table,
                                  nullptr));
  }
};

template <class... P>
EmulatorLaunch<P...> emulator_configured(void (*)(P...), const char *name, dim3 grid, dim3 block, size_t = 0,
                                         cudaStream_t stream = nullptr) {
  return {name, grid, block, stream};
}

#endif
