// CUDA C++ for a C++ compiler: what NVRTC declares by itself. Included before the text of the kernels.
//
// There are no headers of the system's here: they take longer to read than the kernels.
#ifndef PARPY_EMULATOR_H
#define PARPY_EMULATOR_H

#include "services.h"

#define EMULATOR_HIDDEN __attribute__((visibility("hidden")))

// ---- Qualifiers ----

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __cluster_dims__(...)
// A section of their own: the emulator knows where they are. `used` tells the optimiser that others know them.
#define __shared__ __attribute__((section("parpy_shared"), used)) static

// ---- Where a lane is ----

typedef EmulatorIndex uint3;
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

EMULATOR_HIDDEN extern EmulatorPlace emulator_place;
EMULATOR_HIDDEN extern const EmulatorServices *emulator_services;

#define threadIdx (emulator_place.thread)
#define blockIdx (emulator_place.block)
#define blockDim (emulator_place.threads)
#define gridDim (emulator_place.blocks)
#define warpSize 32

inline unsigned emulator_lane() {
  return (threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) % 32;
}

// ---- Types ----

struct float2 {
  float x, y;
};

// Of a copy of 16 bytes as a whole the compiler says nothing: it splits that or calls memcpy.
extern "C" EMULATOR_HIDDEN void __tsan_read16(const void *place);
extern "C" EMULATOR_HIDDEN void __tsan_write16(const void *place);

template <class T> struct alignas(16) EmulatorPair {
  T x, y;
  EmulatorPair() = default;
  EmulatorPair(T x, T y) : x(x), y(y) {}
  EmulatorPair(const EmulatorPair &other) { copy(other); }
  EmulatorPair &operator=(const EmulatorPair &other) {
    __tsan_write16(this);
    return copy(other);
  }

 private:
  EmulatorPair &copy(const EmulatorPair &other) {
    __tsan_read16(&other);
    x = other.x, y = other.y;
    return *this;
  }
};
typedef EmulatorPair<double> double2;
typedef EmulatorPair<long long> longlong2;
typedef EmulatorPair<unsigned long long> ulonglong2;

template <class T> struct alignas(16) EmulatorQuadruple {
  T x, y, z, w;
  EmulatorQuadruple() = default;
  EmulatorQuadruple(T x, T y, T z, T w) : x(x), y(y), z(z), w(w) {}
  EmulatorQuadruple(const EmulatorQuadruple &other) { copy(other); }
  EmulatorQuadruple &operator=(const EmulatorQuadruple &other) {
    __tsan_write16(this);
    return copy(other);
  }

 private:
  EmulatorQuadruple &copy(const EmulatorQuadruple &other) {
    __tsan_read16(&other);
    x = other.x, y = other.y, z = other.z, w = other.w;
    return *this;
  }
};
typedef EmulatorQuadruple<float> float4;
typedef EmulatorQuadruple<int> int4;
typedef EmulatorQuadruple<unsigned> uint4;

