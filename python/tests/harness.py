"""The oracle of the language tests: the same function, undecorated, in plain Python.

`check` runs a function undecorated and decorated, under every schedule and memory layout asked for,
and compares every array argument. `Wrong` collects programs that are wrong, each with the
message expected in a comment on the faulty line, and `reject` holds them to it.
"""

from __future__ import annotations

import faulthandler
import functools
import gc
import inspect
import linecache
import os
import re
import textwrap
import traceback
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, TypeVar

import numpy as np
import on_cuda
import pytest

import parpy

Schedule = Mapping[str, parpy.LoopPar]
F = TypeVar("F", bound=Callable[..., Any])

INTEGERS = "int8 int16 int32 int64 uint8 uint16 uint32 uint64".split()
FLOATS = "float16 float32 float64".split()
COMPLEXES = "complex64 complex128".split()
NUMBERS = INTEGERS + FLOATS
DTYPES = ["bool", *NUMBERS]

ON_CPU = pytest.mark.skipif(on_cuda.is_on(), reason="about the CPU backend")
"""Marks tests of programs that mean something else on CUDA."""

LAYOUTS = ("contiguous", "strided", "reversed", "transposed", "window")
"""How `check` may lay array arguments out in memory; see `lay_out`."""


# --- Programs -------------------------------------------------------------------------------


@functools.cache
def decorated(function: FunctionType) -> Any:
    """`parpy.jit(function)`, the same object for the same function."""
    return parpy.jit(function)


_defined = 0


def define(source: str, **names: Any) -> FunctionType:
    """The function that `source` defines, in a file that `inspect` can read.

    For tables of programs that differ in a line; `names` are the module's globals.
    """
    global _defined
    _defined += 1
    filename = f"<program {_defined} of the tests>"
    text = textwrap.dedent(source).strip("\n") + "\n"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    module: dict[str, Any] = {"np": np, "parpy": parpy, "__name__": "program", **names}
    exec(compile(text, filename, "exec"), module)
    functions = [
        f
        for f in module.values()
        if isinstance(f, FunctionType) and f.__code__.co_filename == filename
    ]
    return functions[-1]


# --- Schedules ------------------------------------------------------------------------------


def each(*labels: str, reduce: str = "", threads: Iterable[int] = (1, 64)) -> list[Schedule]:
    """Schedules that make each label parallel alone, and all of them together.

    Args:
        labels: the labels of the program.
        reduce: those among them, separated by spaces, whose loops are declared reductions.
        threads: the numbers of threads to try.
    """
    declared = reduce.split()
    schedules: list[Schedule] = []
    for n in threads:
        chosen = {
            label: parpy.threads(n).reduce() if label in declared else parpy.threads(n)
            for label in (*labels, *(d for d in declared if d not in labels))
        }
        schedules += [{label: schedule} for label, schedule in chosen.items()]
        if len(chosen) > 1:
            schedules.append(chosen)
    return schedules


def options(schedule: Schedule | None = None, **settings: Any) -> parpy.CompileOptions:
    """`parpy.par(schedule)` with other settings, such as `strict=True`."""
    opts = parpy.par(dict(schedule or {}))
    for name, value in settings.items():
        setattr(opts, name, value)
    return opts


# --- Memory ---------------------------------------------------------------------------------

_CANARY = 0xA5
_MARGIN = 3
_ALIGNED_MARGIN = 4  # a multiple of 16 bytes, where an element has 4 or 8


@dataclass
class Placed:
    """An array at a place in a larger piece of memory, all of which is watched."""

    array: np.ndarray
    memory: np.ndarray

    def neighbours_changed(self) -> bool:
        """Whether anything but the array's own elements was written; the array is lost."""
        self.array[...] = _canary(self.array.dtype)
        return not bool(np.all(self.memory == _canary(self.memory.dtype)))


def _canary(dtype: np.dtype) -> Any:
    if dtype.kind == "b":
        return True
    if dtype.kind == "f":
        return dtype.type(-12345.678)
    return np.frombuffer(bytes([_CANARY]) * dtype.itemsize, dtype)[0]


