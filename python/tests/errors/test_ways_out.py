"""What messages about common slips say, and the way out that they name."""

from __future__ import annotations

import math
import types

import numpy as np
import pytest
from harness import assert_alive, check, define

import parpy


def undecorated(s):
    return s + 1


@parpy.jit
def both(a):
    return a[0], a[1]


class Tensor:
    """An array that is known by DLPack alone."""

    def __dlpack__(self, **_: object) -> object:
        raise NotImplementedError


MODULE = {
    "TABLE": np.arange(3.0),
    "TENSOR": Tensor(),
    "SIZES": {"n": 3},
    "PAIR": (1, 2),
    "ITEMS": [1, 2],
    "SETTINGS": types.SimpleNamespace(width=3),
}
UNKNOWN = "Call to unknown function "
SUM = "write the loops, or a sum over products"
DICTIONARY = "pass the dictionary as an argument"
CHECKED = "check before the call, or store in an array what the caller is to check"
KNOWN = (
    "known are functions decorated with @parpy.jit, those of parpy.operators and parpy.math, and "
    "what math and numpy have of the same meaning"
)
COPY = "write the slice where 't' is used, or copy it into a temporary: t = np.empty(…); t[:] = …"
LOOP = "write a loop over the elements: with x[c[i]] for indices, with an if for a mask"
CANNOT_BECOME = " cannot become another name of the array"
TURNS = (
    "to let two arrays take turns, call a helper with them in both orders, step(a, b) and "
    "step(b, a), or use one array with a leading dimension of 2: buf[t % 2]"
)
BRANCHES = "write an if statement with an assignment in each branch, or a loop that chooses between"
CANNOT_NAME = " cannot name a slice: a slice expression never becomes an array of its own"
PASS = "pass it as an argument"
ELEMENTS = "pass an array of its elements as an argument, or give each a name of its own"
TWO_DIGITS = "to keep two digits, write round(x * 100) / 100"
NEW_AXIS = "numpy.newaxis (None) in an index is not supported"
STEP_COUNT = "for k in range((stop - start + step - 1) // step), with"
SCALAR_NEEDED = "an array stands where a scalar is needed"

