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

// example.py:17
extern "C" __global__ void __launch_bounds__(64) mandelbrot_kernel0(
    const double *__restrict__ x, const double *__restrict__ y, int64_t *__restrict__ count) {
  for (int i = threadIdx.x; i < 40; i += 64) {
    for (int j = 0; j < 60; j++) {
      double re = x[j];
      double im = y[i];
      int _result = 0;
      bool _returned = false;
      double a = 0.0;
      double b = 0.0;
      for (int k = 0; k < 100 && !_returned; k++) {
        if (a * a + b * b > 4.0) {
          _result = k;
          _returned = true;
        } else {
          double value = a * a - b * b + re;
          b = 2.0 * a * b + im;
          a = value;
        }
      }
      int _result_2 = 0;
      if (!_returned) {
        _result_2 = 100;
      } else {
        _result_2 = _result;
      }
      count[i * 60 + j] = _result_2;
    }
  }
}

#ifndef __CUDACC_RTC__
extern "C" int32_t mandelbrot(
    double *x, double *y, int64_t *count, cudaStream_t stream) {
  mandelbrot_kernel0<<<1, 64, 0, stream>>>(x, y, count);
  return cudaGetLastError() == cudaSuccess ? 0 : -3;
}
#endif
