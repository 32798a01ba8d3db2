#include <metal_stdlib>
using namespace metal;

// example.py:12
[[max_total_threads_per_threadgroup(1024)]] kernel void relax_kernel0(
    device float *x [[buffer(0)]],
    uint3 thread_index [[thread_position_in_threadgroup]],
    uint3 block_size [[threads_per_threadgroup]],
    uint3 block_index [[threadgroup_position_in_grid]],
    uint3 grid_size [[threadgroups_per_grid]]) {
  for (int i = thread_index.x; i < 1000; i += 1024) {
    x[i] *= 0.4f;
  }
}
