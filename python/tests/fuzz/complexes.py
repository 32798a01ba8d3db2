"""Random expressions of complex numbers."""

from __future__ import annotations

import types_of as t
from expressions import Expressions
from writer import Value

FUNCTIONS = "exp sqrt log sin cos tan sinh cosh tanh".split()


class ComplexExpressions(Expressions):
    """Writes complex expressions, and real ones of their parts."""

    def complex_(self, depth: int) -> Value:
        if depth <= 0 or self.chance(0.25):
            value = self.atom(t.is_complex, depth)
            return value if value and self.chance(0.85) else self.complex_literal()
        form = self.one(
            *["op"] * 8, "mixed", "mixed", "neg", "conj", "make", "convert", "function", "sum",
            "if", "pow",
        )  # fmt: skip
        if form == "make":
            parts = [self.exactly(self.real(depth - 1), "wf") for _ in range(2)]
            return Value(f"complex({', '.join(parts)})", "wc")
        if form == "convert":
            kind = self.one("complex64", "complex128")
            value = self.one(self.real, self.complex_, self.integer)(depth - 1)
            return Value(f"parpy.operators.{kind}({value.text})", kind)
        if form == "sum":
            return self.scalar_reduction(t.is_complex) or self.complex_literal()
        left = self.complex_(depth - 1)
        if form == "neg":
            return Value(f"(-{left.text})", left.kind)
        if form == "conj":
            return Value(f"({left.text}).conjugate()", left.kind)
        if form == "pow":
            return Value(f"({left.text} ** {self.one('2', '3')})", left.kind)
        if form == "function" and left.kind != "wc":
            return Value(f"np.{self.one(*FUNCTIONS)}({left.text})", left.kind)
        if form == "mixed":
            right = self.one(self.real, self.integer)(depth - 1)
            pair = (left, right) if self.chance(0.5) else (right, left)
            return self.complex_operation(*pair)
        right = self.complex_(depth - 1)
        if form == "if":
            if left.kind != right.kind:
                return left
            return Value(f"({left.text} if {self.condition(1).text} else {right.text})", left.kind)
        return self.complex_operation(left, right)

    def complex_operation(self, left: Value, right: Value) -> Value:
        op = self.one(*"+-*+-*/")
        if op == "/" and left.kind in t.WEAK and right.kind in t.WEAK:
            op = "*"  # Python raises where NumPy gives infinities
        return self.operation(op, left, right)

    def complex_literal(self) -> Value:
        return Value(self.one("1j", "2j", "(0.5 - 1j)", "(-0.25j)", "(0.1 + 0.3j)"), "wc")

    def part_of_complex(self, depth: int) -> Value:
        """A part or the magnitude of a complex number."""
        value = self.complex_(depth)
        form = self.one("real", "imag", "abs")
        text = f"abs({value.text})" if form == "abs" else f"({value.text}).{form}"
        return Value(text, t.part(value.kind))

    def complex_condition(self, depth: int) -> Value:
        left, right = self.complex_(depth), self.complex_(depth)
        weak = left.kind == right.kind == "wc"
        text = f"({left.text} {self.one('==', '!=')} {right.text})"
        return Value(text, "wb" if weak else "bool")