def lay_out(array: np.ndarray, layout: str) -> Placed:
    """A copy of `array` in the middle of other memory.

    Args:
        array: of any shape; zero-dimensional arrays stay contiguous.
        layout: "contiguous"; "strided": every second element in each dimension; "reversed":
            negative strides; "transposed": the first dimension runs fastest; "window": a part of a
            larger array of the same order.
    """
    m = _MARGIN
    if layout == "contiguous" or array.ndim == 0:
        m = _ALIGNED_MARGIN
        memory = np.full(array.size + 2 * m, _canary(array.dtype))
        view = memory[m : m + array.size].reshape(array.shape)
    elif layout == "strided":
        memory = np.full([2 * n + 2 * m for n in array.shape], _canary(array.dtype))
        view = memory[tuple(slice(m, m + 2 * n, 2) for n in array.shape)]
    elif layout == "transposed":
        memory = np.full([n + 2 * m for n in reversed(array.shape)], _canary(array.dtype))
        view = memory[tuple(slice(m, m + n) for n in reversed(array.shape))].T
    elif layout in ("reversed", "window"):
        memory = np.full([n + 2 * m for n in array.shape], _canary(array.dtype))
        view = memory[tuple(slice(m, m + n) for n in array.shape)]
        if layout == "reversed":
            view = view[(slice(None, None, -1),) * array.ndim]
    else:
        raise ValueError(f"no such layout: {layout}")
    view[...] = array
    assert view.shape == array.shape
    return Placed(view, memory)


# --- Comparing ------------------------------------------------------------------------------


def assert_same(
    actual: np.ndarray,
    expected: np.ndarray,
    *,
    ulps: float = 0,
    rtol: float = 0,
    what: str = "result",
) -> None:
    """Fails unless two arrays agree.

    Integers and bools agree exactly. So do floats, down to the sign of zero, unless a bound is
    given: `ulps` counts units in the last place of the expected value, `rtol` is a part of the
    greatest expected magnitude. NaN agrees with NaN. The parts of complex numbers agree one by one,
    with bounds that count in units of the whole number.
    """
    assert actual.dtype == expected.dtype, f"{what}: {actual.dtype}, expected {expected.dtype}"
    assert actual.shape == expected.shape, f"{what}: {actual.shape}, expected {expected.shape}"
    if actual.dtype.kind == "c":
        size = np.abs(expected)
        agree = _floats_agree(actual.real, expected.real, ulps, rtol, size)
        agree &= _floats_agree(actual.imag, expected.imag, ulps, rtol, size)
    elif actual.dtype.kind == "f":
        agree = _floats_agree(actual, expected, ulps, rtol)
    else:
        agree = actual == expected
    if np.all(agree):
        return
    places = np.argwhere(~np.asarray(agree))
    shown = [
        f"  [{', '.join(map(str, p))}] {actual[tuple(p)]!r}, expected {expected[tuple(p)]!r}"
        for p in places[:5]
    ]
    pytest.fail(
        f"{what}: {len(places)} of {actual.size} elements differ\n" + "\n".join(shown),
        pytrace=False,
    )


def _floats_agree(
    actual: np.ndarray,
    expected: np.ndarray,
    ulps: float,
    rtol: float,
    sizes: np.ndarray | None = None,
) -> Any:
    sizes = expected if sizes is None else sizes
    with np.errstate(all="ignore"):
        both_nan = np.isnan(actual) & np.isnan(expected)
        equal = actual == expected
        if ulps == 0 and rtol == 0:
            return both_nan | (equal & (np.signbit(actual) == np.signbit(expected)))
        finite = np.isfinite(expected)
        allowed = ulps * np.spacing(np.abs(np.where(np.isfinite(sizes), sizes, 0)))
        if np.any(np.isfinite(sizes)):
            allowed = np.maximum(allowed, rtol * np.max(np.abs(sizes[np.isfinite(sizes)])))
        near = np.abs(actual.astype(np.float64) - expected.astype(np.float64)) <= allowed
        return both_nan | equal | (finite & near)


# --- Checking -------------------------------------------------------------------------------


