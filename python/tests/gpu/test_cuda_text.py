"""CUDA C++ as `print_compiled` shows it; no GPU is needed."""

from __future__ import annotations

import re
from typing import Any

import cuda_programs as programs
import numpy as np
import pytest
from cuda_text import cuda, kernels
from nvrtc import require_compiles

import parpy

ROWS = np.zeros((100, 1024), np.float32)
ROW = np.zeros(100, np.float32)
VECTOR = np.zeros(100_000)


def test_rows_run_on_blocks_and_columns_on_threads() -> None:
    schedule = {"rows": parpy.threads(100), "columns": parpy.threads(256)}
    text = kernels(programs.sum_rows, [ROWS, ROW, 100], schedule)
    assert "for (int i = blockIdx.x; i < 100; i += gridDim.x) {" in text
    assert "for (int r0 = threadIdx.x; r0 < 1024; r0 += 256) {" in text
    assert "sum = block_add_float32(sum);" in text
    assert "if (threadIdx.x == 0) y[i] = sum;" in text
    assert "sum_rows_kernel0<<<100, 256, 0, stream>>>(x, y);" in text


def test_threads_with_many_iterations_read_and_write_rows_at_once() -> None:
    schedule = {"rows": parpy.threads(100), "columns": parpy.threads(128)}
    text = kernels(programs.sum_rows, [ROWS, ROW, 100], schedule)
    assert "load_row_float32(x_row, &x[i * 1024 + r0_first]);" in text
    text = kernels(programs.softmax, [ROWS, ROWS.copy(), 100], schedule)
    assert "store_row_float32(&y[i * 1024 + k0_first], y_row);" in text


def sums_triangles_and_chunks(x, y, N):
    parpy.label("rows")
    for i in range(N):
        parpy.label("columns")
        for j in range(i, N):
            y[i] += x[i, j]
        parpy.label("columns")
        for k in range(8 * i, min(8 * i + 512, 1024)):
            y[i] += x[0, k]


def test_loops_that_are_never_long_are_written_once() -> None:
    """No thread of theirs has eight iterations, so rows are never read at once."""
    args = [ROWS, np.zeros(100, np.float32), 100]
    schedule = {"rows": parpy.threads(100), "columns": parpy.threads(64).reduce()}
    text = kernels(sums_triangles_and_chunks, args, schedule)
    assert "for (int j = i + threadIdx.x; j < 100; j += 64) {" in text
    assert text.count("load_row_float32(x_row") == 1, "512 iterations may be eight of each thread"
    schedule["columns"] = parpy.threads(128).reduce()
    assert "load_row" not in kernels(sums_triangles_and_chunks, args, schedule)


def test_threads_that_meet_only_themselves_do_not_wait() -> None:
    schedule = {"rows": parpy.threads(100), "columns": parpy.threads(256)}
    text = kernels(programs.softmax, [ROWS, ROWS.copy(), 100], schedule)
    assert "__syncthreads" not in text[text.index("softmax_kernel0") :]


def test_threads_wait_for_what_the_first_one_stores() -> None:
    schedule = {"rows": parpy.threads(100), "columns": parpy.threads(128)}
    text = kernels(programs.shift_rows, [ROWS, ROWS.copy(), 100, 1024], schedule)
    body = text[text.index("shift_rows_kernel0") : text.index("#ifndef __CUDACC_RTC__")]
    store = body.index("if (threadIdx.x == 0) y[i * 1024] =")
    wait = body.index("__syncthreads();", store)
    assert store < wait < body.index("for (int j = 1 + threadIdx.x;", store)


def test_a_scalar_of_one_kernel_takes_no_memory() -> None:
    """Before the kernel had assigned it, it was read from memory that held anything."""
    text = kernels(programs.branches, [VECTOR, np.zeros(1, bool)], {})
    assert "cudaMallocAsync" not in text
    assert "bool _result = false;" in text


def test_threads_that_keep_to_their_columns_do_not_wait() -> None:
    schedule = {"blocks": parpy.threads(3), "columns": parpy.threads(64)}
    text = kernels(programs.recurrence, [np.zeros((9, 192)), np.zeros((9, 192)), 3], schedule)
    assert "__syncthreads" not in text[text.index("for (int i") :]


def test_threads_wait_once_for_what_a_loop_only_reads() -> None:
    args = [VECTOR, np.zeros((4, 64)), 64, 4]
    text = kernels(programs.spread, args, {"N": parpy.threads(64)})
    body = text[text.index("spread_kernel0") : text.index("#ifndef __CUDACC_RTC__")]
    assert body.count("__syncthreads();") == 1
    assert body.index("__syncthreads();") < body.index("for (int k")


