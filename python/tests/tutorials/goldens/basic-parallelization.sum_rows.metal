#include <metal_stdlib>
using namespace metal;

// example.py:6
[[max_total_threads_per_threadgroup(128)]] kernel void sum_rows_kernel0(
    device const float *x [[buffer(0)]],
    device float *y [[buffer(1)]],
    uint3 thread_index [[thread_position_in_threadgroup]],
    uint3 block_size [[threads_per_threadgroup]],
    uint3 block_index [[threadgroup_position_in_grid]],
    uint3 grid_size [[threadgroups_per_grid]]) {
  for (int i = thread_index.x; i < 100; i += 128) {
    float sum = 0.0f;
    for (int r0 = 0; r0 < 1024; r0++) {
      sum += x[i * 1024 + r0];
    }
    y[i] = sum;
  }
}