def check(
    function: FunctionType,
    *args: Any,
    schedules: Sequence[Schedule] = (),
    strict: bool = False,
    ulps: float = 0,
    rtol: float = 0,
    layouts: Sequence[str] = ("contiguous",),
    plain: bool = True,
    warns: bool = False,
    **settings: Any,
) -> None:
    """Holds the decorated function to what the undecorated one does.

    The function runs once in plain Python and once for no schedule and for each of `schedules`, in
    each of `layouts`. Afterwards every array argument must be what it is in plain Python, and
    the memory around it must be untouched. One array given twice is one array in each run too.

    Args:
        function: undecorated.
        args: the arguments; arrays are copied for each run.
        schedules: from label to `LoopPar`; see `each`.
        strict: whether to compile with `strict=True`.
        ulps: the bound on float results, in units in the last place; 0 is exact.
        rtol: the same, as a part of the greatest result of an argument.
        layouts: how array arguments lie in memory; see `lay_out`.
        plain: whether to run without a schedule too.
        warns: whether a warning is no failure.
        settings: more attributes of `CompileOptions`.
    """
    expected = expect(function, *args)
    for layout in on_cuda.chosen(layouts):
        for schedule in on_cuda.chosen((*([{}] if plain else []), *schedules)):
            opts = options(schedule, strict=strict, **settings)
            what = f"{function.__name__}, {dict(schedule)}, {layout}"
            bounds = {"ulps": ulps, "rtol": rtol}
            run(function, args, opts, expected, layout=layout, warns=warns, what=what, **bounds)


def expect(function: FunctionType, *args: Any) -> list[Any]:
    """The arguments after the undecorated function ran on copies of them."""
    copies = _copies(args, lambda a: a.copy())
    with np.errstate(all="ignore"):
        decorated(function)(*copies, opts=parpy.seq())
    return copies


def run(
    function: FunctionType,
    args: Sequence[Any],
    opts: parpy.CompileOptions,
    expected: Sequence[Any],
    *,
    layout: str = "contiguous",
    ulps: float = 0,
    rtol: float = 0,
    warns: bool = False,
    what: str = "",
) -> list[Any]:
    """Runs the decorated function once, compares, and returns what the arrays held.

    A warning is a failure unless `warns`: a right program gets none. Under `--emulate` the program
    runs on CUDA, in each of the ways of `on_cuda`, instead of on the CPU.
    """
    bounds = {"ulps": ulps, "rtol": rtol}
    if not on_cuda.is_on():
        return _run_once(function, args, opts, expected, layout, warns, what, **bounds)
    results = list(args)
    for target in on_cuda.targets(function, opts):
        with target.counting(args):
            results = _run_once(
                target.function(),
                args,
                target.opts,
                expected,
                layout,
                True,
                f"{what}, {target}",
                **bounds,
            )
    return results


def _run_once(
    function: FunctionType,
    args: Sequence[Any],
    opts: parpy.CompileOptions,
    expected: Sequence[Any],
    layout: str,
    warns: bool,
    what: str,
    **bounds: float,
) -> list[Any]:
    places: list[Placed] = []

    def place(array: np.ndarray) -> np.ndarray:
        places.append(lay_out(array, layout))
        return places[-1].array

    passed = _copies(args, place)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if warns else "error", RuntimeWarning)
        # Tables of programs share schedules, and not each of them has all the labels.
        warnings.filterwarnings("ignore", message="No statement of")
        assert on_cuda.compiled(function, passed, opts)(*passed) is None
    results = [np.array(a) if isinstance(a, np.ndarray) else a for a in passed]
    parameters = list(inspect.signature(function).parameters)
    for name, actual, wanted in zip(parameters, results, expected, strict=True):
        if isinstance(actual, np.ndarray):
            assert_same(actual, wanted, what=f"{name} of {what}", **bounds)
    for placed in places:
        assert not placed.neighbours_changed(), f"memory beside an array was written: {what}"
    return results


def _copies(args: Sequence[Any], copy: Callable[[np.ndarray], np.ndarray]) -> list[Any]:
    """The arguments with each array replaced by its copy, the same array by the same copy."""
    made: dict[int, np.ndarray] = {}
    copies: list[Any] = []
    for a in args:
        if isinstance(a, np.ndarray) and a.ndim > 0:
            if id(a) not in made:
                made[id(a)] = copy(a)
            copies.append(made[id(a)])
        else:
            copies.append(a)
    return copies