# A statement of `def f(x, y, a, c, n, z)`, how the message begins, and the help: "" for none.
SLIPS = [
    # Functions and methods that are not there.
    (
        "print(x[0])",
        "Call to unknown function print",
        "run the function in Python with opts=parpy.seq() to print, or call a @parpy.callback",
    ),
    ("y[0] = np.dot(x, x)", "Call to unknown function np.dot", f"{SUM}: sum(x[:] * y[:])"),
    (
        "y[0] = np.mean(x)",
        "Call to unknown function np.mean",
        "divide a sum by a length: sum(x[:]) / len(x)",
    ),
    (
        "y[0] = x.mean()",
        "method 'mean' of an array is not supported",
        "divide a sum by a length: sum(x[:]) / len(x)",
    ),
    ("np.add(x, x, out=y)", "Call to unknown function np.add", "write the operator +"),
    ("y[0] = math.remainder(x[0], 3)", UNKNOWN, "write x - n * round(x / n)"),
    ("y[0] = np.remainder(x[0], 3)", UNKNOWN, "write the operator %"),
    ("y[0] = np.fmod(x[0], 3)", UNKNOWN, "write math.fmod(x, y)"),
    ("y[0] = pow(n, 5, 7)", UNKNOWN, "write the operator **; for a power modulo n, multiply"),
    ("y[:] = np.clip(x, 0, 1)", UNKNOWN, "write min(max(x, low), high)"),
    ("y[0] = math.degrees(x[0])", UNKNOWN, "write x * (180 / math.pi)"),
    ("y[0] = np.logical_and(n, x[0])", UNKNOWN, "write `a and b`"),
    (
        "y[0] = math.log(x[1], 2)",
        "math.log is supported with 1 argument, 2 were given",
        "for another base, divide: math.log(x) / math.log(base)",
    ),
    (
        "y[0] = math.hypot(3, 4, x[0])",
        "math.hypot is supported with 2 arguments, 3 were given",
        "write the square root of the sum of the squares",
    ),
    (
        "y[0] = np.iinfo(np.int32).max",
        "this expression is not supported",
        "give the value a name outside of the function",
    ),
    ("y[0] = np.spacing(x[0])", "Call to unknown function np.spacing", KNOWN),
    (
        "y[0] = undecorated(x[0])",
        "Call to unknown function undecorated",
        "decorate it with @parpy.jit, or with @parpy.callback to call it in Python",
    ),
    (
        "y.fill(0.0)",
        "method 'fill' of an array is not supported",
        "assign to a slice: x[:] = value",
    ),
    (
        "a[0].sort()",
        "method 'sort' of an array is not supported",
        "sum, prod, min, max and conjugate are supported",
    ),
    ("x.sum()", "an expression as a statement is not supported", "assign its value"),
    # Names that are misspelt.
    (
        "y[0] = np.sinn(x[0])",
        "Call to unknown function np.sinn: the name is not defined",
        "did you mean np.sin?",
    ),
    (
        "parpy.lable('N')",
        "Call to unknown function parpy.lable: the name is not defined",
        "did you mean parpy.label?",
    ),
    (
        "y[0] = undecoratd(x[0])",
        "Call to unknown function undecoratd: the name is not defined",
        "did you mean undecorated?",
    ),
    ("y[0] = nothing_like_it(1)", "Call to unknown function nothing_like_it: the name is not", ""),
    ("y[0] = np.Pi", "name 'np.Pi' is not defined", "did you mean 'np.pi'?"),
    (
        "total = 1.0; y[0] = totl",
        "name 'totl' is not defined",
        "did you mean 'total'? 'x', 'y', 'a', 'c', 'n' and 'z' are parameters of f",
    ),
    (
        "y[0] = out",
        "name 'out' is not defined",
        "'x', 'y', 'a', 'c', 'n' and 'z' are parameters of f",
    ),
    (
        "y[0] = GAMA",
        "name 'GAMA' is not defined",
        "did you mean 'GAMMA'? 'x', 'y', 'a', 'c', 'n' and 'z' are parameters of f",
    ),
    ("y[0] = npp.pi", "name 'npp' is not defined", "did you mean 'np'?"),
    ("y[0] = pary.math.sin(x[0])", "name 'pary' is not defined", "did you mean 'parpy'?"),
    (
        "y[0] = maxx(x[0], 1.0)",
        "Call to unknown function maxx: the name is not defined",
        "did you mean max?",
    ),
    # Nothing that the compiler does not know is recommended.
    ("y[0] = sortedd(x)", "Call to unknown function sortedd: the name is not defined", ""),
    (
        "for i in rnge(3): y[i] = 1",
        "Call to unknown function rnge: the name is not defined",
        "did you mean range?",
    ),
    # Syntax.
    ("t = [0.0, 1.0]", "List displays are not supported.", "pass an array, or store the elements"),
    ("t = {'a': 1}", "Dictionary displays are not supported.", DICTIONARY),
    ("y[0] = sum(v for v in x)", "Comprehensions are not supported.", "write a loop, or an"),
    ("f = lambda v: v", "`lambda` is not supported.", "define a function with @parpy.jit"),
    ("import math", "`import` inside a function is not supported.", "import at the top of the"),
    ("assert n > 0", "`assert` is not supported.", CHECKED),
    ("raise ValueError('n')", "`raise` is not supported.", CHECKED),
    ("global undecorated", "`global` is not supported.", "pass an array, and store into an"),
    ("y[0] = (t := 1)", "`:=` is not supported.", "assign in a statement of its own"),
    # Loops.
    (
        "for i, v in enumerate(x): y[i] = v",
        "a loop over anything but range is not supported",
        "write for i in range(len(x)) and x[i]",
    ),
    (
        "for v in x: y[0] += v",
        "a loop over anything but range is not supported",
        "write for i in range(len(x)) and x[i]",
    ),
    (
        "for v in x[1:]: y[0] += v",
        "a loop over anything but range is not supported",
        "write for i in range(…) and index the array",
    ),
    ("for i in range(0, 1, 2, 3): y[i] = 1", "range takes 1 to 3 arguments, 4 were given", ""),
    ("for i in range(stop=3): y[i] = 1", "range takes no keyword arguments", ""),
    (
        "for i in range(len(x) / 2): y[i] = 1",
        "an argument of range must be an integer, not float64",
        "the quotient of integers without a fraction is written //",
    ),
    (
        "for j in range(c[1], n, c[2]): y[j] = 1",
        "a step that is not known when compiling is not supported",
        "write a while loop: j = start; while j < stop: …; j += step; or, so that it can run in "
        f"parallel, a loop over the number of steps: {STEP_COUNT} j = start + k * step",
    ),
    (
        "y[:: c[1]] = 1",
        "a slice step that is not known when compiling is not supported",
        f"write a loop over the number of steps: {STEP_COUNT} x[start + k * step]",
    ),
    # Arrays and scalars.
    ("y[:] = x[c]", SCALAR_NEEDED, LOOP),
    ("y[x > 2] = 0.0", SCALAR_NEEDED, LOOP),
    ("y[:] = not x", SCALAR_NEEDED, "index it, reduce it with"),
    ("y = x * 2", f"'y'{CANNOT_NAME}", "to store into the array, write y[:] = …"),
    ("x, y = y, x", f"'x'{CANNOT_BECOME} 'y': arrays cannot be rebound", TURNS),
    (
        "t = x",
        f"'t'{CANNOT_BECOME} 'x': arrays cannot be rebound",
        f"write 'x' where 't' is used; {TURNS}",
    ),
    (
        "y = x",
        f"'y'{CANNOT_BECOME} 'x': arrays cannot be rebound",
        f"to copy the elements, write y[:] = x[:]; {TURNS}",
    ),
    (
        "t = x if x[0] > 0 else y",
        "choosing between arrays such as 'x' is not supported",
        "choose between elements: a[i] if c else b[i]; or use one array with a leading dimension",
    ),
    ("y[:] = x[:] if n > 0 else x[::-1]", "choosing between slices is not supported", BRANCHES),
    ("y[:] = x if x[0] > 0 else y", "choosing between slices is not supported", BRANCHES),
    (
        "y[:] = x[:] if x[:] > 0 else 0",
        "an array stands where a condition is needed",
        "write a loop that chooses between elements: a[i] if c[i] else b[i]",
    ),
    ("y[:] = np.where(x > 0, x, 0)", "Call to unknown function np.where", "write a loop with `a"),
    (
        "a[0], a[1] = a[1], a[0]",
        "an array in a tuple assignment is not supported",
        "scalars are unpacked; to let rows change places, swap their elements in a loop",
    ),
    ("t = a[0]", f"'t'{CANNOT_NAME}", COPY),
    ("n[0] = 1.0", "'n' is a scalar of type int64 and cannot be subscripted", ""),
    ("t = x[1]; t[0] = 1.0", "'t' is a scalar of type float64 and cannot be subscripted", ""),
    ("y[0] = n[0]", "'n' is a scalar of type int64 and cannot be subscripted", ""),
    ("y[:] = x[np.newaxis, :]", NEW_AXIS, "leave it out: operands with fewer dimensions"),
    ("a[:, :] = x[None, :]", NEW_AXIS, "leave it out: operands with fewer dimensions"),
    ("a[:, :] = c[:2, None]", NEW_AXIS, "write a loop over the dimension before it, for i in"),
    ("y[0] = x[0, 1]", "too many indices: 'x' has 1 dimension, 2 were given", ""),
    (
        "p = both(a[0])",
        "a tuple as the value of a name is not supported",
        "give each part a name: a, b = …",
    ),
    ("p, q = x.shape", "cannot unpack 1 value into 2 names", ""),
    ("y[0] = both(x)", "storing a tuple in an element is not supported", "unpack it first: a, b ="),
    # Data of the module.
    ("y[0] = TABLE[1]", "'TABLE', an array, is not supported", PASS),
    ("TABLE[:] = x[:]", "'TABLE', an array, is not supported", PASS),
    ("y[0] = TABLE.sum()", "'TABLE', an array, is not supported", PASS),
    ("for i in range(len(TABLE)): y[i] = 1", "'TABLE', an array, is not supported", PASS),
    ("y[0] = TABLE.shape[0]", "'TABLE', an array, is not supported", PASS),
    ("y[0] = TENSOR[1]", "'TENSOR', an array, is not supported", PASS),
    ("y[0] = SIZES['n']", "'SIZES', a dict, is not supported", PASS),
    ("y[0] = PAIR[0]", "'PAIR', a tuple, is not supported", ELEMENTS),
    ("p, q = PAIR", "'PAIR', a tuple, is not supported", ELEMENTS),
    ("y[0] = len(PAIR)", "'PAIR', a tuple, is not supported", ELEMENTS),
    ("y[0] = ITEMS[0]", "'ITEMS', a list, is not supported", ELEMENTS),
    (
        "y[0] = SETTINGS.width",
        "'SETTINGS.width', an attribute of a SimpleNamespace, is not supported",
        "give the value a name of its own, or pass it as an argument",
    ),
    ("y[0] = np", "'np', a module, is not supported", ""),
    # Operators and types.
    ("y[:] = a @ x", "the operator @ is not supported", SUM),
    (
        "y[0] = x[0] ^ 2",
        "operator ^ is not defined for float64 and int64",
        "powers are written **",
    ),
    ("y[0] == 1.0", "an expression as a statement is not supported", "to assign, write = for =="),
    (
        "y[0] = z",
        "a value of type complex128 cannot be stored in an array of float64",
        "store a part of it: z.real, z.imag or abs(z)",
    ),
    ("y[0] = x[-9]", "index -9 of 'x' is out of bounds for dimension 0 with size 6", ""),
    ("y[0] = x[n - 10]", "index -7 of 'x' is out of bounds for dimension 0 with size 6", ""),
    ("y[0] = round(x[1], 2)", "round is supported with 1 argument, 2 were given", TWO_DIGITS),
    (
        "y[0] = round(x[1], ndigits=2)",
        "keyword argument 'ndigits' of round is not supported",
        TWO_DIGITS,
    ),
    (
        "y[:] = np.round(x, decimals=2)",
        "keyword argument 'decimals' of np.round is not supported",
        "to keep two digits, write np.round(x * 100) / 100",
    ),
    ("y[:] = x.round(2)", "method 'round' of an array is not supported", "write np.round(x)"),
    (
        "y[0] = n.bit_count()",
        "method 'bit_count' of a number is not supported",
        "a number has .real, .imag and .conjugate()",
    ),
    (
        "m, k = a[:, 0]",
        "unpacking anything but a tuple of scalars is not supported",
        "give each name a value of its own: a, b = x[i, 0], x[i, 1]",
    ),
    (
        "y[:] = np.zeros(6)",
        "np.zeros as the value of anything but a name is not supported",
        "store a number in all elements: y[:] = 0; or name the new array: t = np.zeros(…)",
    ),
    (
        "for k in range(n):\n        y[k] = 0\n    else:\n        y[0] = 1",
        "`for` with `else` is not supported",
        "keep in a variable that the loop was left by `break`",
    ),
    ("y[0] = float('many')", "a string is not supported", "write a number, or one of 'inf'"),
    (
        "y[:] = sum(a)",
        "Python's sum of 2 dimensions is not supported",
        "it goes over the rows, as parpy.operators.sum(x, axis=0)",
    ),
    (
        "y[0] = sum(x, 1.0)",
        "Python's sum with anything but one argument is not supported",
        "parpy.operators.sum(x, axis=…) is a reduction over one axis",
    ),
]


