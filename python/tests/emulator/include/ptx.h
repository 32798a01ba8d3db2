// The instructions of PTX as functions of C++, for what `ptx.py` writes; included after `emulator.h`.
//
// Registers are words of 8 to 64 bits whatever is in them: an instruction says what it takes them for. Numbers and names are those of
// the PTX ISA, version 9.0.
#ifndef PARPY_EMULATOR_PTX_H
#define PARPY_EMULATOR_PTX_H

#include "cuda_bf16.h"
#include "cuda_fp16.h"

typedef signed char s8;
typedef unsigned char u8;
typedef short s16;
typedef unsigned short u16;
typedef int s32;
typedef unsigned u32;
typedef long s64;
typedef unsigned long u64;
typedef float f32;
typedef double f64;

// A parameter that is none of these types: a half.
template <int size> struct Structure {
  alignas(size < 8 ? size : 8) char bytes[size];
};

// Not watched by the compiler: it may read ahead of a condition what other lanes write, and leave the value. Writes are watched.
#define PTX_UNWATCHED __attribute__((no_sanitize("thread", "undefined")))
#define PTX inline __attribute__((always_inline)) PTX_UNWATCHED

template <class T> struct IsFloat { static constexpr bool value = false; };
template <> struct IsFloat<f32> { static constexpr bool value = true; };
template <> struct IsFloat<f64> { static constexpr bool value = true; };

template <int size> struct WordOf;
template <> struct WordOf<1> { typedef u8 type; };
template <> struct WordOf<2> { typedef u16 type; };
template <> struct WordOf<4> { typedef u32 type; };
template <> struct WordOf<8> { typedef u64 type; };

// A register or a number, as a value of type T.
template <class T, class R> PTX T as(R word) {
  if constexpr (IsFloat<T>::value && IsFloat<R>::value) {
    return (T)word;
  } else if constexpr (sizeof(T) == sizeof(R)) {
    return __builtin_bit_cast(T, word);
  } else {
    typedef typename WordOf<sizeof(T)>::type W;
    return __builtin_bit_cast(T, (W)(u64)word);
  }
}

// Writes a value into a register, which may have more bits: integers keep their sign.
template <class R, class T> PTX void put(R &to, T value) {
  if constexpr (sizeof(T) == sizeof(R)) {
    to = __builtin_bit_cast(R, value);
  } else if constexpr (IsFloat<T>::value) {
    to = (R)__builtin_bit_cast(typename WordOf<sizeof(T)>::type, value);
  } else {
    to = (R)value;
  }
}
PTX void put(bool &to, bool value) { to = value; }

template <class T> PTX T load(u64 place) {
  typedef T __attribute__((aligned(sizeof(T)), may_alias)) Cell;
  return *(const Cell *)place;
}
template <class T> PTX void store(u64 place, T value) {
  typedef T __attribute__((aligned(sizeof(T)), may_alias)) Cell;
  emulator_services->access((void *)place, sizeof(T), EmulatorAccess::write);
  *(Cell *)place = value;
}

// What other threads may use at the same time.
template <class T> PTX T loadAnew(u64 place) {
  typedef T __attribute__((aligned(sizeof(T)), may_alias)) Cell;
  emulator_services->access((void *)place, sizeof(T), EmulatorAccess::atomic);
  return *(const volatile Cell *)place;
}
template <class T> PTX void storeAtOnce(u64 place, T value) {
  typedef T __attribute__((aligned(sizeof(T)), may_alias)) Cell;
  emulator_services->access((void *)place, sizeof(T), EmulatorAccess::atomic);
  *(volatile Cell *)place = value;
}

extern "C" __attribute__((visibility("hidden"), weak)) char __start_parpy_shared[];
// Addresses in shared memory have 32 bits, and count from its start.
PTX u64 shared(u32 place) { return (u64)__start_parpy_shared + place; }
PTX u32 toShared(const void *place) { return (u32)((u64)place - (u64)__start_parpy_shared); }

// ---- Integers ----

template <class T> struct UnsignedOf { typedef typename WordOf<sizeof(T)>::type type; };
#define U typename UnsignedOf<T>::type

