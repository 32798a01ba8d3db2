#include <metal_stdlib>
using namespace metal;

inline float block_add_float32(float value, threadgroup float *partial, uint thread_index, uint block_size) {
  for (ushort offset = 16; offset > 0; offset /= 2) {
    const float other = simd_shuffle_xor(value, offset);
    value = value + other;
  }
  if (block_size > 32) {
    const uint lane = thread_index % 32, group = thread_index / 32;
    if (lane == 0) partial[group] = value;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    value = lane < block_size / 32 ? partial[lane] : 0.0f;
    for (ushort offset = 16; offset > 0; offset /= 2) {
      const float other = simd_shuffle_xor(value, offset);
      value = value + other;
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
  return value;
}

[[max_total_threads_per_threadgroup(128)]] kernel void sum_rows_kernel0(
    device const float *x [[buffer(0)]],
    device float *y [[buffer(1)]],
    uint3 thread_index [[thread_position_in_threadgroup]],
    uint3 block_size [[threads_per_threadgroup]],
    uint3 block_index [[threadgroup_position_in_grid]],
    uint3 grid_size [[threadgroups_per_grid]]) {
  threadgroup float partial_float32[32];
  for (int i = block_index.x; i < 100; i += grid_size.x) {
    float sum = 0.0f;
    for (int r0 = thread_index.x; r0 < 1024; r0 += 128) {
      sum += x[i * 1024 + r0];
    }
    sum = block_add_float32(sum, partial_float32, thread_index.x, block_size.x);
    if (thread_index.x == 0) y[i] = sum;
  }
}

