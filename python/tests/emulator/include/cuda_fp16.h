// float16 as CUDA's header of this name has it, as far as emitted text uses it.
#ifndef PARPY_EMULATOR_FP16_H
#define PARPY_EMULATOR_FP16_H

struct __half {
  unsigned short bits;
};

// Round to nearest, ties to even; every NaN becomes 0x7fff.
EMULATOR_HIDDEN unsigned short emulator_half_of(double);
EMULATOR_HIDDEN float emulator_float_of_half(unsigned short);

inline __half __ushort_as_half(unsigned short bits) { return {bits}; }
inline unsigned short __half_as_ushort(__half x) { return x.bits; }
inline float __half2float(__half x) { return emulator_float_of_half(x.bits); }
inline __half __float2half_rn(float x) { return {emulator_half_of(x)}; }
inline __half __float2half(float x) { return {emulator_half_of(x)}; }
inline __half __double2half(double x) { return {emulator_half_of(x)}; }

#endif