def test_loops_are_unrolled_as_the_schedule_says_and_not_around_barriers() -> None:
    schedule = {"N": parpy.threads(64), "columns": parpy.LoopPar().unroll()}
    args = [VECTOR, np.zeros((4, 64)), 64, 4]
    text = kernels(programs.accumulated, args, schedule)
    body = text[text.index("accumulated_kernel0") : text.index("#ifndef __CUDACC_RTC__")]
    assert re.search(r"#pragma unroll 1\n +for \(int k ", body)
    assert re.search(r"#pragma unroll 4\n +for \(int c ", body)


def test_a_loop_of_more_threads_than_a_block_has_spans_blocks() -> None:
    schedule = {"scale": parpy.threads(100_000), "sum": parpy.threads(8192).reduce()}
    args = [VECTOR, VECTOR.copy(), 100_000]
    text = kernels(programs.scaled_by_mean_square, args, schedule)
    assert "<<<98, 1024, 0, stream>>>" in text, "the loop that scales"
    assert "<<<8, 1024, 0, stream>>>" in text, "the partial sums"


def test_a_device_block_of_one_block_is_one_kernel() -> None:
    text = kernels(
        programs.sum_on_device, [VECTOR, ROW, 100_000], {"N": parpy.threads(1024).reduce()}
    )
    assert "sum_on_device_kernel0<<<1, 1024, 0, stream>>>" in text
    assert "kernel1" not in text


def test_a_loop_until_data_say_so_stays_on_the_device() -> None:
    schedule = {"N": parpy.threads(256)}
    text = kernels(programs.until_small, [VECTOR, ROW, 1000], schedule)
    assert "while (err[0] > 0.01f) {" in text
    assert "kernel1" not in text


def test_the_host_fetches_what_a_loop_around_several_blocks_waits_for() -> None:
    text = kernels(programs.until_small, [VECTOR, ROW, 1000], {"N": parpy.threads(2048)})
    host = text[text.index("__CUDACC_RTC__\n//") :]
    assert "while (fetched(&err[0], nullptr, stream) > 0.01f) {" in host
    assert host.count("<<<") == 4
    assert "//     while err[0] > 0.01:" in host


def test_arrays_that_threads_give_values_by_are_not_restricted() -> None:
    """NVRTC reads `err[0]` before the barrier where the pointer is `__restrict__`."""
    text = kernels(programs.until_small, [VECTOR, ROW, 1000], {"N": parpy.threads(256)})
    assert "float *err) {" in text
    schedule = {"rows": parpy.threads(100), "columns": parpy.threads(128)}
    text = kernels(programs.shift_rows, [ROWS, ROWS.copy(), 100, 1024], schedule)
    assert "const float *__restrict__ x, float *y" in text
    schedule = {"rows": parpy.threads(100), "columns": parpy.threads(256)}
    text = kernels(programs.softmax, [ROWS, ROWS.copy(), 100], schedule)
    assert "const float *__restrict__ x, float *__restrict__ y" in text


def test_shared_elements_are_updated_atomically() -> None:
    b, h = np.zeros(1000, np.int64), np.zeros(50, np.int64)
    text = kernels(programs.histogram, [b, h, 1000], {"N": parpy.threads(256).reduce()})
    assert "atomic_add_int64(&h[" in text


