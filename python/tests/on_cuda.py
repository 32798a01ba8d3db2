"""The programs of the language tests on a GPU, as written and in a `with parpy.gpu` block."""

from __future__ import annotations
import __future__

import ast
import contextlib
import copy
import functools
import inspect
import linecache
import os
import re
import textwrap
import types
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, TypeVar

import parpy

REFUSALS = (
    "Assignments are not allowed outside parallel code.",
    "Data cannot be accessed outside parallel code.",
    "does not contain any parallelism",
    "where its shape must be known before the loop",
    "Found inconsistent parallel structures",
    "parallel loops is too deep",
)
"""What GPUs refuse of the language: parts of the messages."""

NO_DOUBLES = "Metal does not support double-precision floating-point numbers"
REFUSALS_OF_METAL = (
    NO_DOUBLES,
    "which have 64 bits; on Metal that takes at most 32",
)
"""What Metal refuses beside that: it has neither float64 nor 64-bit atomics."""

_defined = 0


class NotWrapped(Exception):
    """The function cannot be put into a block; the message says why."""


@functools.cache
def in_gpu_block(function: FunctionType) -> FunctionType:
    """The function with its whole body in `with parpy.gpu:`.

        def f(x):                def f(x):
            x[0] = 1        →        with gpu:
                                         x[0] = 1

    It has the globals and the closure of the function, and a source that `inspect` finds.
    """
    return _with_body(function, lambda body: [_block(body or [ast.Pass()])])


@functools.cache
def in_gpu_blocks(function: FunctionType) -> FunctionType:
    """The function with a `with parpy.gpu:` for each statement but for what scalars alone take.

    def f(x):                def f(x):
        s = 1.0                  s = 1.0
        for i in range(3):       for i in range(3):
            x[0] += s        →       with gpu:
            s *= 2.0                     x[0] += s
                                     s *= 2.0
    """
    return _with_body(function, _in_blocks)


def _block(body: list[ast.stmt]) -> ast.stmt:
    return ast.With([ast.withitem(ast.Name("_gpu_block", ast.Load()))], body)


def _in_blocks(body: list[ast.stmt]) -> list[ast.stmt]:
    made: list[ast.stmt] = []
    labels: list[ast.stmt] = []
    for statement in body:
        if isinstance(statement, ast.Expr) and "label(" in ast.unparse(statement):
            labels.append(statement)
        elif not labels and (
            isinstance(statement, ast.Return)
            or _is_of_scalars(statement)
            or "= np." in ast.unparse(statement).split("\n")[0]  # a temporary ends with its block
        ):
            made.append(statement)
        elif not labels and isinstance(statement, ast.For) and not _leaves(statement):
            statement.body = _in_blocks(statement.body)
            made.append(statement)
        else:
            made.append(_block([*labels, statement]))
            labels = []
    return made


def _is_of_scalars(statement: ast.stmt) -> bool:
    """Whether a statement assigns names what is made of names, numbers and conversions."""
    if not isinstance(statement, ast.Assign | ast.AugAssign):
        return False
    for node in ast.walk(statement):
        if isinstance(node, ast.Subscript | ast.Slice):
            return False
        if isinstance(node, ast.Call) and not re.fullmatch(
            r"parpy\.operators\.(bool|u?int\d+|float\d+)", ast.unparse(node.func)
        ):
            return False
    return True


def _leaves(loop: ast.For) -> bool:
    ways_out = ast.Break | ast.Continue | ast.Return
    return bool(loop.orelse) or any(isinstance(node, ways_out) for node in ast.walk(loop))


def _with_body(
    function: FunctionType, changed: Callable[[list[ast.stmt]], list[ast.stmt]]
) -> FunctionType:
    """The function with another body, in which `_gpu_block` is `parpy.gpu`."""
    global _defined
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError) as error:
        raise NotWrapped(str(error)) from None
    definition = tree.body[0]
    if not isinstance(definition, ast.FunctionDef):
        raise NotWrapped("it is no function definition")
    body = definition.body
    start = 1 if ast.get_docstring(definition, clean=False) is not None else 0
    definition.body = [*body[:start], *changed(body[start:])]
    definition.decorator_list = []
    free = ["_gpu_block", *function.__code__.co_freevars]
    _defined += 1
    filename = f"<program {_defined} in a block>"
    inner = textwrap.indent(ast.unparse(ast.fix_missing_locations(definition)), "    ")
    source = f"def _outer({', '.join(free)}):\n{inner}\n    return {definition.name}\n"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    module: dict[str, Any] = {}
    flags = function.__code__.co_flags & __future__.annotations.compiler_flag
    exec(compile(source, filename, "exec", flags=flags, dont_inherit=True), module)
    outer = module["_outer"]
    code = next(c for c in outer.__code__.co_consts if isinstance(c, types.CodeType))
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    cells["_gpu_block"] = types.CellType(parpy.gpu)
    made = FunctionType(
        code,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        tuple(cells[name] for name in code.co_freevars),
    )
    made.__annotations__ = function.__annotations__
    made.__module__ = function.__module__
    return made


@dataclass
class Counts:
    """What became of the programs: the ways in which they ran, and why they were refused."""

    ran: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        lines = [f"{n} runs {way}" for way, n in sorted(self.ran.items())]
        lines += [f"{n} refused: {why}" for why, n in self.refused.most_common()]
        return "\n".join(lines)


COUNTS = Counts()


# --- Ways to compile ------------------------------------------------------------------------

THROUGH = ("compile_string", "nvcc")
_HOST_CODE = "\n#ifndef __CUDACC_RTC__\n"
_TEXTS_BY_NVCC = 25
_texts: Counter[str] = Counter()