template <class T> PTX T add(T a, T b) {
  if constexpr (IsFloat<T>::value) return a + b;
  else return (T)((U)a + (U)b);
}
template <class T> PTX T sub(T a, T b) {
  if constexpr (IsFloat<T>::value) return a - b;
  else return (T)((U)a - (U)b);
}
template <class T> PTX T mul(T a, T b) {
  if constexpr (IsFloat<T>::value) return a * b;
  else return (T)((U)((u64)(U)a * (u64)(U)b));
}
template <class T> PTX T neg(T a) {
  if constexpr (IsFloat<T>::value) return -a;
  else return (T)(0 - (U)a);
}
template <class T> PTX T absolute(T a) {
  if constexpr (IsFloat<T>::value) return __builtin_bit_cast(T, (U)(__builtin_bit_cast(U, a) & (U)~((u64)1 << (sizeof(T) * 8 - 1))));
  else return a < 0 ? (T)(0 - (U)a) : a;
}
// The product of 32 bits, or of 64, with twice as many; its upper half.
template <class W, class T> PTX W wide(T a, T b) { return (W)((W)a * (W)b); }
template <class T> PTX T upper(T a, T b) {
  if constexpr (sizeof(T) < 8) return (T)(((T)-1 < 0 ? (u64)((s64)a * (s64)b) : (u64)a * (u64)b) >> sizeof(T) * 8);
  else if constexpr ((T)-1 < 0) return (T)(((__int128)a * b) >> 64);
  else return (T)(((unsigned __int128)a * b) >> 64);
}
template <class T> PTX T total(T a, T b, bool carry, bool &carries) {
  const unsigned __int128 sum = (unsigned __int128)a + b + carry;
  carries = sum >> sizeof(T) * 8 & 1;
  return (T)sum;
}
template <class T> PTX T difference(T a, T b, bool carry, bool &carries) {
  const unsigned __int128 rest = (unsigned __int128)a - b - carry;
  carries = rest >> sizeof(T) * 8 & 1;
  return (T)rest;
}
template <class T> PTX T quotient(T a, T b) {
  if constexpr (IsFloat<T>::value) return a / b;
  else return b == 0 ? (T)-1 : b == (T)-1 && (T)-1 < 0 ? (T)(0 - (U)a) : (T)(a / b);
}
template <class T> PTX T remainder(T a, T b) { return b == 0 ? a : b == (T)-1 && (T)-1 < 0 ? (T)0 : (T)(a % b); }
template <class T> PTX T shl(T a, u32 by) { return by >= sizeof(T) * 8 ? (T)0 : (T)((U)a << by); }
template <class T> PTX T shr(T a, u32 by) {
  return by >= sizeof(T) * 8 ? (T)(a < 0 ? -1 : 0) : (T)(a >> by);
}
template <class T> PTX T bits(T a, u32 at, u32 count) {
  at &= 255, count &= 255;
  const u32 size = sizeof(T) * 8;
  T result = 0;
  bool sign = false;
  if ((T)-1 < 0 && count > 0) {
    const u32 last = at + count - 1 < size - 1 ? at + count - 1 : size - 1;
    sign = (U)a >> last & 1;
  }
  for (u32 i = 0; i < size; i++) {
    const bool bit = i < count && at + i < size ? (U)a >> (at + i) & 1 : sign;
    if (bit) result = (T)((U)result | (U)1 << i);
  }
  return result;
}
template <class T> PTX T insert(T a, T b, u32 at, u32 count) {
  at &= 255, count &= 255;
  for (u32 i = 0; i < count && at + i < sizeof(T) * 8; i++) {
    b = (T)((b & ~((T)1 << (at + i))) | ((a >> i & 1) << (at + i)));
  }
  return b;
}
PTX u32 permute(u32 a, u32 b, u32 how) {
  const u64 all = (u64)b << 32 | a;
  u32 result = 0;
  for (u32 i = 0; i < 4; i++) {
    const u32 choice = how >> 4 * i & 15;
    u32 byte = (u32)(all >> 8 * (choice & 7)) & 255;
    if (choice & 8) byte = byte & 128 ? 255 : 0;
    result |= byte << 8 * i;
  }
  return result;
}
// Two products of 16 bits with 8, the lower or the upper ones of `b`, and a sum.
template <class A, class B>
PTX u32 dp2a(u32 a, u32 b, u32 c, bool isUpper) {
  b = isUpper ? b >> 16 : b;
  return (u32)(A)a * (u32)(B)b + (u32)(A)(a >> 16) * (u32)(B)(b >> 8) + c;
}
template <class A, class B>
PTX u32 dp4a(u32 a, u32 b, u32 c) {
  for (u32 i = 0; i < 32; i += 8) c += (u32)(A)(a >> i) * (u32)(B)(b >> i);
  return c;
}
PTX u32 lop3(u32 a, u32 b, u32 c, u32 table) {
  u32 result = 0;
  for (u32 i = 0; i < 32; i++) result |= (table >> ((a >> i & 1) << 2 | (b >> i & 1) << 1 | (c >> i & 1)) & 1) << i;
  return result;
}
PTX u32 funnel(u32 low, u32 high, u32 by, bool isLeft, bool wraps) {
  by = wraps ? by & 31 : by > 32 ? 32 : by;
  const u64 all = (u64)high << 32 | low;
  return isLeft ? (u32)(all << by >> 32) : (u32)(all >> by);
}
PTX u32 reversed(u32 a) { return __builtin_bitreverse32(a); }
PTX u64 reversed(u64 a) { return __builtin_bitreverse64(a); }
PTX u32 leading(u32 a) { return a ? (u32)__builtin_clz(a) : 32; }
PTX u32 leading(u64 a) { return a ? (u32)__builtin_clzl(a) : 64; }
PTX u32 count(u64 a) { return (u32)__builtin_popcountl(a); }

