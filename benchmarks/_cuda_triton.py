"""A kernel in Triton, which reads its source from a file."""

import triton
import triton.language as tl


@triton.jit
def _add(x, y, z, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < n
    tl.store(z + i, tl.load(x + i, inside) + tl.load(y + i, inside), inside)


def add(x, y, z, n):
    """z = x + y, of n elements."""
    _add[(1,)](x, y, z, n, BLOCK=1024)
