"""Random expressions of a wanted type: scalars, parts of arrays, reductions."""

from __future__ import annotations

import ast
from collections.abc import Callable

import types_of as t
from writer import Array, Value, Writer

MATH = (
    *("sqrt cbrt exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan").split(),
    *("sinh cosh tanh erf erfc gamma lgamma fabs").split(),
)
NUMPY_MATH = "sqrt cbrt exp expm1 log log2 sin cos tan arcsin arctan tanh floor ceil trunc".split()
MATH2 = ("atan2", "pow", "fmod", "hypot", "copysign")


def is_array(text: str) -> bool:
    """Whether an expression has slices that no reduction takes away."""

    def found(node: ast.AST) -> bool:
        if isinstance(node, ast.Slice):
            return True
        if isinstance(node, ast.Call) and not node.keywords:
            name = ast.unparse(node.func)
            if name.endswith((".sum", ".prod")) or (len(node.args) == 1 and name[-4:] in _EXTREMES):
                return False
        return any(found(child) for child in ast.iter_child_nodes(node))

    return found(ast.parse(text))


_EXTREMES = (".min", ".max")
_REDUCTIONS = ("sum", "sum", "min", "max", "prod")


class Expressions(Writer):
    """Writes expressions that are valid where the program has got to."""

    # --- Scalars

    def exactly(self, value: Value, kind: str) -> str:
        """The value, converted where it has another type."""
        if value.kind == kind:
            return value.text
        if t.is_complex(value.kind) and not t.is_complex(kind):
            return self.exactly(Value(f"({value.text}).real", t.part(value.kind)), kind)
        if kind == "wc":
            return f"complex({value.text})"
        if kind == "wi":
            if t.is_float(value.kind):
                return f"parpy.math.floor({value.text}) % 1000"
            return f"int({value.text})"
        if kind in ("wf", "wb"):
            return f"{'float' if kind == 'wf' else 'bool'}({value.text})"
        if kind == "bool":
            return f"({value.text} != 0)" if value.kind not in t.WEAK else f"bool({value.text})"
        return f"parpy.operators.{kind}({value.text})"

    def wrapped(self, text: str, kind: str, into: str) -> str:
        """A value to store into an array of type `into`, which Python integers must fit."""
        return f"{text} % 97" if kind == "wi" and into in t.INTEGERS else text

    def stored(self, into: str, depth: int = 2) -> str:
        if into == "bool":
            return self.condition(depth).text
        value = self.expression(into, depth)
        if not t.storable(value.kind, into):
            return self.exactly(value, into)
        if value.kind == "wi" and into in t.INTEGERS and not value.small:
            return f"{value.text} % 97"
        return value.text

    def expression(self, kind: str, depth: int) -> Value:
        if t.is_bool(kind):
            return self.condition(depth)
        if t.is_complex(kind):
            return self.complex_(depth)
        return self.integer(depth) if t.is_int(kind) else self.real(depth)

    def atom(self, wanted: Callable[[str], bool], depth: int) -> Value | None:
        found: list[Value] = [Value(n, k) for n, k in self.locals.items() if wanted(k)]
        if wanted("wi"):
            for name, (low, high) in self.counters.items():
                found += [Value(name, "wi", low >= 0 and high <= 100)] * 2
        if self.chance(0.6) or not found:
            array = self.array(lambda a: wanted(a.kind) and len(self.prefix(a)) <= len(a.extents))
            if array:
                return Value(self.element(array, min(depth, 1)), array.kind)
        return self.one(*found) if found else None

    def literal(self, kind: str) -> Value:
        if kind == "wi":
            if self.chance(0.15):
                value = self.number(-9, -1)
                return Value(f"({value})", "wi")
            return Value(str(self.number(0, 9)), "wi", True)
        return Value(self.one("0.5", "2.0", "-1.25", "0.1", "3.0", "1e-3", "0.0"), "wf")

    def integer(self, depth: int) -> Value:
        if depth <= 0 or self.chance(0.25):
            value = self.atom(t.is_int, depth)
            return value if value and self.chance(0.8) else self.literal("wi")
        form = self.one(
            *["op"] * 8, "neg", "abs", "if", "min", "np.min", "~", "convert", "round", "len",
            "sum", "shift", "pow", "and",
        )  # fmt: skip
        if form == "len" and not self.arrays:
            return self.literal("wi")
        if form == "len":
            array = self.one(*self.arrays)
            d = self.number(0, len(array.extents) - 1)
            text = f"len({array.name})" if d == 0 and self.chance(0.5) else ""
            return Value(text or f"{array.name}.shape[{d}]", "wi")
        if form == "round":
            value = self.real(depth - 1)
            return Value(f"parpy.math.{self.one('floor', 'ceil', 'trunc')}({value.text})", "wi")
        if form == "convert":
            kind = self.one(*t.INTEGERS)
            value = self.expression(self.one("wi", "float64", "bool"), depth - 1)
            return Value(f"parpy.operators.{kind}({value.text})", kind)
        if form == "sum":
            return self.scalar_reduction(t.is_int) or self.literal("wi")
        left = self.integer(depth - 1)
        if not t.is_int(left.kind):  # int64 with uint64 is float64
            left = Value(self.exactly(left, "int64"), "int64")
        if form == "neg":
            return Value(f"(-{left.text})", left.kind)
        if form == "~":
            return Value(f"(~{left.text})", left.kind)
        if form == "abs":
            return Value(f"{self.one('abs', 'parpy.operators.abs')}({left.text})", left.kind)
        if form == "shift":
            op = self.one("<<", ">>")
            count = self.number(0, 6) if left.kind == "wi" else self.number(0, 70)
            if count > 60 and left.kind in ("int8", "uint8"):
                count = 9
            return Value(f"({left.text} {op} {count})", left.kind)
        if form == "pow":
            return Value(f"({left.text} ** {self.number(0, 3)})", left.kind)
        right = self.integer(depth - 1)
        if form in ("if", "and", "min", "np.min"):
            if left.kind != right.kind:
                right = Value(self.exactly(right, left.kind), left.kind)
            if form == "if":
                text = f"({left.text} if {self.condition(1).text} else {right.text})"
            elif form == "and":
                text = f"({left.text} {self.one('and', 'or')} {right.text})"
            elif form == "min" or left.kind == "wi":
                text = f"{self.one('min', 'max')}({left.text}, {right.text})"
            else:
                function = self.one("np.minimum", "np.maximum", "parpy.operators.min")
                text = f"{function}({left.text}, {right.text})"
            return Value(text, left.kind)
        return self.operation(self.one(*"+-*+-*&|^", "//", "%"), left, right)

    def real(self, depth: int) -> Value:
        if depth <= 0 or self.chance(0.2):
            value = self.atom(t.is_float, depth)
            return value if value and self.chance(0.85) else self.literal("wf")
        form = self.one(
            *["op"] * 9, "fma", "fma", "neg", "abs", "if", "min", "np.min", "convert", "math",
            "np", "sum", "sum", "int", "pow", "math2", "divide", "bool",
            *["part"] * (3 * self.rare),
        )  # fmt: skip
        if form == "part":
            return self.part_of_complex(depth - 1)
        if form == "int":
            value = self.integer(depth - 1)
            return self.operation(self.one(*"*+-"), value, self.real(depth - 1))
        if form == "bool":
            return self.operation("*", self.real(depth - 1), self.condition(depth - 1))
        if form == "divide":
            left, right = self.integer(depth - 1), self.integer(depth - 1)
            value = self.operation("/", left, right)
            return value if t.is_float(value.kind) else self.literal("wf")
        if form == "sum":
            return self.scalar_reduction(t.is_float) or self.literal("wf")
        if form == "convert":
            kind = self.one("float32", "float64", "float32", "float64", "float16")
            value = self.expression(self.one("wi", "float64", "float32", "bool"), depth - 1)
            return Value(f"parpy.operators.{kind}({value.text})", kind)
        left = self.real(depth - 1)
        if form == "math":
            return Value(f"parpy.math.{self.one(*MATH)}({left.text})", left.kind)
        if form == "np":
            if left.kind == "wf":
                return Value(f"parpy.operators.sqrt(abs({left.text}))", "wf")
            return Value(f"np.{self.one(*NUMPY_MATH)}({left.text})", left.kind)
        if form == "neg":
            return Value(f"(-{left.text})", left.kind)
        if form == "abs":
            return Value(f"{self.one('abs', 'parpy.operators.abs')}({left.text})", left.kind)
        if form == "pow":
            return Value(f"({left.text} ** {self.one('2', '3', '2.0')})", left.kind)
        right = self.real(depth - 1)
        if form == "math2":
            if left.kind != right.kind:
                right = Value(self.exactly(right, left.kind), left.kind)
            return Value(f"parpy.math.{self.one(*MATH2)}({left.text}, {right.text})", left.kind)
        if form in ("if", "min", "np.min"):
            if left.kind != right.kind:
                right = Value(self.exactly(right, left.kind), left.kind)
            if form == "if":
                text = f"({left.text} if {self.condition(1).text} else {right.text})"
            elif form == "min" or left.kind == "wf":
                text = f"{self.one('min', 'max')}({left.text}, {right.text})"
            else:
                function = self.one("np.minimum", "np.maximum", "parpy.operators.max")
                text = f"{function}({left.text}, {right.text})"
            return Value(text, left.kind)
        if form == "fma":
            product = self.operation("*", left, right)
            return self.operation(self.one("+", "-"), product, self.real(depth - 2))
        return self.operation(self.one(*"+-*/+-*", "//", "%"), left, right)

    def operation(self, op: str, left: Value, right: Value) -> Value:
        """`left op right`, amended so that it raises nothing."""
        if t.is_bool(left.kind) and t.is_bool(right.kind):
            op = self.one("&", "|", "^")
        for a, b in ((left, right), (right, left)):
            if b.kind in t.NARROW and a.kind == "wi" and not a.small:
                a.text, a.small = f"({a.text} % 97)", True
        if op in ("//", "%") and "bfloat16" in (left.kind, right.kind):
            op = "-"  # ml_dtypes divides by zero and infinities in a way of its own
        if op in ("//", "%", "/") and right.kind in t.WEAK and left.kind in t.WEAK:
            right = Value(f"(abs({right.text}) + 1)", right.kind)
        kind = t.result(op, left.kind, right.kind)
        if kind is None:
            op = "*" if t.result("*", left.kind, right.kind) else "|"
            kind = t.result(op, left.kind, right.kind)
        if kind is None:
            return left
        return Value(f"({left.text} {op} {right.text})", kind)

    def condition(self, depth: int) -> Value:
        if depth <= 0 or self.chance(0.2):
            value = self.atom(t.is_bool, 0)
            if value and self.chance(0.7):
                return value
            depth = 0
        form = self.one(
            *["cmp"] * 3, "and", "or", "not", "chain", "in", "isnan", "of conditions", "bool"
        )  # fmt: skip
        if form == "bool":
            return Value(f"bool({self.one(self.integer, self.real)(depth - 1).text})", "wb")
        if depth > 0 and form == "of conditions":
            left, right = self.condition(depth - 1), self.condition(depth - 1)
            op = self.one(*"^^&|", "==", "!=", "<", "<=", ">", ">=")
            kind = "wb" if left.kind == right.kind == "wb" else "bool"
            return Value(f"({left.text} {op} {right.text})", kind)
        if depth > 0 and form in ("and", "or"):
            left, right = self.condition(depth - 1), self.condition(depth - 1)
            if left.kind != right.kind:
                left, right = (Value(f"bool({v.text})", "wb") for v in (left, right))
            return Value(f"({left.text} {form} {right.text})", left.kind)
        if depth > 0 and form == "not":
            return Value(f"(not {self.condition(depth - 1).text})", "wb")
        if form == "isnan":
            value = self.real(depth - 1)
            kind = "wb" if value.kind == "wf" else "bool"
            return Value(f"parpy.math.{self.one('isnan', 'isfinite')}({value.text})", kind)
        if self.rare and form == "in":
            return self.complex_condition(max(depth - 1, 0))
        if depth > 0 and form == "chain":
            a, b, c = (self.integer(depth - 1) for _ in range(3))
            op1, op2 = self.one("<", "<=", "!="), self.one("<", "<=", "==")
            return Value(f"bool({a.text} {op1} {b.text} {op2} {c.text})", "wb")
        op = self.one("<", "<=", "==", ">", ">=", "!=")
        maker = self.one(self.integer, self.integer, self.real)
        left, right = maker(depth - 1), self.one(self.integer, maker)(depth - 1)
        weak = left.kind in t.WEAK and right.kind in t.WEAK
        return Value(f"({left.text} {op} {right.text})", "wb" if weak else "bool")

    # --- Slices

    def cut(self, length: int, extent: int) -> str:
        """A slice that takes `length` elements of a dimension."""
        if length == extent and self.chance(0.4):
            return ":"
        steps = [s for s in (1, 2, 3) if (length - 1) * s < extent] if length else [1, 2]
        step = self.one(*steps, 1)
        first = self.number(0, max(0, extent - 1 - max(0, length - 1) * step))
        if length == 0:
            first = self.number(0, extent)
            return f"{first}:{first}"
        last = first + (length - 1) * step
        start, stop, by = first, last + 1 + self.number(0, step - 1), step
        if self.chance(0.25):
            start, stop, by = last, first - 1, -step
        texts = [(start, stop)]
        if by > 0:
            starts = [str(start), str(start - extent), *([""] if start == 0 else [])]
            stops = [str(stop) if stop <= extent else str(extent)]
            stops += ["", str(extent + self.number(0, 9))] if last + step >= extent else []
            stops += [str(stop - extent)] if stop < extent else []
            starts += [str(-extent - 2)] if start == 0 else []
        else:
            starts = [str(start), str(start - extent), *([""] if start == extent - 1 else [])]
            stops = [str(stop), str(stop - extent)] if stop >= 0 else ["", str(-extent - 1)]
        del texts
        a, b = self.one(*starts), self.one(*stops)
        text = f"{a}:{b}" + (f":{by}" if by != 1 else self.one("", "", ":", ":1"))
        parts = [int(p) if p else None for p in text.split(":")]
        taken = range(*slice(*parts).indices(extent))
        assert len(taken) == length, (text, length, extent)
        return text

    def part(self, array: Array, shape: tuple[int, ...]) -> str | None:
        """A part of an array that has `shape`, or broadcasts to it."""
        first = self.prefix(array)
        free = array.extents[len(first) :]
        extra = len(free) - len(shape)
        if extra < 0:
            return None
        sliced = set(self.random.sample(range(len(free)), len(shape)))
        pieces, s = list(first), 0
        for d, extent in enumerate(free):
            if d not in sliced:
                pieces.append(self.index(extent, 0))
                continue
            if shape[s] > extent:
                return None
            pieces.append(self.cut(shape[s], extent))
            s += 1
        return f"{array.name}[{', '.join(pieces)}]"

    def leaf(self, shape: tuple[int, ...], wanted: Callable[[str], bool]) -> Value | None:
        for _ in range(6):
            array = self.array(lambda a: wanted(a.kind))
            if array is None:
                return None
            form = shape
            if len(shape) > 1 and self.chance(0.35):
                form = shape[1:]
            elif self.chance(0.1):
                form = tuple(1 if self.chance(0.5) else e for e in shape)
            text = self.part(array, form)
            if text:
                return Value(text, array.kind)
        return None

    def vector(self, shape: tuple[int, ...], wanted: Callable[[str], bool], depth: int) -> Value:
        """An array expression that broadcasts to `shape`; a scalar where nothing fits."""
        if depth <= 0 or self.chance(0.25):
            leaf = self.leaf(shape, wanted)
            return leaf or self.scalar_of(wanted)
        form = self.one(
            *["op"] * 7, "scalar", "scalar", "scalar", "abs", "min", "axis", "convert", "math",
            "neg", "compare",
        )  # fmt: skip
        if form == "axis" and len(shape) <= 2:
            return self.axis_reduction(shape, wanted) or self.vector(shape, wanted, depth - 1)
        left = self.vector(shape, wanted, depth - 1)
        if form == "neg" and not t.is_bool(left.kind):
            return Value(f"(-{left.text})", left.kind)
        if t.is_complex(left.kind) and form in ("abs", "min", "math", "compare"):
            form = "op"
        if form == "abs" and not t.is_bool(left.kind):
            return Value(f"{self.one('abs', 'np.abs')}({left.text})", self.strong(left))
        if form == "convert":
            kind = self.one("float32", "float64", "int64", "int8", "uint16", "int32")
            if wanted(kind):
                return Value(f"parpy.operators.{kind}({left.text})", kind)
        if form == "math" and t.is_float(left.kind):
            return Value(f"parpy.math.{self.one(*MATH)}({left.text})", left.kind)
        if form == "compare" and wanted("float64"):
            right = self.vector(shape, t.is_float, 0)
            test = Value(f"({left.text} {self.one('<', '>=', '==')} {right.text})", "bool")
            return self.operation("*", test, self.vector(shape, wanted, depth - 1))
        right = self.vector(shape, wanted, depth - 1)
        if form == "min" and left.kind not in t.WEAK and right.kind not in t.WEAK:
            both = t.result("+", left.kind, right.kind)
            if both and wanted(both):
                function = self.one("np.minimum", "np.maximum", "parpy.builtin.maximum")
                return Value(f"{function}({left.text}, {right.text})", both)
        if form == "scalar":
            right = self.scalar_of(wanted)
        ops = "+-*+-*/" if t.is_float(left.kind) or t.is_complex(left.kind) else "+-*&|^"
        if ops[-1] != "/" and t.is_complex(right.kind):
            ops = "+-*"
        value = self.operation(self.one(*ops), left, right)
        return value if wanted(value.kind) else left

    def strong(self, value: Value) -> str:
        weak = {"wi": "int64", "wf": "float64", "wb": "bool", "wc": "complex128"}
        return weak.get(value.kind, value.kind)

    def scalar_of(self, wanted: Callable[[str], bool]) -> Value:
        if wanted("wc"):
            return self.complex_(1)
        for _ in range(4):
            maker = self.integer if wanted("wi") else self.real
            value = maker(1)
            if wanted(value.kind):
                return value
        return self.literal("wi" if wanted("wi") else "wf")

    def scalar_reduction(self, wanted: Callable[[str], bool]) -> Value | None:
        if self.budget <= 0 and self.chance(0.6):
            return None
        array = self.array(lambda a: wanted(a.kind) and not self.prefix(a))
        if array is None:
            return None
        ops = ("sum", "sum", "prod") if t.is_complex(array.kind) else _REDUCTIONS
        op = self.one(*ops)
        rank = self.number(1, min(2, len(array.extents)))
        limit = 6 if op == "prod" else 10**6
        shape = tuple(
            min(limit, self.number(1, e)) for e in self.random.sample(array.extents, rank)
        )
        inner = self.vector(shape, wanted, 1)
        if not is_array(inner.text):
            return None
        text = f"parpy.{self.one('operators', 'reduce')}.{op}({inner.text})"
        return Value(text, t.reduced(op, self.strong(inner)))

    def axis_reduction(self, shape: tuple[int, ...], wanted: Callable[[str], bool]) -> Value | None:
        extra = self.number(1, 5)
        axis = self.number(0, len(shape))
        full = (*shape[:axis], extra, *shape[axis:])
        leaf = None
        for _ in range(5):
            array = self.array(lambda a: wanted(a.kind) and len(a.extents) >= len(full))
            text = self.part(array, full) if array else None
            if array and text:
                leaf = Value(text, array.kind)
                break
        if leaf is None:
            return None
        if self.chance(0.4):
            other = self.scalar_of(wanted)
            leaf = self.operation(self.one(*"*+-"), leaf, other)
        op = "sum" if t.is_complex(leaf.kind) else self.one("sum", "max", "min")
        if self.chance(0.3):
            axis -= len(full)
        kind = t.reduced(op, self.strong(leaf))
        # NumPy adds bfloat16 up in bfloat16.
        module = self.one("parpy.operators", "np" if kind != "bfloat16" else "parpy.reduce")
        return Value(f"{module}.{op}({leaf.text}, axis={axis})", kind)