def compiled(function: FunctionType, args: Sequence[Any], opts: parpy.CompileOptions) -> Any:
    """The function to call with `args` for `function`, compiled as `--through` says.

    That is `parpy.jit(function)` with its options, or what `parpy.compile_string` makes of the text
    that is printed for the arguments. With `nvcc` the host code of the text counts as edited, so
    that it is compiled and run, instead of the host program in the comments; that takes a second,
    so it is done with the first texts of a test.
    """
    if _through is None or opts.backend is not _backend:
        return functools.partial(_decorated(function), opts=opts)
    text = parpy.print_compiled(function, list(args), opts)
    test = os.environ.get("PYTEST_CURRENT_TEST", "")
    _texts[test] += 1
    if _through == "nvcc" and _texts[test] <= _TEXTS_BY_NVCC:
        before, mark, host = text.rpartition(_HOST_CODE)
        assert mark, "the printed text has no host code"
        text = f'{before}{mark}static_assert(true, "edited");\n{host}'
    return parpy.compile_string(function.__name__, text, opts)


@functools.cache
def _decorated(function: FunctionType) -> Any:
    return parpy.jit(function)


@dataclass
class Target:
    """One way to run a program on the GPU."""

    way: str
    function: Callable[[], FunctionType]
    opts: parpy.CompileOptions

    def __str__(self) -> str:
        through = "" if _through is None else f", through {_through}"
        return f"on {_backend.name} {self.way}{through}"

    @contextlib.contextmanager
    def counting(self, args: Sequence[Any]) -> Iterator[None]:
        """Counts the run inside; what the GPU does not have is refused, and no failure.

        Where Metal refuses float64, the program asks for it, or its arguments do.
        """
        try:
            yield
        except NotWrapped as error:
            COUNTS.refused[str(error)] += 1
        except parpy.CompileError as error:
            message = str(error).split("\n\n")[0]
            known = refusal(message)
            if known is None:
                raise
            if known == NO_DOUBLES:
                assert may_need_float64(self.function(), args, self.opts), message
            COUNTS.refused[known] += 1
        else:
            COUNTS.ran[self.way] += 1


def targets(
    function: FunctionType, opts: parpy.CompileOptions, *, in_blocks: bool = False
) -> Iterator[Target]:
    """The ways to run a program.

    As it is written where a label is parallel; in a block where none is, where the GPU refuses it
    as it is written, and always where everything is to run; in several blocks if that is asked for.
    On Metal weak integers have 64 bits, as in plain Python, unless the options say otherwise.
    """
    opts = copy.copy(opts)
    opts.backend = _backend
    if is_metal() and opts.force_int_size is None:
        opts.force_int_size = parpy.types.I64
    refused = COUNTS.refused.total()
    if opts.parallelize:
        yield Target("as written", lambda: function, opts)
    if not opts.parallelize or _mode == "all" or COUNTS.refused.total() > refused:
        yield Target("in a block", lambda: in_gpu_block(function), opts)
    if in_blocks:
        yield Target("in several blocks", lambda: in_gpu_blocks(function), opts)


def may_need_float64(
    function: FunctionType, args: Sequence[Any], opts: parpy.CompileOptions
) -> bool:
    """Whether a program has float64 somewhere: as an argument, by its name, or of strong integers.

    What divides integers, or joins them with float32, is float64 by NumPy's rules.
    """
    if opts.force_float_size is parpy.types.F64:
        return True
    leaves = [leaf for a in args for leaf in (a.values() if isinstance(a, dict) else [a])]
    kinds = {leaf.dtype for leaf in leaves if hasattr(leaf, "dtype")}
    if any(k in ("float64", "complex128") or k.kind in "iu" for k in kinds):
        return True
    return re.search("float64|complex128|int|F64|C128", inspect.getsource(function)) is not None


def refusal(message: str) -> str | None:
    """The part of a message that says what the GPU does not have; None for other messages."""
    known = REFUSALS + (REFUSALS_OF_METAL if is_metal() else ())
    return next((part for part in known if part in message), None)


# --- The option -----------------------------------------------------------------------------

MODES = ("off", "quick", "all")
_mode = "off"
_has_gpu = False
_through: str | None = None
_backend = parpy.CompileBackend.Cuda


def start(
    mode: str,
    has_gpu: bool,
    through: str | None = None,
    backend: parpy.CompileBackend = parpy.CompileBackend.Cuda,
) -> None:
    """Lets the programs of the language tests run on a GPU, all of them or some of each table.

    Args:
        mode: one of `MODES`.
        has_gpu: whether the GPU is a real one, or rounds as one.
        through: one of `THROUGH`, by which the programs are compiled instead of by `parpy.jit`.
        backend: of the GPU.
    """
    global _mode, _has_gpu, _through, _backend
    _mode, _has_gpu, _through, _backend = mode, has_gpu, through, backend


def is_on() -> bool:
    """Whether programs run on a GPU."""
    return _mode != "off"


def is_metal() -> bool:
    """Whether that GPU is one of Apple's."""
    return _backend is parpy.CompileBackend.Metal


def math_ulps() -> int:
    """How many units in the last place math functions may be off the C library's under `strict`.

    A GPU has its own; the emulated one calls the C library. What Metal's library lacks is ours.
    """
    return 4 if _has_gpu or is_metal() else 0


T = TypeVar("T")


def chosen(variants: Sequence[T]) -> Sequence[T]:
    """Of the schedules or layouts of one program those that run: the last, where few should."""
    return variants[-1:] if _mode == "quick" else variants