// ---- Floats ----

PTX f32 fma(f32 a, f32 b, f32 c) { return __builtin_fmaf(a, b, c); }
PTX f64 fma(f64 a, f64 b, f64 c) { return __builtin_fma(a, b, c); }
// An operation rounded toward zero (z), minus infinity (m) or plus infinity (p).
// Unwatched: no other lane goes on in between, which would round so too.
extern "C" int fesetround(int);
template <class T, class F> PTX_UNWATCHED __attribute__((noinline)) T rounded(char how, T a, T b, T c, F operation) {
#ifdef __x86_64__
  fesetround(how == 'z' ? 0xc00 : how == 'm' ? 0x400 : 0x800);
#else
  fesetround(how == 'z' ? 0xc00000 : how == 'm' ? 0x800000 : 0x400000);
#endif
  volatile T x = a, y = b, z = c;
  volatile T result = operation(x, y, z);
  fesetround(0);
  return result;
}
template <class T> PTX T least(T a, T b, bool keepsNaN) {
  if constexpr (IsFloat<T>::value) {
    if (a != a || b != b) return a != a && (keepsNaN || b != b) ? a : b != b && keepsNaN ? b : a != a ? b : a;
    if (a == b) return __builtin_bit_cast(U, a) >> (sizeof(T) * 8 - 1) ? a : b;
  }
  return b < a ? b : a;
}
template <class T> PTX T greatest(T a, T b, bool keepsNaN) {
  if constexpr (IsFloat<T>::value) {
    if (a != a || b != b) return a != a && (keepsNaN || b != b) ? a : b != b && keepsNaN ? b : a != a ? b : a;
    if (a == b) return __builtin_bit_cast(U, a) >> (sizeof(T) * 8 - 1) ? b : a;
  }
  return b > a ? b : a;
}
template <class T> PTX T signOf(T sign, T size) {
  const U top = (U)((u64)1 << (sizeof(T) * 8 - 1));
  return __builtin_bit_cast(T, (U)((__builtin_bit_cast(U, sign) & top) | (__builtin_bit_cast(U, size) & (U)~top)));
}
PTX u16 toHalf(f64 a) { return __double2half(a).bits; }
PTX f32 ofHalf(u16 a) { return __half2float({a}); }
PTX u16 toBfloat16(f64 a) { return __double2bfloat16(a).bits; }
PTX f32 ofBfloat16(u16 a) { return __bfloat162float({a}); }
PTX f64 toInteger(f64 a, char how) {
  switch (how) {
    case 'n': return __builtin_rint(a);
    case 'z': return __builtin_trunc(a);
    case 'm': return __builtin_floor(a);
    default: return __builtin_ceil(a);
  }
}
// A float of type F toward zero as an integer, which it may be beyond.
template <class T, class F> PTX T truncated(f64 a) {
  if (a != a) return sizeof(T) == 8 || sizeof(F) == 8 ? (T)((u64)1 << (sizeof(T) * 8 - 1)) : (T)0;
  const bool isSigned = (T)-1 < 0;
  const f64 limit = __builtin_ldexp(1.0, (int)sizeof(T) * 8 - (isSigned ? 1 : 0));
  if (a >= limit) return isSigned ? (T)(((U)1 << (sizeof(T) * 8 - 1)) - 1) : (T)-1;
  if (a < (isSigned ? -limit : 0.0)) return isSigned ? (T)((U)1 << (sizeof(T) * 8 - 1)) : (T)0;
  return (T)a;
}
PTX bool isNaN(f64 a) { return a != a; }

// Ends the kernel where an address is no multiple of so many bytes.
PTX void emulator_aligned(u64 place, u64 bytes) {
  if (place % bytes) emulator_services->fault("a misaligned address", 0);
}

// ---- Atomics ----

#define PTX_ATOMIC(name, expression)                                     \
  template <class T> PTX_UNWATCHED T name(u64 place, T value) {          \
    emulator_services->access((void *)place, sizeof(T), EmulatorAccess::atomic); \
    auto *cell = (typename EmulatorCell<T>::type *)place;                \
    const T former = *cell;                                              \
    *cell = (T)(expression);                                             \
    return former;                                                       \
  }
PTX_ATOMIC(atom_add, add<T>(former, value))
PTX_ATOMIC(atom_min, value < former ? value : former)
PTX_ATOMIC(atom_max, value > former ? value : former)
PTX_ATOMIC(atom_and, former & value)
PTX_ATOMIC(atom_or, former | value)
PTX_ATOMIC(atom_xor, former ^ value)
PTX_ATOMIC(atom_exch, value)
template <class T> PTX_UNWATCHED T atom_cas(u64 place, T expected, T value) {
  emulator_services->access((void *)place, sizeof(T), EmulatorAccess::atomic);
  auto *cell = (typename EmulatorCell<T>::type *)place;
  const T former = *cell;
  if (former == expected) *cell = value;
  return former;
}

#undef U
#endif
