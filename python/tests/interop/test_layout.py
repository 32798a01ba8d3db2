"""Views of memory that nobody may touch, against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

from parpy._layout import Layout

RANDOM = np.random.default_rng(5)


def layout_of(a: np.ndarray, base: np.ndarray) -> Layout:
    return Layout(a.ctypes.data - base.ctypes.data, a.shape, a.strides)


def random_array() -> tuple[np.ndarray, np.ndarray]:
    """A view, and what it is a view of."""
    base = np.zeros(RANDOM.integers(1, 5, RANDOM.integers(1, 5)), np.int32)
    view = base.transpose(RANDOM.permutation(base.ndim))
    return view[tuple(random_slice() for _ in range(view.ndim))], base


def random_slice() -> slice:
    step = int(RANDOM.choice([1, 1, 1, 2, -1, -2]))
    bounds = [None if RANDOM.random() < 0.6 else int(RANDOM.integers(-6, 6)) for _ in range(2)]
    return slice(*bounds, step)


def random_index(a: np.ndarray) -> tuple[object, ...]:
    parts: list[object] = []
    for extent in a.shape[: RANDOM.integers(0, a.ndim + 1)]:
        is_integer = extent and RANDOM.random() < 0.4
        parts.append(int(RANDOM.integers(-extent, extent)) if is_integer else random_slice())
    for new in (..., None, None):
        if RANDOM.random() < 0.3:
            parts.insert(int(RANDOM.integers(0, len(parts) + 1)), new)
    return tuple(parts)


def same(found: Layout, a: np.ndarray, base: np.ndarray) -> bool:
    """Whether both name the same elements."""
    if a.size == 0:
        return found.shape == a.shape
    wanted = layout_of(a, base)
    return (found.offset, found.shape) == (wanted.offset, wanted.shape) and all(
        f == w for f, w, n in zip(found.strides, wanted.strides, a.shape, strict=True) if n > 1
    )


def test_indices() -> None:
    for _ in range(3000):
        a, base = random_array()
        index = random_index(a)
        try:
            a[index]
        except IndexError:
            with pytest.raises(IndexError):
                layout_of(a, base)[index]
            continue
        found = layout_of(a, base)[index]
        # With `...` NumPy never reads an element.
        whole = index if any(part is ... for part in index) else (*index, ...)
        assert same(found, a[whole], base), (a.shape, a.strides, index)


def test_shapes() -> None:
    views = 0
    for _ in range(3000):
        a, base = random_array()
        factors = [f for n in a.shape for f in ((2, n // 2) if n == 4 else (n,))]
        RANDOM.shuffle(factors)
        cuts = sorted(RANDOM.integers(0, len(factors) + 1, 2))
        shape = [int(np.prod(part)) for part in np.split(np.array(factors), cuts)]
        if 0 not in shape and RANDOM.random() < 0.3:
            shape[int(RANDOM.integers(0, 3))] = -1
        found = layout_of(a, base).reshaped(shape)
        reshaped = a.reshape(shape)
        is_view = a.size == 0 or np.may_share_memory(reshaped, base)
        assert (found is not None) == is_view, (a.shape, a.strides, shape)
        if found is not None:
            views += 1
            assert same(found, reshaped, base), (a.shape, a.strides, shape)
    assert 500 < views < 2900


@pytest.mark.parametrize("shape", [(5,), (-1, -1), (-2, -3), (0,), (-1, 5), (0, -1)])
def test_other_numbers_of_elements(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="cannot reshape"):
        Layout.contiguous((2, 3), 4).reshaped(shape)


@pytest.mark.parametrize("index", [3, -4, (0, 4), (0, 0, 0), True, [0], np.array([0]), (..., ...)])
def test_wrong_indices(index: object) -> None:
    with pytest.raises(IndexError):
        Layout.contiguous((3, 4), 8)[index]
