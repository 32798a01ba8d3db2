#ifdef __CUDACC_RTC__
typedef signed char int8_t;
typedef short int16_t;
typedef int int32_t;
typedef long long int64_t;
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef unsigned long long uint64_t;
#else
#include <cstdint>
#endif

// example.py:12
extern "C" __global__ void __launch_bounds__(1024) relax_kernel0(
    double *__restrict__ x) {
  for (int i = threadIdx.x; i < 1000; i += 1024) {
    x[i] *= 0.4;
  }
}

#ifndef __CUDACC_RTC__
// How Python functions are called.
union PythonWord {
  int64_t integer;
  double number;
  PythonWord(int64_t integer) : integer(integer) {}
  PythonWord(double number) : number(number) {}
  PythonWord(const void *array) : integer((int64_t)array) {}
};
struct Python {
  // Calls the function of a number. The first word gets its result; behind it stand the operands: scalars, or the address of
  // an array, its extents, and its strides in elements. False where it raised, or a kernel before it found an error.
  bool (*call)(void *context, int64_t function, PythonWord *words);
  void *context;
};

extern "C" int32_t relax(
    double *x, const Python &python, cudaStream_t stream) {
  int64_t step = 0;
  bool go = true;
  while (go) {
    bool report;
    if (cudaGetLastError() != cudaSuccess) return -3;
    {
      PythonWord words[] = {(int64_t)0, (int64_t)step, x, (int64_t)1000, (int64_t)1};
      if (!python.call(python.context, /* report */ 0, words)) return -4;
      report = (words[0].integer & 1) != 0;
    }
    go = report && step < 10;
    if (go) {
      relax_kernel0<<<1, 1024, 0, stream>>>(x);
      step += 1;
    }
  }
  return cudaGetLastError() == cudaSuccess ? 0 : -3;
}
#endif