def check_views(
    function: FunctionType,
    make: Callable[[], Sequence[Any]],
    *,
    schedules: Sequence[Schedule] = (),
    strict: bool = False,
    rtol: float = 0,
) -> None:
    """`check` for arguments that share memory.

    Args:
        function: undecorated.
        make: makes the arguments anew for each run; the views among them, overlaps included, are
            passed as they are.
        schedules: as for `check`.
        strict: as for `check`.
        rtol: as for `check`.
    """
    expected = make()
    with np.errstate(all="ignore"):
        function(*expected)

    def once(function: FunctionType, opts: parpy.CompileOptions, what: str) -> None:
        passed = make()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore" if on_cuda.is_on() else "error", RuntimeWarning)
            warnings.filterwarnings("ignore", message="No statement of")
            on_cuda.compiled(function, passed, opts)(*passed)
        parameters = inspect.signature(function).parameters
        for name, actual, wanted in zip(parameters, passed, expected, strict=True):
            if isinstance(actual, np.ndarray):
                assert_same(actual, wanted, rtol=rtol, what=f"{name} of {what}")

    for schedule in ({}, *schedules):
        opts = options(schedule, strict=strict)
        what = f"{function.__name__}, {dict(schedule)}"
        if not on_cuda.is_on():
            once(function, opts, what)
            continue
        for target in on_cuda.targets(function, opts):
            with target.counting(expected):
                once(target.function(), target.opts, f"{what}, {target}")


def check_or_reject(function: FunctionType, *args: Any, schedules: Sequence[Schedule] = ()) -> None:
    """For what this version need not have: right, or a diagnostic about a line of the function."""
    try:
        check(function, *args, schedules=schedules, warns=True)
    except (parpy.CompileError, NameError) as error:
        first = function.__code__.co_firstlineno
        last = first + len(inspect.getsourcelines(function.__code__)[0]) - 1
        assert error.filename == function.__code__.co_filename
        assert first <= error.lineno <= last
    assert_alive()


def survives(action: Callable[[], Any]) -> None:
    """Runs `action` in a forked child and fails unless it returns: for what may crash."""
    if on_cuda.is_on():
        pytest.skip("a child of fork cannot use CUDA")
    gc.collect()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: threads and fork
        child = os.fork()
    if child == 0:
        status = 1
        faulthandler.disable()
        try:
            action()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    _, result = os.waitpid(child, 0)
    assert not os.WIFSIGNALED(result), f"killed by signal {os.WTERMSIG(result)}"
    assert os.WEXITSTATUS(result) == 0, "failed in the child; its output is above"


# --- Wrong programs -------------------------------------------------------------------------


@dataclass
class Case:
    """A wrong program and how its error must look; see `Wrong`."""

    function: FunctionType
    args: tuple[Any, ...]
    error: type[BaseException]
    at: str | None
    schedule: Schedule
    settings: dict[str, Any]
    helps: bool = False

    @property
    def expected(self) -> list[tuple[int, str, str]]:
        """Line number, line and message of each line marked `# error: …`."""
        lines, first = inspect.getsourcelines(self.function.__code__)
        marked = [
            (first + i, line.rstrip("\n"), found[1])
            for i, line in enumerate(lines)
            if (found := re.search(r"# error: (.*?)\s*$", line))
        ]
        assert marked, f"{self.function.__name__} has no line marked `# error: …`"
        return marked


@dataclass
class Wrong:
    """Collects wrong programs:

        wrong = Wrong()

        @wrong(NameError, np.zeros(3), at="out")
        def assigns_an_unknown_array(x):
            out[0] = x[0]  # error: name 'out' is not defined

        @pytest.mark.parametrize("case", wrong.cases)
        def test_is_refused(case): reject(case)

    `at` is the stretch of the line that the error underlines, in ‹› where what stands around it is
    needed to find it; left out, only line and message count. With `helps` the error must end in a
    line of help. `schedule` and settings of `CompileOptions` are given by keyword.
    """

    cases: list[Any] = field(default_factory=list)

    def __call__(
        self,
        error: type[BaseException],
        *args: Any,
        at: str | None = None,
        schedule: Schedule | None = None,
        helps: bool = False,
        **settings: Any,
    ) -> Callable[[F], F]:
        def add(function: Any) -> Any:
            case = Case(function, args, error, at, schedule or {}, settings, helps)
            self.cases.append(pytest.param(case, id=function.__name__))
            return function

        return add


