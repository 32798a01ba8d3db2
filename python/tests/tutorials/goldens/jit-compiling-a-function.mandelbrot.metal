#include <metal_stdlib>
using namespace metal;

// example.py:17
[[max_total_threads_per_threadgroup(64)]] kernel void mandelbrot_kernel0(
    device const float *x [[buffer(0)]],
    device const float *y [[buffer(1)]],
    device int64_t *count [[buffer(2)]],
    uint3 thread_index [[thread_position_in_threadgroup]],
    uint3 block_size [[threads_per_threadgroup]],
    uint3 block_index [[threadgroup_position_in_grid]],
    uint3 grid_size [[threadgroups_per_grid]]) {
  for (int i = thread_index.x; i < 40; i += 64) {
    for (int j = 0; j < 60; j++) {
      float re = x[j];
      float im = y[i];
      int32_t _result = 0;
      bool _returned = false;
      float a = 0.0f;
      float b = 0.0f;
      for (int k = 0; k < 100 && !_returned; k++) {
        if (a * a + b * b > 4.0f) {
          _result = k;
          _returned = true;
        } else {
          float value = a * a - b * b + re;
          b = 2.0f * a * b + im;
          a = value;
        }
      }
      int32_t _result_2 = 0;
      if (!_returned) {
        _result_2 = 100;
      } else {
        _result_2 = _result;
      }
      count[i * 60 + j] = _result_2;
    }
  }
}
