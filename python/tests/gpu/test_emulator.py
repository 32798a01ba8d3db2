"""The emulated GPU must be able to fail: it finds what is wrong on purpose in kernels."""

from __future__ import annotations

import ctypes
import gc
import re
from collections.abc import Iterator

import cuda_programs as programs
import numpy as np
import pytest
from test_cuda_text import ROWS, cuda

import parpy


@pytest.fixture(autouse=True)
def _needs_the_emulator(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.config.getoption("--emulate") is None:
        pytest.skip("about the emulator: --emulate runs it")
    yield
    emulator.set_seed(emulator.default_seed())


import emulator  # noqa: E402
from emulator.launcher import Kernels, LaunchFailed  # noqa: E402


def fails(text: str, name: str, blocks: int, threads: int, *args: object) -> str:
    """The message of a kernel that must fail."""
    with pytest.raises(LaunchFailed) as caught:
        Kernels(text).launch(name, blocks, threads, *args)
    return str(caught.value)


# --- Missing and divergent barriers ---------------------------------------------------------

ROWS_SCHEDULE = {"rows": parpy.threads(100), "columns": parpy.threads(128)}


def shift_rows_text() -> str:
    args = [ROWS, ROWS.copy(), 100, 1024]
    return parpy.print_compiled(programs.shift_rows, args, cuda(ROWS_SCHEDULE))


def agrees(text: str, kernel: str, x: np.ndarray, expected: np.ndarray) -> bool:
    """Whether a kernel from `x` makes what is expected, on ten blocks: each has several rows."""
    y = np.zeros_like(expected)
    try:
        Kernels(text).launch(kernel, 10, 128, x.copy(), y)
    except LaunchFailed:
        return False
    return np.allclose(y, expected, rtol=1e-4, atol=1e-4)


def shifted_rows(text: str, seed: int) -> bool:
    """Whether a text of `shift_rows` computes what plain Python does."""
    emulator.set_seed(seed)
    x = np.arange(100 * 1024, dtype=np.float32).reshape(100, 1024)
    expected = x - 2 * x[:, :1]
    expected[:, 0] = 2 * x[:, 0]
    return agrees(text, "shift_rows_kernel0", x, expected)


@pytest.mark.parametrize("seed", range(3))
def test_a_missing_barrier_gives_a_wrong_result(seed: int) -> None:
    text = shift_rows_text()
    assert "__syncthreads();" in text
    assert shifted_rows(text, seed)
    assert not shifted_rows(text.replace("__syncthreads();", ""), seed)


def test_softmax_without_barriers_is_wrong() -> None:
    text = parpy.print_compiled(programs.softmax, [ROWS, ROWS.copy(), 100], cuda(ROWS_SCHEDULE))
    x = np.random.default_rng(2).standard_normal((100, 1024)).astype(np.float32)
    e = np.exp(x - x.max(1, keepdims=True))
    expected = e / e.sum(1, keepdims=True)
    assert agrees(text, "softmax_kernel0", x, expected)
    assert not agrees(text.replace("__syncthreads();", ""), "softmax_kernel0", x, expected)


def test_each_barrier_of_a_block_reduction_is_needed() -> None:
    args = [ROWS, np.zeros(100, np.float32), 100]
    text = parpy.print_compiled(programs.sum_rows, args, cuda(ROWS_SCHEDULE))
    x = np.random.default_rng(2).standard_normal((100, 1024)).astype(np.float32)
    assert agrees(text, "sum_rows_kernel0", x, x.sum(1))
    barriers = [found.span() for found in re.finditer(r"__syncthreads\(\);", text)]
    assert len(barriers) == 2
    for start, end in barriers:
        without = text[:start] + text[end:]
        assert not agrees(without, "sum_rows_kernel0", x, x.sum(1)), f"without {start}"


DIVERGENT = """
extern "C" __global__ void k(float *x) {
  if (threadIdx.x < 32) {
    x[threadIdx.x] = 1.0f;
    __syncthreads();
  }
  x[threadIdx.x] += 1.0f;
}
"""


def test_a_divergent_barrier_is_reported() -> None:
    message = fails(DIVERGENT, "k", 1, 64, np.zeros(64, np.float32))
    assert "kernel 'k', block (0, 0, 0)" in message
    assert "at the barrier of line 5 are lanes 0-31" in message
    assert "at the end are lanes 32-63" in message


def test_different_barriers_are_not_one() -> None:
    text = """
    extern "C" __global__ void k(float *x) {
      if (threadIdx.x % 2)
        __syncthreads();
      else
        __syncthreads();
    }
    """
    message = fails(text, "k", 1, 32, np.zeros(1, np.float32))
    assert "line 4" in message
    assert "line 6" in message


CLUSTER = """
extern "C" __global__ void __cluster_dims__(4, 1, 1) __launch_bounds__(64) k(int *x, int *y) {
  __shared__ int own;
  if (threadIdx.x == 0) own = (int)blockIdx.x;
  x[blockIdx.x * 64 + threadIdx.x] = 1;
  __cluster_barrier_arrive();
  __cluster_barrier_wait();
  const unsigned rank = threadIdx.x % 4;
  const int far = *__cluster_map_shared_rank(&own, rank);
  y[blockIdx.x * 64 + threadIdx.x] = far + x[(blockIdx.x ^ 1) * 64 + threadIdx.x];
  __cluster_barrier_arrive();
  __cluster_barrier_wait();
  if (threadIdx.x == 0) own = -1;
}
"""


def cluster_fails(text: str, blocks: int = 8) -> str:
    assert text != CLUSTER
    x = np.zeros(64 * blocks, np.int32)
    return fails(text, "k", blocks, 64, x, x.copy())


def test_blocks_of_a_cluster_read_each_others_memory() -> None:
    x, y = np.zeros(512, np.int32), np.zeros(512, np.int32)
    Kernels(CLUSTER).launch("k", 8, 64, x, y)
    first = np.arange(512) // 256 * 4
    np.testing.assert_array_equal(y, first + np.arange(512) % 4 + 1)


BARRIER = "  __cluster_barrier_arrive();\n  __cluster_barrier_wait();\n"


def test_a_barrier_that_a_cluster_lacks_is_reported() -> None:
    start, middle, end = CLUSTER.split(BARRIER)
    early = cluster_fails(start + middle + BARRIER + end)
    assert "since the last barrier" in early
    late = cluster_fails(start + BARRIER + middle + end)
    assert "of shared memory" in late
    # A block that ends takes its memory with it.
    ends = cluster_fails(start + BARRIER + middle + "}\n")
    assert "reads shared memory of a block that has ended" in ends


def test_mistakes_at_the_barrier_of_a_cluster_are_reported() -> None:
    twice = CLUSTER.replace(BARRIER, "  __cluster_barrier_arrive();\n" + BARRIER, 1)
    assert "has not waited there before" in cluster_fails(twice)
    assert "has not come there" in cluster_fails(
        CLUSTER.replace("  __cluster_barrier_arrive();\n", "", 1)
    )
    head = CLUSTER.split("{")[0]
    message = cluster_fails(f"{head}{{\n  if (blockIdx.x != 2) {{\n{BARRIER}  }}\n}}\n", 4)
    assert "the lanes wait for ever" in message
    assert "at the barrier of the cluster of line 5 are lanes 0-63" in message
    assert "and waiting there" in cluster_fails(
        CLUSTER.replace(BARRIER, "  __cluster_barrier_arrive();\n  x[0] = 1;\n", 1)
    )
    assert "no block of rank 4" in cluster_fails(CLUSTER.replace("% 4", "% 5"))
    assert "not shared memory" in cluster_fails(CLUSTER.replace("(&own, rank)", "(x, rank)"))


def test_grids_that_are_no_clusters_are_refused() -> None:
    assert "is no multiple of the 4 blocks of a cluster" in cluster_fails(CLUSTER + "\n", blocks=6)
    large = CLUSTER.replace("__(4,", "__(16,")
    assert "clusters of 16 blocks are not allowed" in cluster_fails(large, blocks=16)


def test_a_shuffle_without_all_its_lanes_is_reported() -> None:
    text = """
    extern "C" __global__ void k(int *x) {
      if (threadIdx.x < 16) x[threadIdx.x] = __shfl_xor_sync(0xffffffffu, (int)threadIdx.x, 1);
    }
    """
    assert "at the warp's function of line 3 are lanes 0-15" in fails(
        text, "k", 1, 32, np.zeros(32, np.int32)
    )


def test_shuffles_and_ballots() -> None:
    text = """
    extern "C" __global__ void k(int *x) {
      const int lane = threadIdx.x % 32;
      int *y = x + 6 * threadIdx.x;
      y[0] = __shfl_sync(0xffffffffu, lane, 3);
      y[1] = __shfl_up_sync(0xffffffffu, lane, 2);
      y[2] = __shfl_down_sync(0xffffffffu, lane, 2);
      y[3] = __shfl_xor_sync(0xffffffffu, lane, 5);
      y[4] = __shfl_down_sync(0xffffffffu, lane, 1, 8);
      y[5] = (int)__ballot_sync(0xffffffffu, lane % 3 == 0);
    }
    """
    x = np.zeros((64, 6), np.int32)
    Kernels(text).launch("k", 1, 64, x)
    ballot = np.uint32(sum(1 << i for i in range(0, 32, 3))).astype(np.int32)
    for thread in range(64):
        i = thread % 32
        down = i + 1 if i % 8 < 7 else i
        expected = [3, max(i - 2, 0) if i >= 2 else i, i + 2 if i < 30 else i, i ^ 5, down, ballot]
        assert x[thread].tolist() == expected


RACES = {
    "two lanes write": "x[0] = threadIdx.x;",
    "two blocks write": "if (threadIdx.x == 0) x[0] = blockIdx.x;",
    "one lane writes what others read": "x[threadIdx.x] = x[0] + 1;",
    "shared memory": "__shared__ int s[1]; s[0] = threadIdx.x;",
    "plain and atomic": "if (threadIdx.x == 0) x[0] = 5; else atomicAdd(x, 1);",
    "one block writes what another reads": "if (blockIdx.x == 1) x[0] = 5; else x[1] = x[0];",
}
NO_RACES = {
    "elements of their own": "x[blockIdx.x * blockDim.x + threadIdx.x] = 1;",
    "a barrier": "if (blockIdx.x) return; if (threadIdx.x == 0) x[0] = 5;"
    " __syncthreads(); x[1 + threadIdx.x] = x[0];",
    "atomics": "atomicAdd(x, 1);",
    "one value": "if (threadIdx.x == 0) x[0] = 7;",
    "reads": "x[blockIdx.x * blockDim.x + threadIdx.x + 1] = y[0];",
}


def of_body(body: str) -> str:
    return f'extern "C" __global__ void k(int *x, const int *y) {{ {body} }}'


@pytest.fixture
def optimised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARPY_EMULATOR_LEVEL", "1")


@pytest.mark.parametrize("body", RACES.values(), ids=RACES.keys())
def test_races_are_reported(body: str) -> None:
    message = fails(of_body(body), "k", 2, 32, np.zeros(70, np.int32), np.zeros(1, np.int32))
    assert re.search("since the last barrier|in the same launch", message)


@pytest.mark.parametrize("body", NO_RACES.values(), ids=NO_RACES.keys())
def test_other_accesses_are_no_races(body: str) -> None:
    Kernels(of_body(body)).launch("k", 2, 32, np.zeros(70, np.int32), np.zeros(1, np.int32))


def test_an_element_behind_an_array_is_reported_where_it_is_read() -> None:
    message = fails(
        of_body("x[0] = y[1];"), "k", 1, 1, np.zeros(1, np.int32), np.zeros(1, np.int32)
    )
    assert "an access 0 bytes behind an array of 4 bytes" in message


# --- Memory ---------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [100, -1, 5000, -100_000, 10**9])
def test_a_store_beside_an_array_is_reported(index: int) -> None:
    text = 'extern "C" __global__ void k(float *x, long long i) { x[i] = 1.0f; }'
    message = fails(text, "k", 1, 1, np.zeros(100, np.float32), np.int64(index))
    assert "kernel 'k'" in message
    assert re.search("(beside|behind|before) .*array|far beside all arrays", message)


def test_an_address_of_the_host_is_reported() -> None:
    x = np.zeros(10, np.float32)
    text = 'extern "C" __global__ void k(float *x) { x[0] = 1.0f; }'
    message = fails(text, "k", 1, 1, ctypes.c_void_p(x.ctypes.data))
    assert "argument 0 is an address" in message
    assert "outside of all memory of the device" in message


def test_shared_memory_is_read_before_it_is_written() -> None:
    text = """
    extern "C" __global__ void k(float *x, double *y, int *z) {
      __shared__ float a[32];
      __shared__ double b[32];
      __shared__ int c[32];
      x[blockIdx.x] = a[5];
      y[blockIdx.x] = b[5];
      z[blockIdx.x] = c[5];
      a[5] = b[5] = c[5] = 1;
    }
    """
    x, y, z = np.zeros(3, np.float32), np.zeros(3), np.zeros(3, np.int32)
    Kernels(text).launch("k", 3, 1, x, y, z)
    assert np.isnan(x).all()
    assert np.isnan(y).all()
    assert (np.abs(z) > 1000).all()


# --- What C++ leaves undefined --------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("n + 2147483647", "a signed sum overflows"),
        ("1 << (n + 31)", "a shift by"),
        ("5 / (n - 1)", "an integer division by zero"),
        ("(int)(n * 1e20)", "a float that does not fit"),
        ("*(const int *)((const char *)x + n)", "a misaligned"),
    ],
)
def test_undefined_operations_are_reported(
    expression: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARPY_EMULATOR_LEVEL", "0")
    text = f'extern "C" __global__ void k(int *x, int n) {{\n  x[0] = {expression};\n}}'
    found = fails(text, "k", 1, 1, np.zeros(2, np.int32), np.int32(1))
    assert f"lane 0 at line 2: {message}" in found


@pytest.mark.parametrize("level", ["0", "1"])
@pytest.mark.parametrize(
    ("first", "threads", "message"),
    [
        (1, 1, "a misaligned"),
        (8, 1, "an access 0 bytes behind an array of 32 bytes"),
        (4, 2, "since the last barrier"),
    ],
)
def test_accesses_of_16_bytes_are_watched(
    first: int, threads: int, message: str, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARPY_EMULATOR_LEVEL", level)
    text = """
    extern "C" __global__ void k(float *x, int n) {
      const float4 word = *(const float4 *)(x + n);
      *(float4 *)(x + n) = make_float4(word.y, word.z, word.w, word.x);
    }
    """
    assert message in fails(text, "k", 1, threads, np.zeros(8, np.float32), np.int32(first))


@pytest.mark.usefixtures("optimised")
@pytest.mark.parametrize("former", [0.0, 5.0])
def test_loops_until_data_say_so_read_them_after_the_barrier(former: float) -> None:
    args = [np.zeros(1000), np.zeros(1), 1000]
    text = parpy.print_compiled(programs.until_small, args, cuda({"N": parpy.threads(256)}))
    x, err = np.full(1000, 5.0), np.full(1, former)
    Kernels(text).launch("until_small_kernel0", 1, 256, x, err)
    assert err[0] == x.max() <= 0.01


def test_a_kernel_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARPY_EMULATOR_TIMEOUT", "1")
    text = 'extern "C" __global__ void k(volatile int *x) { while (x[0] == 0) {} }'
    assert "does not end" in fails(text, "k", 1, 1, np.zeros(1, np.int32))


# --- The order ------------------------------------------------------------------------------


def order(seed: int) -> list[int]:
    text = """
    extern "C" __global__ void k(int *count, int *x) {
      x[atomicAdd(count, 1)] = blockIdx.x * blockDim.x + threadIdx.x;
    }
    """
    emulator.set_seed(seed)
    count, x = np.zeros(1, np.int32), np.zeros(256, np.int32)
    Kernels(text).launch("k", 4, 64, count, x)
    return x.tolist()


def test_lanes_and_blocks_run_in_the_order_of_a_seed() -> None:
    first = order(1)
    assert sorted(first) == list(range(256))
    assert first == order(1)
    assert len({tuple(order(seed)) for seed in range(10)} | {tuple(range(256))}) == 11


# --- 16-bit floats --------------------------------------------------------------------------

HALVES = """
#include <cuda_bf16.h>
#include <cuda_fp16.h>
extern "C" __global__ void half_of(const float *x, __half *y, long long n) {
  for (long long i = threadIdx.x; i < n; i += blockDim.x) y[i] = __float2half_rn(x[i]);
}
extern "C" __global__ void half_of_double(const double *x, __half *y, long long n) {
  for (long long i = threadIdx.x; i < n; i += blockDim.x) y[i] = __double2half(x[i]);
}
extern "C" __global__ void float_of(const __half *x, float *y, long long n) {
  for (long long i = threadIdx.x; i < n; i += blockDim.x) y[i] = __half2float(x[i]);
}
extern "C" __global__ void bfloat16_of(const float *x, __nv_bfloat16 *y, long long n) {
  for (long long i = threadIdx.x; i < n; i += blockDim.x) y[i] = __float2bfloat16_rn(x[i]);
}
"""


@np.errstate(invalid="ignore")
def hard_floats(bits: int, dtype: str) -> np.ndarray:
    """All numbers with the upper `bits` bits of a float32, those next to them, and ties."""
    upper = np.arange(1 << bits, dtype=np.uint64).astype(np.uint32) << np.uint32(32 - bits)
    half = np.uint32(1 << (31 - bits))
    all_bits = np.concatenate([upper, upper + half, upper + half + 1, upper + half - 1])
    return all_bits.view(np.float32).astype(dtype)


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
@pytest.mark.parametrize(("dtype", "name"), [("float32", "half_of"), ("float64", "half_of_double")])
def test_float16_rounds_as_numpy_does(dtype: str, name: str) -> None:
    # float16 keeps 10 bits of the fraction: sign, exponent and those are 19 bits of a float32.
    x = hard_floats(19, dtype)
    y = np.zeros(x.size, np.float16)
    Kernels(HALVES).launch(name, 1, 32, x, y, np.int64(x.size))
    np.testing.assert_array_equal(y, x.astype(np.float16))
    z = np.zeros(x.size, np.float32)
    Kernels(HALVES).launch("float_of", 1, 32, y, z, np.int64(x.size))
    np.testing.assert_array_equal(z, y.astype(np.float32))


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_bfloat16_rounds_as_ml_dtypes_does() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    x = hard_floats(16, "float32")
    y = np.zeros(x.size, np.uint16)
    Kernels(HALVES).launch("bfloat16_of", 1, 32, x, y, np.int64(x.size))
    expected = x.astype(ml_dtypes.bfloat16)
    np.testing.assert_array_equal(y.view(ml_dtypes.bfloat16).astype(float), expected.astype(float))


PRODUCTS = """
extern "C" __global__ void products(const float *x, float *y, const double *a, double *b) {
  const int i = threadIdx.x;
  y[i] = __fmul_rn(x[i], x[i]) - x[i];
  b[i] = __dmul_rn(a[i], a[i]) - a[i];
}
"""


def test_products_are_rounded_before_a_sum() -> None:
    a = np.random.default_rng(1).standard_normal(64)
    x, y, b = a.astype(np.float32), np.zeros(64, np.float32), np.zeros(64)
    Kernels(PRODUCTS).launch("products", 1, 64, x, y, a, b)
    np.testing.assert_array_equal(y, x * x - x)
    np.testing.assert_array_equal(b, a * a - a)


# --- By way of ParPy ------------------------------------------------------------------------


def test_a_failed_kernel_is_an_error_and_leaves_nothing_behind() -> None:
    opts = cuda({"N": parpy.threads(256).reduce()})
    b, h = np.full(1000, 10**6), np.zeros(50, np.int64)
    function = parpy.jit(programs.histogram)
    with pytest.raises(RuntimeError, match="kernel 'histogram_kernel0'.*an access"):
        function(b, h, 1000, opts=opts)
    assert not h.any()
    function(b % 50, h, 1000, opts=opts)
    assert h[0] == 1000
    del function
    gc.collect()
    assert emulator.live_bytes() == 0


def test_code_that_does_not_compile_is_quoted() -> None:
    with pytest.raises(RuntimeError, match=r"kernels.cu(\(2\)|:2:)"):
        Kernels('extern "C" __global__ void k(int *x) {\n  x[0] = nothing;\n}')


def test_a_block_has_no_more_threads_than_its_bounds() -> None:
    text = 'extern "C" __global__ void __launch_bounds__(64) k(float *x) {}'
    assert "__launch_bounds__" in fails(text, "k", 1, 96, np.zeros(1, np.float32))