@pytest.mark.parametrize(("statement", "message", "help_text"), SLIPS, ids=[s[0] for s in SLIPS])
def test_a_slip(statement: str, message: str, help_text: str) -> None:
    source = f"def f(x, y, a, c, n, z):\n    {statement}\n"
    names = {
        "np": np,
        "math": math,
        "parpy": parpy,
        "undecorated": undecorated,
        "both": both,
        "GAMMA": 2.0,
    }
    names |= MODULE
    x, a = np.arange(6.0), np.zeros((2, 6))
    with pytest.raises((parpy.CompileError, NameError, IndexError)) as caught:
        parpy.jit(define(source, **names))(x, x.copy(), a, np.arange(6), 3, 1 + 2j)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(message)
    found = [line.removeprefix("help: ") for line in lines if line.startswith("help: ")]
    assert found[0].startswith(help_text) if help_text else not found, found
    assert not isinstance(caught.value, parpy.InternalCompilerError)
    assert_alive()


def test_the_way_out_of_a_store_into_bools() -> None:
    source = "def f(b, x):\n    b[0] = x[0]\n"
    with pytest.raises(parpy.TypeMismatchError, match="help: store a comparison: … != 0"):
        parpy.jit(define(source))(np.zeros(3, bool), np.ones(3))


def test_the_way_out_of_default_values() -> None:
    source = "def f(x, n=3):\n    x[0] = n\n"
    with pytest.raises(parpy.CompileError, match="help: pass the value in every call, or use a"):
        parpy.jit(define(source))(np.ones(3), 3)