inline double2 make_double2(double x, double y) { return {x, y}; }
inline longlong2 make_longlong2(long long x, long long y) { return {x, y}; }
inline ulonglong2 make_ulonglong2(unsigned long long x, unsigned long long y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

inline float __fmul_rn(float a, float b) { return a * b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline float __double2float_rn(double a) { return (float)a; }
inline float __int_as_float(int bits) { return __builtin_bit_cast(float, bits); }
inline float __uint_as_float(unsigned bits) { return __builtin_bit_cast(float, bits); }
inline int __float_as_int(float x) { return __builtin_bit_cast(int, x); }
inline unsigned __float_as_uint(float x) { return __builtin_bit_cast(unsigned, x); }
inline double __longlong_as_double(long long bits) { return __builtin_bit_cast(double, bits); }
inline long long __double_as_longlong(double x) { return __builtin_bit_cast(long long, x); }

// ---- Waiting ----

inline void __syncthreads(int line = __builtin_LINE()) { emulator_services->barrier(line, allMemory); }
inline void __threadfence() {}
inline void __threadfence_block() {}

inline void __cluster_barrier_arrive(int line = __builtin_LINE()) { emulator_services->arriveAtCluster(line); }
inline void __cluster_barrier_wait(int line = __builtin_LINE()) { emulator_services->waitForCluster(line); }
template <class T> inline T *__cluster_map_shared_rank(T *place, unsigned rank, int line = __builtin_LINE()) {
  return (T *)emulator_services->sharedOfRank((const void *)place, rank, line);
}

// The lanes of `mask` give a value each, or wait for each other.
EMULATOR_HIDDEN void emulator_together(EmulatorTogether, unsigned mask, unsigned source, const void *value,
                                       void *result, unsigned long size, int line);

inline void __syncwarp(unsigned mask = 0xffffffffu, int line = __builtin_LINE()) {
  emulator_together(EmulatorTogether::wait, mask, 0, nullptr, nullptr, 0, line);
}

template <class T> inline T emulator_shuffle(unsigned mask, const T &value, unsigned source, int line) {
  T result;
  emulator_together(EmulatorTogether::shuffle, mask, source, &value, &result, sizeof(T), line);
  return result;
}

// A lane gives its own value where the other is in another part of the warp (CUDA C++ Programming Guide, warp shuffles).
template <class T>
inline T __shfl_sync(unsigned mask, T value, int source, int width = 32, int line = __builtin_LINE()) {
  const unsigned first = emulator_lane() & ~(unsigned)(width - 1);
  return emulator_shuffle(mask, value, first + ((unsigned)source & (unsigned)(width - 1)), line);
}
template <class T>
inline T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, int line = __builtin_LINE()) {
  const unsigned lane = emulator_lane(), within = lane & (unsigned)(width - 1);
  return emulator_shuffle(mask, value, within >= delta ? lane - delta : lane, line);
}
template <class T>
inline T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, int line = __builtin_LINE()) {
  const unsigned lane = emulator_lane(), within = lane & (unsigned)(width - 1);
  return emulator_shuffle(mask, value, within + delta < (unsigned)width ? lane + delta : lane, line);
}
template <class T>
inline T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, int line = __builtin_LINE()) {
  const unsigned lane = emulator_lane(), other = lane ^ (unsigned)bits;
  const bool isOwn = other / (unsigned)width > lane / (unsigned)width;
  return emulator_shuffle(mask, value, isOwn ? lane : other, line);
}

inline unsigned __ballot_sync(unsigned mask, int predicate, int line = __builtin_LINE()) {
  unsigned result;
  emulator_together(EmulatorTogether::ballot, mask, 0, &predicate, &result, sizeof(int), line);
  return result;
}
inline int __any_sync(unsigned mask, int predicate, int line = __builtin_LINE()) {
  return __ballot_sync(mask, predicate, line) != 0;
}
inline int __all_sync(unsigned mask, int predicate, int line = __builtin_LINE()) {
  return __ballot_sync(mask, !predicate, line) == 0;
}

// ---- Atomics ----

// One lane runs at a time, and another goes on only where it is let: nothing here need be atomic, nor watched.
#define EMULATOR_UNWATCHED __attribute__((no_sanitize("thread")))

template <class T> struct EmulatorCell {
  typedef T __attribute__((may_alias)) type;
};

#define EMULATOR_ATOMIC(name, T, expression)          \
  EMULATOR_UNWATCHED inline T name(T *place, T value) {                  \
    emulator_services->access(place, sizeof(T), EmulatorAccess::atomic); \
    auto *cell = (EmulatorCell<T>::type *)place;      \
    const T former = *cell;                           \
    *cell = (expression);                             \
    return former;                                    \
  }

EMULATOR_ATOMIC(atomicAdd, int, (int)((unsigned)former + (unsigned)value))
EMULATOR_ATOMIC(atomicAdd, unsigned, former + value)
EMULATOR_ATOMIC(atomicAdd, unsigned long long, former + value)
EMULATOR_ATOMIC(atomicAdd, float, former + value)
EMULATOR_ATOMIC(atomicAdd, double, former + value)

