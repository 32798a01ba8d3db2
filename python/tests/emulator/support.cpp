// What every module of kernels is linked with: compiled once, so that the kernels alone are compiled later.
#include "include/emulator.h"

EmulatorPlace emulator_place;
const EmulatorServices *emulator_services;

// The linker defines these where a module has such a section.
extern "C" {
extern char __start_parpy_shared[] __attribute__((weak, visibility("hidden")));
extern char __stop_parpy_shared[] __attribute__((weak, visibility("hidden")));
__attribute__((visibility("default"))) extern const EmulatorModule emulator_module;
const EmulatorModule emulator_module = {&emulator_place, &emulator_services, __start_parpy_shared,
                                        __stop_parpy_shared};
}

void emulator_together(EmulatorTogether kind, unsigned mask, unsigned source, const void *value, void *result,
                       unsigned long size, int line) {
  const EmulatorPart part = {kind, mask, source, value, result, size, line};
  emulator_services->together(&part);
}

// ---- 16-bit floats ----

namespace {

// The nearest number with `fraction` bits behind the point and exponents from `least` on, as bits; ties to even.
unsigned short rounded(double x, int fraction, int exponentBits) {
  const unsigned long long bits = __builtin_bit_cast(unsigned long long, x);
  const unsigned sign = (unsigned)(bits >> 63) << 15;
  const unsigned infinity = ((1u << exponentBits) - 1) << fraction;
  if (x != x) return 0x7fff;
  const int bias = (1 << (exponentBits - 1)) - 1;
  const int exponent = (int)((bits >> 52) & 0x7ff) - 1023;
  if (exponent > bias) return (unsigned short)(sign | infinity);
  // Denormal doubles are far below half of the least number.
  if (exponent < 1 - bias - fraction - 1) return (unsigned short)sign;
  const unsigned long long mantissa = (bits & 0xfffffffffffffull) | 1ull << 52;
  const bool isNormal = exponent >= 1 - bias;
  const int drop = 52 - fraction + (isNormal ? 0 : 1 - bias - exponent);
  unsigned long long kept = mantissa >> drop;
  const unsigned long long rest = mantissa & ((1ull << drop) - 1), half = 1ull << (drop - 1);
  if (rest > half || (rest == half && (kept & 1))) kept += 1;
  // A carry runs into the exponent by itself, up to infinity.
  const unsigned long long base = isNormal ? (unsigned long long)(exponent + bias - 1) << fraction : 0;
  return (unsigned short)(sign | (unsigned)(base + kept));
}

}  // namespace

unsigned short emulator_half_of(double x) { return rounded(x, 10, 5); }
unsigned short emulator_bfloat16_of(double x) { return rounded(x, 7, 8); }

float emulator_float_of_half(unsigned short bits) {
  const unsigned sign = (unsigned)(bits & 0x8000) << 16;
  const unsigned exponent = (bits >> 10) & 0x1f, mantissa = bits & 0x3ff;
  if (exponent == 0x1f) return __uint_as_float(sign | 0x7f800000u | mantissa << 13);
  if (exponent > 0) return __uint_as_float(sign | (exponent + 112) << 23 | mantissa << 13);
  const float size = (float)mantissa * (1.0f / 16777216.0f);
  return sign ? -size : size;
}

// ---- Undefined behaviour ----

// Where the compiler puts what it tests (the runtime of UndefinedBehaviorSanitizer; the first part of each handler's data).
struct EmulatorSource {
  const char *file;
  unsigned line, column;
};

#define EMULATOR_UNDEFINED(name, what)                                                      \
  extern "C" EMULATOR_HIDDEN void __ubsan_handle_##name(const EmulatorSource *source) {     \
    emulator_services->fault(what, (int)source->line);                                      \
  }

EMULATOR_UNDEFINED(add_overflow_abort, "a signed sum overflows")
EMULATOR_UNDEFINED(sub_overflow_abort, "a signed difference overflows")
EMULATOR_UNDEFINED(mul_overflow_abort, "a signed product overflows")
EMULATOR_UNDEFINED(negate_overflow_abort, "a negation overflows")
EMULATOR_UNDEFINED(divrem_overflow_abort, "an integer division by zero, or one that overflows")
EMULATOR_UNDEFINED(shift_out_of_bounds_abort, "a shift by a negative number, or by the width or more")
EMULATOR_UNDEFINED(out_of_bounds_abort, "an index out of a fixed-size array")
EMULATOR_UNDEFINED(float_cast_overflow_abort, "a float that does not fit is made an integer")
EMULATOR_UNDEFINED(type_mismatch_v1_abort, "a misaligned or null address")
EMULATOR_UNDEFINED(load_invalid_value_abort, "a bool that is neither true nor false")
EMULATOR_UNDEFINED(builtin_unreachable, "unreachable code is reached")
EMULATOR_UNDEFINED(missing_return, "a function ends without its value")

// ---- Accesses ----

// What the compiler calls before accesses (the runtime of ThreadSanitizer). Of the two names of an access of several bytes one is
// for places that the compiler knows not to be aligned; a volatile access is how emitted text begins an atomic one.
#define EMULATOR_ACCESS(name, size, kind)                                                               \
  extern "C" EMULATOR_HIDDEN void __tsan_##name(const void *place) {                                    \
    if ((unsigned long)place % size != 0) emulator_services->fault("a misaligned access", 0);           \
    emulator_services->access(place, size, EmulatorAccess::kind);                                       \
  }                                                                                                     \
  extern "C" EMULATOR_HIDDEN void __tsan_unaligned_##name(const void *place) {                          \
    emulator_services->access(place, size, EmulatorAccess::kind);                                       \
  }
#define EMULATOR_ACCESSES(size)                   \
  EMULATOR_ACCESS(read##size, size, read)              \
  EMULATOR_ACCESS(write##size, size, write)            \
  EMULATOR_ACCESS(read_write##size, size, write)       \
  EMULATOR_ACCESS(volatile_read##size, size, atomic)   \
  EMULATOR_ACCESS(volatile_write##size, size, atomic)

EMULATOR_ACCESSES(1)
EMULATOR_ACCESSES(2)
EMULATOR_ACCESSES(4)
EMULATOR_ACCESSES(8)
EMULATOR_ACCESSES(16)

extern "C" EMULATOR_HIDDEN void __tsan_init() {}
