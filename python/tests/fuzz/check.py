"""Runs one case in this process and says how it went."""

from __future__ import annotations

import ast
import linecache
import re
import warnings
from typing import Any

import numpy as np
import on_cuda
from cases import Argument, Case
from expressions import MATH, NUMPY_MATH
from floats import is_floating
from harness import lay_out
from oracle import Discard, Expectation, Perturbation, Unlimited, checked, run_plain

import parpy

_defined = 0

KNOWN_REFUSALS = (
    "a slice of length 1 is stretched only where that length is known when compiling",
)
"""Refusals of right programs that the documentation names."""

_INSTRUCTIONS = {"sqrt", "fabs", "floor", "ceil", "trunc"}
_LIBRARY = re.compile(
    rf"\b({'|'.join({*MATH, *NUMPY_MATH, 'atan2', 'pow', 'fmod', 'hypot'} - _INSTRUCTIONS)})\(|\*\*"
)
"""Functions of the math library."""


def define(text: str) -> Any:
    """The function `program` of the text, undecorated, in a file that `inspect` can read."""
    global _defined
    _defined += 1
    filename = f"<fuzz {_defined}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    module: dict[str, Any] = {"np": np, "parpy": parpy, "__name__": "fuzz"}
    exec(compile(text, filename, "exec"), module)
    return module["program"]


def forget() -> None:
    """Drops the texts of programs that are done."""
    for name in [n for n in linecache.cache if n.startswith("<fuzz ")]:
        del linecache.cache[name]


# --- Arguments ------------------------------------------------------------------------------


def data(a: Argument) -> np.ndarray:
    """The elements of an array argument."""
    assert a.shape is not None
    rng = np.random.default_rng(a.seed)
    dtype = np.dtype(a.kind)
    if dtype.kind == "c":
        made = np.empty(a.shape, dtype)
        halves = {**a.__dict__, "kind": "float64"}
        made.real = data(Argument(**halves))
        made.imag = data(Argument(**{**halves, "seed": a.seed + 1}))
        return made
    if dtype.kind == "b":
        return rng.random(a.shape) < 0.5
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        if a.data == "wide":
            return rng.integers(info.min, info.max, a.shape, dtype, endpoint=True)
        return rng.integers(max(info.min, -9), 10, a.shape).astype(dtype)
    if a.data == "halves":
        return (rng.integers(-8, 9, a.shape) / 2).astype(dtype)
    values = rng.standard_normal(a.shape) * 3
    if a.data == "special":
        odd = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-310, 6e4, -1e-5, 1e300, 0.5, 2.5, -1.5]
        values = np.where(rng.random(a.shape) < 0.5, rng.choice(odd, a.shape), values)
    with np.errstate(all="ignore"):
        return values.astype(dtype)


def values(arguments: list[Argument], placed: bool) -> tuple[list[Any], list[Any]]:
    """The arguments to pass, and the memory of the arrays that are watched."""
    made: dict[str, Any] = {}
    watched = []
    for a in arguments:
        if a.shape is None:
            value: Any = a.value
            if a.kind in ("wi", "wf", "wb"):
                value = checked({"wi": int, "wf": float, "wb": bool}[a.kind](value))
            elif a.kind in ("wc", "complex64", "complex128"):
                value = complex(value, 1 - value / 2)
                value = value if a.kind == "wc" else np.dtype(a.kind).type(value)
            else:
                value = np.float64(value).astype(a.kind)
            made[a.name] = value
        elif not a.alias:
            views = [b for b in arguments if b.alias.endswith(f" {a.name}")]
            if views and views[0].alias.startswith("after"):
                n = a.shape[0]
                base = data(Argument(a.name, a.kind, (n + 1, *a.shape[1:]), 0, a.data, "", a.seed))
                made[a.name], made[views[0].name] = base[:n], base[1:]
            elif views:
                base = data(a)
                backwards = views[0].alias.startswith("reversed")
                made[a.name], made[views[0].name] = base, base[::-1] if backwards else base
            elif placed:
                place = lay_out(data(a), a.layout)
                watched.append(place)
                made[a.name] = place.array
            else:
                made[a.name] = data(a)
    return [made[a.name] for a in arguments], watched


# --- Checking -------------------------------------------------------------------------------


