// What every module of kernels in the Metal Shading Language is linked with, beside support.cpp: Metal's library.
#include "include/emulator.h"
#include "include/cuda_bf16.h"
#include "include/cuda_fp16.h"

typedef unsigned uint2 __attribute__((ext_vector_type(2)));

// ---- Lanes together ----

namespace metal {
enum class mem_flags : unsigned {};

// Their bits are those of `EmulatorMemory`.
void threadgroup_barrier(mem_flags flags, int line) { emulator_services->barrier(line, static_cast<unsigned>(flags)); }

namespace {

template <class T> T shuffled(T value, unsigned offset, int line) {
  T result;
  emulator_together(EmulatorTogether::shuffle, 0xffffffffu, emulator_lane() ^ offset, &value, &result, sizeof(T), line);
  return result;
}

}  // namespace

int simd_shuffle_xor(int value, unsigned short offset, int line) { return shuffled(value, offset, line); }
unsigned simd_shuffle_xor(unsigned value, unsigned short offset, int line) { return shuffled(value, offset, line); }
float simd_shuffle_xor(float value, unsigned short offset, int line) { return shuffled(value, offset, line); }
uint2 simd_shuffle_xor(uint2 value, unsigned short offset, int line) { return shuffled(value, offset, line); }

// ---- Math ----

#define UNARY(name) \
  float name(float x) { return ::name##f(x); }
UNARY(sqrt) UNARY(exp) UNARY(exp2) UNARY(log) UNARY(log2) UNARY(log10)
UNARY(sin) UNARY(cos) UNARY(tan) UNARY(asin) UNARY(acos) UNARY(atan) UNARY(sinh) UNARY(cosh) UNARY(tanh)
UNARY(floor) UNARY(ceil) UNARY(trunc) UNARY(rint) UNARY(fabs)
#define BINARY(name) \
  float name(float x, float y) { return ::name##f(x, y); }
BINARY(atan2) BINARY(fmod) BINARY(copysign) BINARY(pow) BINARY(fmin) BINARY(fmax)
float fma(float x, float y, float z) { return __builtin_fmaf(x, y, z); }
bool isnan(float x) { return __builtin_isnan(x); }
bool isinf(float x) { return __builtin_isinf(x); }
bool isfinite(float x) { return __builtin_isfinite(x); }
}  // namespace metal

// ---- Atomics ----

namespace {

volatile unsigned &word(unsigned long place) {
  emulator_services->access((const void *)place, sizeof(unsigned), EmulatorAccess::atomic);
  return *(volatile unsigned *)place;
}

}  // namespace

unsigned emulator_atomic_load(unsigned long place) { return word(place); }

unsigned emulator_atomic_add(unsigned long place, unsigned value) {
  volatile unsigned &cell = word(place);
  const unsigned former = cell;
  cell = former + value;
  return former;
}

unsigned long emulator_atomic_exchange(unsigned long place, unsigned expected, unsigned wanted) {
  volatile unsigned &cell = word(place);
  const unsigned former = cell;
  // A weak exchange may fail for no reason: now and then it does.
  static unsigned count = 0;
  if (former != expected || ++count % 5 == 0) return former;
  cell = wanted;
  return 1ul << 32 | former;
}

// ---- 16-bit floats, where the processor has no instructions for them ----

typedef _Float16 Half;
typedef __bf16 BFloat16;

extern "C" {
EMULATOR_HIDDEN float __extendhfsf2(Half x) { return emulator_float_of_half(__builtin_bit_cast(unsigned short, x)); }
EMULATOR_HIDDEN Half __truncsfhf2(float x) { return __builtin_bit_cast(Half, emulator_half_of(x)); }
EMULATOR_HIDDEN BFloat16 __truncsfbf2(float x) { return __builtin_bit_cast(BFloat16, emulator_bfloat16_of(x)); }
}