def test_a_loop_of_one_thread_is_no_parallelism() -> None:
    def doubles(x):
        parpy.label("N")
        for i in range(len(x)):
            x[i] *= 2

    def doubles_in_a_block(x):
        with parpy.gpu:
            parpy.label("N")
            for i in range(len(x)):
                x[i] *= 2

    def text(function, threads):
        opts = parpy.par({"N": parpy.threads(threads)})
        opts.backend = parpy.CompileBackend.Cuda
        return parpy.print_compiled(function, [np.ones(2000)], opts)

    with pytest.raises(parpy.CompileError) as caught:
        text(doubles, 1)
    message = str(caught.value)
    assert message.startswith("The function doubles does not contain any parallelism\n")
    assert "    for i in range(len(x)):\n    ^" in message
    assert "help: threads(1) leaves the loop 'N' sequential: give the label more threads" in message
    for way_out in (text(doubles, 1024), text(doubles_in_a_block, 1)):
        assert "__global__" in way_out


def test_a_function_without_parallelism_is_told_its_place() -> None:
    def doubles(x):
        for i in range(len(x)):
            x[i] *= 2

    with pytest.raises(parpy.CompileError, match="does not contain any parallelism") as caught:
        parpy.print_compiled(
            doubles, [np.ones(9)], parpy.CompileOptions(backend=parpy.CompileBackend.Cuda)
        )
    assert caught.value.filename == __file__
    assert caught.value.lineno == doubles.__code__.co_firstlineno