def options(case: Case, settings: dict[str, Any], only: int | None = None) -> Any:
    schedule = {}
    for label, (threads, reduces) in case.schedule.items():
        chosen = parpy.threads(only if only and threads > 1 else threads)
        schedule[label] = chosen.reduce() if reduces else chosen
    opts = parpy.par(schedule)
    for name, value in settings.items():
        setattr(opts, name, value)
    return opts


def compiled(case: Case, program: Any, opts: Any) -> tuple[list[Any], str]:
    """What the arrays hold after a run, and what is wrong about their neighbours."""
    passed, watched = values(case.arguments, True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if on_cuda.is_on() else "error", RuntimeWarning)
        # Said of updates through data that cannot be done by several workers at once.
        warnings.filterwarnings("ignore", "the loop runs on one worker")
        program(*passed, opts=opts)
    results = [np.array(p) if isinstance(p, np.ndarray) else p for p in passed]
    stray = any(place.neighbours_changed() for place in watched)
    return results, "memory beside an array was written" if stray else ""


def check(case: Case) -> tuple[str, str]:
    """How a case went, and details.

    `ok`; `discard`: Python refuses it; `refused`: the compiler does; `beyond`: it needs what the
    GPU does not have; `different`; `error`.
    """
    names = [a.name for a in case.arguments]
    kinds = {a.kind for a in case.arguments}
    make = lambda: values(case.arguments, False)[0]  # noqa: E731
    try:
        expectations = {
            strict: Expectation(case.text, make, frozenset(case.reassociates), not strict)
            for strict in {bool(s.get("strict")) for s in case.settings}
        }
    except Discard as error:
        return "discard", str(error)
    except Exception as error:
        return "discard", f"{type(error).__name__}: {error}"
    function = define(case.text)
    program = parpy.jit(function)
    plain = make()
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            program(*plain, opts=parpy.seq())
        except Exception as error:
            return "discard", f"seq: {type(error).__name__}: {error}"
    for expectation in expectations.values():
        for name, a, e in zip(names, plain, expectation.expected, strict=True):
            if not isinstance(a, np.ndarray) or np.array_equal(a, e, equal_nan=is_floating(a)):
                continue
            if on_cuda.is_metal():
                continue  # Python's weak floats have 64 bits
            # NumPy multiplies complex numbers in one way or another, as they lie in memory.
            if "complex" not in str(kinds) or expectation.differences(plain, names):
                return "oracle", f"{name} under seq() differs from the instrumented program"
    for settings in case.settings:
        expectation = expectations[bool(settings.get("strict"))]
        opts = options(case, settings)
        if not on_cuda.is_on():
            status, detail = judge(case, program, opts, expectation, names)
            if status == "ok":
                detail = same_bits(case, program, settings, names)
                status = "different" if detail else "ok"
            if status != "ok":
                return status, f"{settings}: {detail}"
            continue
        refusals = 0
        targets = list(on_cuda.targets(function, opts, in_blocks=True))
        for target in targets:
            program = parpy.jit(target.function())
            status, detail = judge(case, program, target.opts, expectation, names)
            if status == "refused" and on_cuda.refusal(detail):
                refusals += 1
                continue
            if status != "ok":
                return status, f"{target}, {settings}: {detail}"
        if refusals == len(targets):
            return "beyond", ""
    return "ok", ""


def judge(
    case: Case, program: Any, opts: Any, expectation: Expectation, names: list[str]
) -> tuple[str, str]:
    """How one run of a case went, in the words of `check`."""
    try:
        results, stray = compiled(case, program, opts)
    except parpy.InternalCompilerError as error:
        return "error", str(error)
    except (parpy.CompileError, NameError) as error:
        if any(known in str(error) for known in KNOWN_REFUSALS):
            return "discard", f"known: {error}"
        return "refused", str(error)
    except Exception as error:
        return "error", f"{type(error).__name__}: {error}"
    if stray:
        return "different", stray
    found = expectation.differences(results, names)
    if found and expectation.moved:
        try:
            expectation.widen(24, 1000)
        except Discard as error:
            return "discard", str(error)
        found = expectation.differences(results, names)
    return ("different", "; ".join(found)) if found else ("ok", "")