#define EMULATOR_ATOMICS(T)                                                     \
  EMULATOR_ATOMIC(atomicMin, T, value < former ? value : former)                \
  EMULATOR_ATOMIC(atomicMax, T, value > former ? value : former)                \
  EMULATOR_ATOMIC(atomicAnd, T, former & value)                                 \
  EMULATOR_ATOMIC(atomicOr, T, former | value)                                  \
  EMULATOR_ATOMIC(atomicXor, T, former ^ value)                                 \
  EMULATOR_ATOMIC(atomicExch, T, value)                                         \
  EMULATOR_UNWATCHED inline T atomicCAS(T *place, T expected, T value) {        \
    emulator_services->access(place, sizeof(T), EmulatorAccess::atomic);        \
    auto *cell = (EmulatorCell<T>::type *)place;                                \
    const T former = *cell;                                                     \
    if (former == expected) *cell = value;                                      \
    return former;                                                              \
  }

EMULATOR_ATOMICS(int)
EMULATOR_ATOMICS(unsigned)
EMULATOR_ATOMICS(unsigned long long)

// ---- Math ----

#define EMULATOR_UNARY(name) \
  double name(double);       \
  float name##f(float);
#define EMULATOR_BINARY(name)   \
  double name(double, double);  \
  float name##f(float, float);

extern "C" {
EMULATOR_UNARY(sqrt)
EMULATOR_UNARY(cbrt)
EMULATOR_UNARY(exp)
EMULATOR_UNARY(exp2)
EMULATOR_UNARY(expm1)
EMULATOR_UNARY(log)
EMULATOR_UNARY(log2)
EMULATOR_UNARY(log10)
EMULATOR_UNARY(log1p)
EMULATOR_UNARY(sin)
EMULATOR_UNARY(cos)
EMULATOR_UNARY(tan)
EMULATOR_UNARY(asin)
EMULATOR_UNARY(acos)
EMULATOR_UNARY(atan)
EMULATOR_UNARY(sinh)
EMULATOR_UNARY(cosh)
EMULATOR_UNARY(tanh)
EMULATOR_UNARY(erf)
EMULATOR_UNARY(erfc)
EMULATOR_UNARY(tgamma)
EMULATOR_UNARY(lgamma)
EMULATOR_UNARY(floor)
EMULATOR_UNARY(ceil)
EMULATOR_UNARY(trunc)
EMULATOR_UNARY(rint)
EMULATOR_UNARY(round)
EMULATOR_UNARY(fabs)
EMULATOR_BINARY(atan2)
EMULATOR_BINARY(fmod)
EMULATOR_BINARY(hypot)
EMULATOR_BINARY(copysign)
EMULATOR_BINARY(pow)
EMULATOR_BINARY(fmin)
EMULATOR_BINARY(fmax)
}

inline bool isnan(float x) { return __builtin_isnan(x); }
inline bool isnan(double x) { return __builtin_isnan(x); }
inline bool isinf(float x) { return __builtin_isinf(x); }
inline bool isinf(double x) { return __builtin_isinf(x); }
inline bool isfinite(float x) { return __builtin_isfinite(x); }
inline bool isfinite(double x) { return __builtin_isfinite(x); }

// ---- Kernels by name ----

template <class T> struct EmulatorIsPointer {
  static constexpr bool value = false;
};
template <class T> struct EmulatorIsPointer<T *> {
  static constexpr bool value = true;
};

struct EmulatorInvoke {
  template <class... P> EmulatorInvoke(void (*kernel)(P...), P... arguments) { kernel(arguments...); }
};

template <auto kernel> struct EmulatorKernelOf;
template <class... P, void (*kernel)(P...)> struct EmulatorKernelOf<kernel> {
  // Braces evaluate from left to right.
  static void call(void **arguments) {
    (void)arguments;
    EmulatorInvoke{kernel, *(P *)*arguments++...};
  }
  static constexpr EmulatorParameter parameters[] = {{sizeof(P), EmulatorIsPointer<P>::value}..., {0, false}};
  static constexpr unsigned long count = sizeof...(P);
};

// Written behind the text, once for each kernel in it.
#define EMULATOR_KERNEL(name, maximumThreads, clusterSize)                                           \
  extern "C" {                                                                                       \
  __attribute__((visibility("default"))) extern const EmulatorKernel emulator_kernel_##name;         \
  const EmulatorKernel emulator_kernel_##name = {EmulatorKernelOf<name>::call,                       \
                                                 EmulatorKernelOf<name>::parameters,                 \
                                                 EmulatorKernelOf<name>::count, maximumThreads,      \
                                                 clusterSize};                                       \
  }

#endif