def updates_rows_and_sums(a, u, x):
    parpy.label("chunks")
    for c in range((a.shape[0] + 7) // 8):
        parpy.label("columns")
        for j in range(a.shape[1]):
            s = 0.0
            for i in range(8 * c, min(8 * c + 8, a.shape[0])):
                a[i, j] += u[i]
                s += a[i, j]
            x[j] += s


def test_a_declared_reduction_that_stores_is_one_kernel() -> None:
    """It was launched once an iteration of the outer loop."""
    args = [np.zeros((90, 1000)), np.zeros(90), np.zeros(1000)]
    for threads, launch in ((64, "<<<12, 64, 0, stream>>>"), (1000, "<<<dim3(4, 12, 1), 256, 0,")):
        schedule = {"chunks": parpy.threads(12).reduce(), "columns": parpy.threads(threads)}
        schedule["columns"] = schedule["columns"].tpb(256)
        text = kernels(updates_rows_and_sums, args, schedule)
        assert launch in text
        assert "for (" not in text[text.index("#ifndef __CUDACC_RTC__\nextern") :]
        assert "atomic_add_float64(&x[j], s);" in text
        assert "a[i * 1000 + j] += u[i];" in text, "no other iteration has that element"


def follows_a_chain(a, h):
    parpy.label("chunks")
    for i in range(100):
        parpy.label("columns")
        for j in range(64):
            h[a[i, j]] = 2 * h[a[i, j]] + 1


@pytest.mark.parametrize(
    ("schedule", "launch"),
    [({}, "<<<1, 1, 0, stream>>>"), ({"columns": parpy.threads(64)}, "<<<1, 64, 0, stream>>>")],
)
def test_what_is_no_reduction_runs_in_order_on_the_device(schedule: Any, launch: str) -> None:
    args = [np.zeros((100, 64), np.int64), np.zeros(9)]
    schedule = {"chunks": parpy.threads(100).reduce()} | schedule
    with pytest.warns(RuntimeWarning) as caught:
        text = kernels(follows_a_chain, args, schedule)
    assert any("runs on one worker" in str(warning.message) for warning in caught)
    assert launch in text
    assert "for (int i = 0; i < 100; i++) {" in text


def columns_of_a_chunk(a, x):
    parpy.label("chunks")
    for c in range(9):
        for j in range(100):
            s = 0.0
            for i in range(8 * c, min(8 * c + 8, 64)):
                s += a[i, j]
            x[j] += s


def test_nothing_is_printed_for_what_is_not_read() -> None:
    args = [np.zeros((64, 100)), np.zeros(100)]
    text = kernels(columns_of_a_chunk, args, {"chunks": parpy.threads(9).reduce()})
    assert not re.search(r"\{\s*\}", text)


def test_all_lanes_come_to_the_shuffles_of_logical_reductions() -> None:
    args = [VECTOR, np.zeros(2, bool)]
    text = kernels(programs.all_and_any, args, {"N": parpy.threads(64).reduce()})
    assert "const bool other = (bool)__shfl_xor_sync(" in text
    assert not re.search(r"(&&|\|\|).*(__shfl|block_)", text)


def test_loops_around_parallel_ones_run_on_the_host() -> None:
    args = [VECTOR, VECTOR.copy(), 1000, 50]
    text = kernels(programs.steps, args, {"N": parpy.threads(1000)})
    launcher = text[text.index("#ifndef __CUDACC_RTC__") :]
    assert "for (int64_t _t = 0; _t < 50; _t++) {" in launcher
    assert launcher.count("<<<1, 1024, 0, stream>>>") == 2


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_elements_are_pairs(dtype: str) -> None:
    x = np.zeros(100, dtype)
    kernels(programs.complex_axpy, [1 + 2j, x, x.copy(), 100], {"N": parpy.threads(100)})


def host_assignment(x, y, N):
    y[0] = 0.0
    parpy.label("N")
    for i in range(N):
        y[0] += x[i]


@pytest.mark.parametrize("integer", [parpy.types.I8, parpy.types.I16, parpy.types.I32])
@pytest.mark.parametrize("real", [parpy.types.F16, parpy.types.F32])
def test_weak_values_are_of_the_forced_types(integer: Any, real: Any) -> None:
    x, k = np.zeros(100, np.float32), np.zeros(100, np.int64)
    opts = cuda({"N": parpy.threads(64)})
    opts.specialize = "never"
    args = [x, x.copy(), k, 1.7]

    def kernel() -> str:
        text = parpy.print_compiled(programs.weak_values, args, opts)
        require_compiles(text)
        return text[text.index("weak_values_kernel0") :].split("\n}\n")[0]

    assert "double" in kernel()
    opts.force_int_size, opts.force_float_size = integer, real
    narrow = kernel()
    assert "double" not in narrow
    assert f"_{integer.value}(" in narrow


def test_assignments_outside_parallel_code_are_refused() -> None:
    opts = cuda({"N": parpy.threads(100).reduce()})
    with pytest.raises(RuntimeError) as caught:
        parpy.print_compiled(host_assignment, [VECTOR, ROW, 100], opts)
    text = str(caught.value)
    assert text.startswith("Assignments are not allowed outside parallel code.\n\nOn line ")
    assert "    y[0] = 0.0\n    ^^^^\n" in text


def test_temporaries_of_host_code_are_filled_by_many_threads() -> None:
    text = parpy.print_compiled(
        programs.filled, [VECTOR, VECTOR.copy(), 1000], cuda({"N": parpy.threads(1000)})
    )
    require_compiles(text)
    assert "filled_kernel0<<<dim3(2, 3, 1), 32, 0, stream>>>(t)" in text
    assert "filled_kernel1<<<1, 1024, 0, stream>>>(c)" in text


def test_loops_of_one_level_must_agree() -> None:
    schedule = {"rows": parpy.threads(100), "shift": parpy.threads(64), "square": parpy.threads(32)}

    def two_loops(x, y, N, M):
        parpy.label("rows")
        for i in range(N):
            parpy.label("shift")
            for j in range(M):
                y[i, j] = x[i, j] - 1.0
            parpy.label("square")
            for j in range(M):
                y[i, j] = y[i, j] * y[i, j]

    with pytest.raises(parpy.CompileError, match="Found inconsistent parallel structures") as error:
        parpy.print_compiled(two_loops, [ROWS, ROWS.copy(), 100, 1024], cuda(schedule))
    assert "'shift' asks for threads(64)" in str(error.value)
    assert "'square' asks for threads(32)" in str(error.value)


def test_a_function_without_parallelism_is_refused() -> None:
    with pytest.raises(parpy.CompileError, match=r"total does not contain any parallelism"):
        parpy.print_compiled(programs.total, [VECTOR, ROW], cuda({}))


def test_an_uncounted_temporary_in_a_kernel_is_refused() -> None:
    def growing(y, N):
        with parpy.gpu:
            for i in range(N):
                t = np.zeros(i)
                y[i] = parpy.operators.sum(t[:])

    with pytest.raises(parpy.CompileError, match="must be known before the loop"):
        parpy.print_compiled(growing, [VECTOR, 10], cuda({}))


def test_cuda_code_has_no_assembly() -> None:
    x = np.zeros(8)
    stages = parpy.jit(programs.negate).lower(x, x.copy(), 8, opts=cuda({"N": parpy.threads(8)}))
    assert "__global__" in stages.code
    with pytest.raises(NotImplementedError, match="nvcc -ptx"):
        stages.assembly  # noqa: B018


def test_what_branches_choose_between_is_not_restricted() -> None:
    """NVRTC read the element that was stored by the cache for constant memory."""
    x, y = np.zeros(2), np.zeros(2)
    opts = cuda({})
    opts.specialize = "never"
    text = parpy.print_compiled(programs.chosen, [x, y, 3], opts=opts)
    assert "const double *x" in text
    assert "double *__restrict__ y" in text


def test_nothing_is_restricted_beside_arrays_that_overlap() -> None:
    base = np.zeros(10)
    arguments = [base[:9], base[1:], np.zeros(1)]
    assert "__restrict__" not in parpy.print_compiled(programs.kept, arguments, opts=cuda({}))
    arguments[1] = np.zeros(9)
    assert "__restrict__" in parpy.print_compiled(programs.kept, arguments, opts=cuda({}))


def products_of_numbers(x, y, a, b):
    parpy.label("N")
    for i in range(len(x)):
        y[i] = a * b + a * x[i]


def test_products_of_numbers_are_rounded_as_constants_are() -> None:
    """NVRTC joins other products with a sum."""
    opts = cuda({"N": parpy.threads(100)})
    opts.specialize = "never"
    text = parpy.print_compiled(products_of_numbers, [VECTOR, VECTOR.copy(), 1.1, 2.2], opts)
    require_compiles(text)
    assert "y[i] = __dmul_rn(a, b) + a * x[i];" in text


def unread_parameters(text: str) -> list[str]:
    """The name of the first kernel, and the parameters of all that their bodies do not mention."""
    kernels = re.findall(r"__launch_bounds__.* (\w+)\(\n +(.*)\) \{\n((?:.*\n)*?)\}\n", text)
    found = [kernels[0][0]]
    for _, parameters, body in kernels:
        names = re.findall(r"(\w+)(?:,|$)", parameters)
        found += [name for name in names if not re.search(rf"\b{name}\b", body)]
    return found


def corners(x, y, z, N):
    parpy.label("rows")
    for i in range(N):
        parpy.label("columns")
        for j in range(x.shape[1]):
            y[i, j] = x[0, j] + z[0, i, 0] + z[i, 0, j]


@pytest.mark.parametrize("transposed", [False, True])
def test_kernels_are_given_what_they_read_and_no_more(transposed: bool) -> None:
    def array(*shape: int) -> Any:
        return np.zeros(shape[::-1], np.float32).T if transposed else np.zeros(shape, np.float32)

    rows, vector = array(7, 9), array(7)
    schedule = {"rows": parpy.threads(7), "columns": parpy.threads(64)}
    opts = cuda(schedule)
    opts.specialize = "never"
    for function, args in (
        (programs.sum_rows, [rows, vector, 7]),
        (programs.softmax, [rows, array(7, 9), 7]),
        (programs.part_of_rows, [rows, array(7, 9), vector, 2, 5, 7]),
        (corners, [rows, array(7, 9), array(7, 7, 9), 7]),
    ):
        for opts.check_bounds in (False, True):
            text = parpy.print_compiled(function, args, opts)
            require_compiles(text)
            unread = unread_parameters(text)
            assert unread.pop(0) == function.__name__ + "_kernel0"
            # Every kernel has the error slot where one of them writes it.
            assert set(unread) <= ({"slot"} if opts.check_bounds else set())