def reject(case: Case) -> BaseException:
    """Fails unless the program is refused as its comments say, and returns the error."""
    before = [a.copy() if isinstance(a, np.ndarray) else a for a in case.args]
    with pytest.raises(case.error) as caught:
        made = parpy.jit(case.function)
        made(*case.args, opts=options(case.schedule, **case.settings))
    error = caught.value
    assert not isinstance(error, parpy.InternalCompilerError), f"a bug was met: {error}"
    expected = case.expected
    for _, _, message in expected:
        assert message in str(error)
    line, text, message = expected[0]
    assert_placed(error, case.function, line)
    assert message in str(error).split("\n\n")[0], "the first message is about another line"
    if case.at is not None:
        assert_underlines(error, text, case.at)
    if case.helps:
        assert "\nhelp: " in str(error)
    for a, b in zip(case.args, before, strict=True):
        if isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b, "an argument was changed before the error")
    assert_alive()
    return error


def assert_placed(error: BaseException, function: FunctionType, line: int) -> None:
    """The attributes and the text of an error name `line` of `function`, as SPEC §6 lays it out."""
    lines, first = inspect.getsourcelines(function.__code__)
    filename = function.__code__.co_filename
    assert error.filename == filename
    assert error.lineno == line
    assert isinstance(error.col_offset, int)
    end = error.end_lineno
    assert end is not None and end >= line
    place = f"On line {line} of file" if end == line else f"On lines {line}-{end} of file"
    quoted = [text.rstrip("\n") for text in lines[line - first : end - first + 1]]
    margin = min(len(t) - len(t.lstrip()) for t in quoted if t.strip())
    body = "\n".join("    " + t[margin:] for t in quoted[:8])
    assert f"\n\n{place} {filename}:\n{body}\n" in str(error) + "\n"
    message = str(error).split("\n\n")[0]
    assert message and "\n" not in message, "the message is one line, then comes an empty one"


def assert_underlines(error: BaseException, line: str, fragment: str) -> None:
    """The error points at `fragment` of `line`: by its column, and by the carets under it."""
    if "‹" in fragment:
        start = line.index(re.sub("[‹›]", "", fragment)) + fragment.index("‹")
        fragment = fragment[fragment.index("‹") + 1 : fragment.index("›")]
    else:
        start = line.index(fragment)
    column = len(line[:start].encode())
    assert error.col_offset == column, (
        f"column {error.col_offset} ({line.encode()[error.col_offset :].decode()!r}), "
        f"expected {column} ({fragment!r})"
    )
    margin = len(line) - len(line.lstrip())
    carets = " " * (4 + start - margin) + "^" * len(fragment)
    rows = str(error).splitlines()
    place = rows.index("    " + line.strip())
    assert rows[place + 1] == carets


def _add_one(x, n):
    parpy.label("N")
    for i in range(n):
        x[i] = x[i] + 1


def assert_alive() -> None:
    """The process still compiles and runs right programs."""
    x = np.zeros(5)
    for schedule in ({}, {"N": parpy.threads(8)}):
        decorated(_add_one)(x, 5, opts=options(schedule))
    assert x.tolist() == [2.0] * 5


def module(folder: Path, text: str, name: str = "example") -> ModuleType:
    """The module of that text, in a file of its own, so that a test can state whole messages."""
    text = textwrap.dedent(text).lstrip("\n")
    path = folder / f"{name}.py"
    path.write_text(text)
    made = ModuleType(name)
    made.__file__ = str(path)
    exec(compile(text, str(path), "exec"), made.__dict__)
    return made


def marked_lines(function: FunctionType) -> dict[str, int]:
    """Line number of each `# here: NAME` comment of a function."""
    lines, first = inspect.getsourcelines(function.__code__)
    return {
        found[1]: first + i
        for i, line in enumerate(lines)
        if (found := re.search(r"# here: (\w+)", line))
    }