def same_bits(case: Case, program: Any, settings: dict[str, Any], names: list[str]) -> str:
    """What differs with another number of workers, and specialised or not."""
    variants: list[tuple[str, Any]] = []
    draw = case.arguments[0].seed % 8
    # Loops in lanes take vector versions of the library's functions, unless they are to be strict.
    if draw == 0 and (settings.get("strict") or not _LIBRARY.search(case.text)):
        other = "always" if settings.get("specialize") == "never" else "never"
        variants.append((f"specialize={other}", options(case, {**settings, "specialize": other})))
    elif draw < 4 and any(n > 1 for n, _ in case.schedule.values()):
        variants.append(("threads(5)", options(case, settings, 5)))
    if not variants:
        return ""
    results, _ = compiled(case, program, options(case, settings))
    for what, opts in variants:
        again, stray = compiled(case, program, opts)
        for name, a, b in zip(names, results, again, strict=True):
            if isinstance(a, np.ndarray):
                same = (a == b) | ((a != a) & (b != b))
                if stray or not np.all(same):
                    p = tuple(map(int, np.argwhere(~np.asarray(same))[0]))
                    return f"{settings}: {name}{list(p)} is {a[p]!r}, with {what} {b[p]!r}"
    return ""


def refuse(case: Case) -> tuple[str, str]:
    """How a mutated program went: right, or refused with a place in the program."""
    try:
        ast.parse(case.text)
        program = parpy.jit(define(case.text))
    except (SyntaxError, NameError, AttributeError):  # of a decorator, for one
        return "discard", "not Python"
    except Exception as error:
        return placed(error, case)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if is_unlimited(case):
            return "discard", "too many steps or too large integers"
        passed, watched = values(case.arguments, True)
        try:
            program(*passed, opts=options(case, case.settings[0]))
        except Exception as error:
            return placed(error, case)
        results = [np.array(p) if isinstance(p, np.ndarray) else p for p in passed]
        if any(place.neighbours_changed() for place in watched):
            return "different", "memory beside an array was written"
    found = unlike_python(case, results)
    return ("different", found) if found else ("ok", "accepted")


def is_unlimited(case: Case) -> bool:
    """Whether the program, where Python runs it, has no end that ParPy must reach as well."""
    try:
        arguments, _ = values(case.arguments, False)
        run_plain(case.text, arguments, frozenset(), Perturbation(None, False))
    except Unlimited:
        return True
    except Exception:
        return False  # what ParPy makes of it is the question
    return False


def unlike_python(case: Case, results: list[Any]) -> str:
    """What differs from plain Python after a mutated program that Python runs without a word.

    What NumPy leaves undefined gives a warning: conversions out of range, for one.
    """
    make = lambda: values(case.arguments, False)[0]  # noqa: E731
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            run_plain(case.text, make(), frozenset(), Perturbation(None, False), "raise")
        expectation = Expectation(case.text, make, frozenset(case.reassociates), True)
        found = expectation.differences(results, [a.name for a in case.arguments])
        if found:
            expectation.widen(24, 1000)
            found = expectation.differences(results, [a.name for a in case.arguments])
        if found and reads_unwritten(case):
            return ""
    except Exception:
        return ""
    return "; ".join(found)


class _Filled:
    """NumPy, but that `empty` gives arrays of one value."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def empty(self, shape: Any, dtype: Any = np.float64) -> np.ndarray:
        return np.full(shape, self.value, dtype)


def reads_unwritten(case: Case) -> bool:
    """Whether a mutated program, where Python runs it, depends on what `np.empty` holds."""
    results = []
    for value in (0, 1):
        program = define(case.text)
        program.__globals__["np"] = _Filled(value)
        arguments, _ = values(case.arguments, False)
        program(*arguments)
        results.append([np.asarray(a) for a in arguments])
    return any(a.tobytes() != b.tobytes() for a, b in zip(*results, strict=True))


def placed(error: Exception, case: Case) -> tuple[str, str]:
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, parpy.InternalCompilerError):
        return "error", text
    if isinstance(error, RuntimeWarning):
        return "ok", text
    line = getattr(error, "lineno", None)
    if isinstance(error, parpy.CompileError | NameError | IndexError):
        if not isinstance(line, int) or not 1 <= line <= case.text.count("\n") + 1:
            return "error", f"no line: {text}"
        return "refused", text
    if isinstance(error, TypeError | ValueError | MemoryError):
        return "refused", text
    return "error", text