def test_a_schedule_of_no_label_of_the_function_is_told_one() -> None:
    def doubles(x):
        parpy.label("rows")
        for i in range(len(x)):
            x[i] *= 2

    opts = parpy.par({"N": parpy.threads(32)})
    opts.backend = parpy.CompileBackend.Cuda
    with pytest.raises(parpy.CompileError, match=r"parpy\.par\({'rows': parpy\.threads\(1024\)}\)"):
        parpy.print_compiled(doubles, [np.ones(20)], opts)


@pytest.mark.parametrize("operator", ["=", "+="])
def test_an_array_in_the_place_of_an_element_is_underlined(operator: str) -> None:
    source = f"def f(o, x):\n    for i in range(3):\n        o[i] {operator} x[i]\n"
    with pytest.raises(parpy.TypeMismatchError, match=SCALAR_NEEDED) as caught:
        parpy.jit(define(source))(np.zeros(3), np.ones((3, 4)))
    line = source.splitlines()[2]
    assert caught.value.lineno == 3
    assert caught.value.col_offset == line.index("x[i]")


def test_a_shape_that_is_no_list() -> None:
    with pytest.raises(TypeError, match=r"a shape is a list of extents, such as \[N, 3\], not 3"):
        parpy.types.buffer(parpy.types.F32, 3)  # type: ignore[arg-type]


@parpy.jit
def step(old, new):
    for i in range(1, len(old) - 1):
        new[i] = 0.5 * (old[i - 1] + old[i + 1])


def test_arrays_take_turns_in_the_ways_that_are_named() -> None:
    def by_calls(a, b, n):
        for _ in range(n):
            step(a, b)
            step(b, a)

    def by_dimension(buf, n):
        for t in range(2 * n):
            for i in range(1, buf.shape[1] - 1):
                buf[(t + 1) % 2, i] = 0.5 * (buf[t % 2, i - 1] + buf[t % 2, i + 1])

    def rows(buf):
        for i in range(buf.shape[1]):
            buf[0, i], buf[1, i] = buf[1, i], buf[0, i]

    a, buf = np.arange(6.0) ** 2, np.stack([np.arange(6.0) ** 2] * 2)
    check(by_calls, a, a.copy(), 3)
    check(by_dimension, buf, 3)
    check(rows, buf * [[1.0], [2.0]])
    parpy.jit(by_calls)(a, b := a.copy(), 3)
    parpy.jit(by_dimension)(buf, 3)
    assert np.array_equal(np.stack([a, b]), buf)


def test_steps_that_are_not_known_are_taken_in_the_ways_that_are_named() -> None:
    def by_while(y, c):
        for i in range(1, 4):
            j = i * i
            while j < len(y):
                y[j] += c[i]
                j += i

    def by_count(y, c):
        for i in range(1, 4):
            for k in range((len(y) - i * i + i - 1) // i):
                j = i * i + k * i
                y[j] += c[i]

    def in_python(y, c):
        for i in range(1, 4):
            for j in range(i * i, len(y), i):
                y[j] += c[i]

    c, expected = np.arange(4.0), np.zeros(17)
    in_python(expected, c)
    for function in (by_while, by_count):
        y = np.zeros(17)
        parpy.jit(function)(y, c)
        np.testing.assert_array_equal(y, expected)


def test_the_ways_out_lead_out() -> None:
    def f(x, y, b, c, z):
        t = np.empty_like(x)
        t[:] = x[:]
        y[0] = sum(x[:]) / len(x)
        y[1] = sum(x[:] * t[:])
        y[2] = z.real + z.imag + abs(z)
        y[3] = parpy.operators.float32(x[1])
        for i in range(len(c)):
            y[i] += x[c[i]]
            b[i] = x[i] != 0
        b[:] = t[:] != 0
        y[4] = round(x[1] * 100) / 100
        if y[0] > 0:
            y[5:] = x[5:]
        else:
            y[5:] = t[5:]

    x, b = np.arange(6.0), np.zeros(6, bool)
    check(f, x, np.zeros(6), b, np.arange(6), 3 + 4j, rtol=1e-12)
