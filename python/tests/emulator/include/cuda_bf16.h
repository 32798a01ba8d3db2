// bfloat16 as CUDA's header of this name has it, as far as emitted text uses it.
#ifndef PARPY_EMULATOR_BF16_H
#define PARPY_EMULATOR_BF16_H

struct __nv_bfloat16 {
  unsigned short bits;
};

// Round to nearest, ties to even; every NaN becomes 0x7fff.
EMULATOR_HIDDEN unsigned short emulator_bfloat16_of(double);

inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short bits) { return {bits}; }
inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 x) { return x.bits; }
inline float __bfloat162float(__nv_bfloat16 x) { return __int_as_float((int)((unsigned)x.bits << 16)); }
inline __nv_bfloat16 __float2bfloat16_rn(float x) { return {emulator_bfloat16_of(x)}; }
inline __nv_bfloat16 __float2bfloat16(float x) { return {emulator_bfloat16_of(x)}; }
inline __nv_bfloat16 __double2bfloat16(double x) { return {emulator_bfloat16_of(x)}; }

#endif
