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

// example.py:6
extern "C" __global__ void __launch_bounds__(128) sum_rows_kernel0(
    const float *__restrict__ x, float *__restrict__ y) {
  for (int i = threadIdx.x; i < 100; i += 128) {
    float sum = 0.0f;
    for (int r0 = 0; r0 < 1024; r0++) {
      sum += x[i * 1024 + r0];
    }
    y[i] = sum;
  }
}

#ifndef __CUDACC_RTC__
extern "C" int32_t sum_rows(
    float *x, float *y, cudaStream_t stream) {
  sum_rows_kernel0<<<1, 128, 0, stream>>>(x, y);
  return cudaGetLastError() == cudaSuccess ? 0 : -3;
}
#endif
