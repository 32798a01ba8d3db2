"""The instructions of PTX as statements of C++, which `include/ptx.h` has the functions for."""

from __future__ import annotations

import re

_TYPES = "s8 u8 b8 s16 u16 b16 s32 u32 b32 s64 u64 b64 f16 bf16 f32 f64 pred".split()
_WORDS = {"8": "u8", "16": "u16", "32": "u32", "64": "u64"}
_SPECIAL = {
    "%tid": "threadIdx", "%ntid": "blockDim", "%ctaid": "blockIdx", "%nctaid": "gridDim",
}  # fmt: skip
_ORDERED = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_UNSIGNED = {"lo": "<", "ls": "<=", "hi": ">", "hs": ">="}
_APPROXIMATED = {
    "ex2": "exp2", "lg2": "log2", "sin": "sin", "cos": "cos", "tanh": "__builtin_tanh",
    "sqrt": "__builtin_sqrt",
}  # fmt: skip

# Modifiers that change a result, and that NVRTC has not been seen to write for ParPy's text.
_NOT_KNOWN = {"xorsign", "relu", "satfinite", "rna", "rs", "noftz"}

_ROUNDED = {
    "add": "a + b", "sub": "a - b", "mul": "a * b", "fma": "fma(a, b, c)", "mad": "fma(a, b, c)",
    "div": "a / b", "rcp": "1 / a", "sqrt": "({t})__builtin_sqrt(a)",
}  # fmt: skip


class Unknown(Exception):
    """PTX that is not known here."""


def name_of(word: str) -> str:
    return re.sub(r"[%$.]", "_", word)


def parts_of(text: str) -> list[str]:
    """Operands, of which those in braces and brackets are one."""
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in "{[(") - (c in ")]}")
        if c == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    rest = text[start:].strip()
    return [*parts, rest] if rest else parts


def word_of(kind: str) -> str:
    """The word that holds a type of PTX."""
    return _WORDS.get(re.sub(r"\D", "", kind), kind)


_SIMPLE = {
    "and": ("({t})({0} & {1})", 2),
    "or": ("({t})({0} | {1})", 2),
    "xor": ("({t})({0} ^ {1})", 2),
    "rem": ("remainder({0}, {1})", 2),
    "neg": ("neg({0})", 1),
    "abs": ("absolute({0})", 1),
    "brev": ("reversed({0})", 1),
    "clz": ("leading({0})", 1),
    "popc": ("count({0})", 1),
    "copysign": ("signOf({0}, {1})", 2),
    "rcp": ("({t})(({t})1 / {0})", 1),
    "rsqrt": ("({t})(1 / __builtin_sqrt((f64){0}))", 1),
    **{name: (f"({{t}}){c}((f64){{0}})", 1) for name, c in _APPROXIMATED.items()},
}


class Instructions:
    """Writes the statement of each instruction of a function."""

    def __init__(self) -> None:
        self.shared: set[str] = set()
        self.registers: set[str] = set()
        self.tables: dict[str, list[str]] = {}
        self.parameters: set[str] = set()
        self.is_kernel = True

    def type(self, word: str) -> str:
        word = word.lstrip(".")
        if word not in _TYPES or word in ("f16", "bf16"):
            raise Unknown(f"type {word}")
        return "bool" if word == "pred" else word_of(word) if word[0] == "b" else word

    # --- Operands

    def value(self, operand: str, kind: str) -> str:
        """An operand as a value of a type."""
        c = self.type(kind)
        o = operand
        if kind == "pred":
            if re.fullmatch(r"-?\d+", o):
                return "false" if int(o) == 0 else "true"
            return f"!{name_of(o[1:])}" if o.startswith("!") else name_of(o)
        if o.startswith("0f") or o.startswith("0F"):
            return f"as<{c}>(0x{o[2:]}u)"
        if o.startswith("0d") or o.startswith("0D"):
            return f"as<{c}>(0x{o[2:]}ul)"
        if re.fullmatch(r"-?(0x[0-9A-Fa-f]+|\d+)U?", o):
            number = int(o.rstrip("U"), 0) & (1 << 64) - 1
            return f"as<{c}>((u64){number}ul)"
        if o in self.shared:
            return f"as<{c}>((u64)toShared({o}))"
        if o.split(".")[0] in _SPECIAL and "." in o:
            base, axis = o.split(".")
            return f"as<{c}>({_SPECIAL[base]}.{axis})"
        if o == "%laneid":
            return f"as<{c}>(emulator_lane())"
        if o in self.registers:
            return f"as<{c}>({name_of(o)})"
        if re.fullmatch(r"[A-Za-z_$][\w$]*", o):
            return f"as<{c}>((u64){name_of(o)})"
        raise Unknown(f"operand {o}")

    def place(self, operand: str, space: str) -> str:
        """The address of an operand in brackets."""
        match = re.fullmatch(r"\[\s*(%?[\w$]+)\s*(?:\+\s*(-?\w+))?\s*\]", operand)
        if match is None:
            raise Unknown(f"address {operand}")
        base, more = match[1], int(match[2] or "0", 0)
        if space == "shared":
            start = f"shared({self.value(base, 'u32')} + (u32){more & 0xFFFFFFFF}u)"
            return start
        if space == "param" and self.is_kernel and base in self.parameters:
            return f"(u64)&{base} + {more}"
        return f"{self.value(base, 'u64')} + (u64)({more}l)"

    def target(self, operand: str, value: str) -> str:
        return "" if operand == "_" else f"put({name_of(operand)}, {value});"

    # --- Instructions

    def instruction(self, name: str, o: list[str]) -> str:
        words = name.split(".")
        op, kind = words[0], words[-1]
        if "cc" in words or op in ("addc", "subc", "madc"):
            return self.carrying(words, o)
        is_saturated = op in ("add", "fma", "cvt") and "f32" in words
        if _NOT_KNOWN & set(words) or ("sat" in words and not is_saturated):
            raise Unknown(f"{name} {', '.join(o)}")
        how = next((x[1] for x in words if x in ("rz", "rm", "rp")), None)
        if how and kind in ("f32", "f64") and op in _ROUNDED:
            given = [self.value(x, kind) for x in o[1:]]
            given += [f"({kind})0"] * (3 - len(given))
            operation = (
                f"[]({kind} a, {kind} b, {kind} c) {{ return {_ROUNDED[op].format(t=kind)}; }}"
            )
            return self.target(o[0], f"rounded<{kind}>('{how}', {', '.join(given)}, {operation})")
        method = getattr(self, f"op_{op}", None)
        if method is not None:
            made = method(words, o)
        elif op in _SIMPLE:
            form, count = _SIMPLE[op]
            made = self.target(
                o[0],
                form.format(*(self.value(x, kind) for x in o[1 : count + 1]), t=self.type(kind)),
            )
        else:
            made = None
        if made is None:
            raise Unknown(f"{name} {', '.join(o)}")
        return str(made)

    def op_mov(self, w: list[str], o: list[str]) -> str:
        kind = w[-1]
        if o[1].startswith("{"):
            parts = parts_of(o[1].strip("{}"))
            bits = int(kind[1:]) // len(parts)
            text = " | ".join(
                f"(u64){self.value(x, f'u{bits}')} << {bits * i}" for i, x in enumerate(parts)
            )
            return self.target(o[0], f"(u{kind[1:]})({text})")
        if o[0].startswith("{"):
            parts = parts_of(o[0].strip("{}"))
            bits = int(kind[1:]) // len(parts)
            source = f"const u64 whole = {self.value(o[1], 'u' + kind[1:])};"
            return source + " ".join(
                self.target(x, f"(u{bits})(whole >> {bits * i})") for i, x in enumerate(parts)
            )
        return self.target(o[0], self.value(o[1], kind))

    def op_cvta(self, w: list[str], o: list[str]) -> str:
        space = "shared" if "shared" in w else ""
        if space and "to" in w:
            return self.target(o[0], f"(u64)toShared((void *){self.value(o[1], 'u64')})")
        if space:
            return self.target(o[0], f"shared({self.value(o[1], 'u32')})")
        return self.target(o[0], self.value(o[1], "u64"))

    def op_ld(self, w: list[str], o: list[str]) -> str:
        kind, space = w[-1], self.space(w)
        place, item = self.place(o[1], space), self.type(kind)
        if not o[0].startswith("{"):
            load = "loadAnew" if self.is_shared_access(w) else "load"
            return self.target(o[0], f"{load}<{item}>({place})")
        size = int(re.sub(r"\D", "", kind)) // 8
        parts = parts_of(o[0].strip("{}"))
        return (
            f"const u64 place = {place}; emulator_aligned(place, {size * len(parts)});"
            + " ".join(
                self.target(x, f"load<{item}>(place + {size * i})") for i, x in enumerate(parts)
            )
        )

    def op_ldu(self, w: list[str], o: list[str]) -> str:
        return self.op_ld(w, o)

    def op_st(self, w: list[str], o: list[str]) -> str:
        kind, space = w[-1], self.space(w)
        place, item = self.place(o[0], space), self.type(kind)
        if not o[1].startswith("{"):
            store = "storeAtOnce" if self.is_shared_access(w) else "store"
            return f"{store}<{item}>({place}, {self.value(o[1], kind)});"
        size = int(re.sub(r"\D", "", kind)) // 8
        parts = parts_of(o[1].strip("{}"))
        return (
            f"const u64 place = {place}; emulator_aligned(place, {size * len(parts)});"
            + " ".join(
                f"store<{item}>(place + {size * i}, {self.value(x, kind)});"
                for i, x in enumerate(parts)
            )
        )

    def is_shared_access(self, w: list[str]) -> bool:
        return bool({"volatile", "relaxed", "acquire", "release", "mmio"} & set(w))

    def space(self, w: list[str]) -> str:
        for word in w[1:]:
            if word.split("::")[0] in ("global", "shared", "local", "param", "const"):
                return word.split("::")[0]
        return ""

    def op_bra(self, w: list[str], o: list[str]) -> str:
        return f"goto {name_of(o[0])};"

    def op_brx(self, w: list[str], o: list[str]) -> str:
        cases = " ".join(f"case {i}: goto {name_of(x)};" for i, x in enumerate(self.tables[o[1]]))
        return f"switch ({self.value(o[0], 'u32')}) {{ {cases} }}"

    def op_ret(self, w: list[str], o: list[str]) -> str:
        return "return;"

    def op_exit(self, w: list[str], o: list[str]) -> str | None:
        return "return;" if self.is_kernel else None

    def op_trap(self, w: list[str], o: list[str]) -> str:
        return 'emulator_services->fault("a trap", 0);'

    def op_call(self, w: list[str], o: list[str]) -> str | None:
        result = parts_of(o.pop(0).strip("()")) if o[0].startswith("(") else []
        name = o.pop(0)
        given = parts_of(o[0].strip("()")) if o else []
        if not re.fullmatch(r"[\w$]+", name):
            return None
        return f"{name}({', '.join(f'(char *){name_of(x)}' for x in [*result, *given])});"

    def op_setp(self, w: list[str], o: list[str]) -> str | None:
        kind, compare = w[-1], w[1]
        a, b = (self.value(x, kind) for x in o[1:3])
        if compare in _ORDERED and (compare != "ne" or kind[0] != "f"):
            text = f"({a} {_ORDERED[compare]} {b})"
        elif compare == "ne":
            text = f"(!isNaN({a}) && !isNaN({b}) && {a} != {b})"
        elif compare in _UNSIGNED:
            u = "u" + kind[1:]
            text = f"({self.value(o[1], u)} {_UNSIGNED[compare]} {self.value(o[2], u)})"
        elif compare.endswith("u") and compare[:-1] in _ORDERED:
            text = f"(isNaN({a}) || isNaN({b}) || {a} {_ORDERED[compare[:-1]]} {b})"
        elif compare in ("num", "nan"):
            text = f"({'!' if compare == 'num' else ''}(isNaN({a}) || isNaN({b})))"
        else:
            return None
        joins = {"and": "&&", "or": "||", "xor": "!="}
        join = next((x for x in w[2:-1] if x in joins), None)
        targets = o[0].split("|")
        extra = f" {joins[join]} {self.value(o[3], 'pred')}" if join else ""
        lines = f"const bool holds = {text};"
        lines += self.target(targets[0], f"(bool)(holds{extra})")
        if len(targets) > 1:
            lines += self.target(targets[1], f"(bool)(!holds{extra})")
        return lines

    def op_selp(self, w: list[str], o: list[str]) -> str:
        return self.target(
            o[0],
            f"{self.value(o[3], 'pred')} ? {self.value(o[1], w[-1])} : {self.value(o[2], w[-1])}",
        )

    def op_slct(self, w: list[str], o: list[str]) -> str:
        a, b, c = self.value(o[1], w[-2]), self.value(o[2], w[-2]), self.value(o[3], w[-1])
        return self.target(o[0], f"{c} >= 0 ? {a} : {b}")

    def op_mul(self, w: list[str], o: list[str]) -> str:
        kind = w[-1]
        a, b = (self.value(x, kind) for x in o[1:3])
        return self.target(o[0], self.product(w, kind, a, b))

    def product(self, w: list[str], kind: str, a: str, b: str) -> str:
        if "wide" in w:
            return f"wide<{kind[0]}{2 * int(kind[1:])}>({a}, {b})"
        return f"{'upper' if 'hi' in w else 'mul'}({a}, {b})"

    def op_mad(self, w: list[str], o: list[str]) -> str:
        kind = w[-1]
        a, b = (self.value(x, kind) for x in o[1:3])
        if kind[0] == "f":
            return self.target(o[0], f"fma({a}, {b}, {self.value(o[3], kind)})")
        of_sum = f"{kind[0]}{2 * int(kind[1:])}" if "wide" in w else kind
        return self.target(o[0], f"add({self.product(w, kind, a, b)}, {self.value(o[3], of_sum)})")

    def op_fma(self, w: list[str], o: list[str]) -> str:
        a, b, c = (self.value(x, w[-1]) for x in o[1:4])
        result = f"fma({a}, {b}, {c})"
        return self.target(o[0], self.saturated(w, result))

    def saturated(self, w: list[str], value: str) -> str:
        # NaN becomes 0.
        return f"least(greatest({value}, 0.0f, false), 1.0f, false)" if "sat" in w else value

    def op_add(self, w: list[str], o: list[str]) -> str:
        a, b = (self.value(x, w[-1]) for x in o[1:3])
        return self.target(o[0], self.saturated(w, f"add({a}, {b})"))

    def op_sub(self, w: list[str], o: list[str]) -> str:
        a, b = (self.value(x, w[-1]) for x in o[1:3])
        return self.target(o[0], f"sub({a}, {b})")

    def carrying(self, w: list[str], o: list[str]) -> str:
        """Sums of which the carry is kept, or one before is added."""
        kind = f"u{w[-1][1:]}"
        a, b = (self.value(x, kind) for x in o[1:3])
        carry = "carry" if w[0].endswith("c") else "false"
        if w[0].startswith("mad"):
            a, b = (
                self.product(w, w[-1], *(self.value(x, w[-1]) for x in o[1:3])),
                self.value(o[3], kind),
            )
        kept = "carry = carries;" if "cc" in w else ""
        form = "difference" if w[0].startswith("sub") else "total"
        made = f"{form}<{kind}>(({kind}){a}, {b}, {carry}, carries)"
        return f"bool carries; {self.target(o[0], made)} {kept}"

    def op_min(self, w: list[str], o: list[str]) -> str:
        return self.extremum("least", w, o)

    def op_max(self, w: list[str], o: list[str]) -> str:
        return self.extremum("greatest", w, o)

    def extremum(self, name: str, w: list[str], o: list[str]) -> str:
        keeps = "true" if "NaN" in w else "false"
        value = self.value(o[1], w[-1])
        for x in o[2:]:
            value = f"{name}({value}, {self.value(x, w[-1])}, {keeps})"
        return self.target(o[0], value)

    def op_shl(self, w: list[str], o: list[str]) -> str:
        return self.target(o[0], f"shl({self.value(o[1], w[-1])}, {self.value(o[2], 'u32')})")

    def op_shr(self, w: list[str], o: list[str]) -> str:
        return self.target(o[0], f"shr({self.value(o[1], w[-1])}, {self.value(o[2], 'u32')})")

    def op_shf(self, w: list[str], o: list[str]) -> str:
        a, b, c = (self.value(x, "u32") for x in o[1:4])
        left, wraps = str(w[1] == "l").lower(), str(w[2] == "wrap").lower()
        return self.target(o[0], f"funnel({a}, {b}, {c}, {left}, {wraps})")

    def op_bfe(self, w: list[str], o: list[str]) -> str:
        at, count = (self.value(x, "u32") for x in o[2:4])
        return self.target(o[0], f"bits({self.value(o[1], w[-1])}, {at}, {count})")

    def op_bfi(self, w: list[str], o: list[str]) -> str:
        a, b = (self.value(x, w[-1]) for x in o[1:3])
        at, count = (self.value(x, "u32") for x in o[3:5])
        return self.target(o[0], f"insert({a}, {b}, {at}, {count})")

    def op_prmt(self, w: list[str], o: list[str]) -> str | None:
        if w[-1] != "b32":
            return None
        a, b, c = (self.value(x, "u32") for x in o[1:4])
        return self.target(o[0], f"permute({a}, {b}, {c})")

    def op_dp2a(self, w: list[str], o: list[str]) -> str | None:
        types = f"{w[2][0]}16, {w[3][0]}8"
        a, b, c = (self.value(x, "u32") for x in o[1:4])
        return self.target(o[0], f"dp2a<{types}>({a}, {b}, {c}, {str(w[1] == 'hi').lower()})")

    def op_dp4a(self, w: list[str], o: list[str]) -> str | None:
        a, b, c = (self.value(x, "u32") for x in o[1:4])
        return self.target(o[0], f"dp4a<{w[1][0]}8, {w[2][0]}8>({a}, {b}, {c})")

    def op_lop3(self, w: list[str], o: list[str]) -> str | None:
        if "|" in o[0]:
            return None
        a, b, c, d = (self.value(x, "u32") for x in o[1:5])
        return self.target(o[0], f"lop3({a}, {b}, {c}, {d})")

    def op_cvt(self, w: list[str], o: list[str]) -> str | None:
        to, of = w[-2], w[-1]
        if to not in _TYPES or of not in _TYPES:
            return None
        value = self.value(o[1], "u16" if of in ("f16", "bf16") else of)
        how = next((x[1] for x in w if re.fullmatch(r"r[nzmp]i", x)), "")
        is_float = {x: x[0] == "f" or x == "bf16" for x in (to, of)}
        if {"f16", "bf16"} & {to, of}:
            # ParPy's text computes with float32, and rounds.
            halves = {"f16": "Half", "bf16": "Bfloat16"}
            if how or {"sat", "rz", "rm", "rp"} & set(w):
                return None
            if of in halves and to in ("f32", "f64"):
                return self.target(o[0], f"({to})of{halves[of]}({self.value(o[1], 'u16')})")
            if to in halves and of in ("f32", "f64"):
                return self.target(o[0], f"to{halves[to]}((f64){value})")
            return None
        if is_float[of] and is_float[to]:
            text = f"({to})({value})" if not how else f"({to})toInteger({value}, '{how}')"
            if "rz" in w or "rm" in w or "rp" in w:
                return None
            return self.target(o[0], self.saturated(w, text))
        if is_float[of]:
            return self.target(
                o[0], f"truncated<{to}, {of}>(toInteger((f64){value}, '{how or 'z'}'))"
            )
        if is_float[to]:
            if "rz" in w or "rm" in w or "rp" in w:
                return None
            return self.target(o[0], f"({to})({value})")
        if "sat" in w:
            return None
        return self.target(o[0], f"({to})({value})")

    def op_div(self, w: list[str], o: list[str]) -> str:
        a, b = (self.value(x, w[-1]) for x in o[1:3])
        return self.target(o[0], f"quotient({a}, {b})")

    def op_testp(self, w: list[str], o: list[str]) -> str | None:
        a = self.value(o[1], w[-1])
        forms = {
            "notanumber": "{a} != {a}", "infinite": "__builtin_isinf({a})", "number": "{a} == {a}",
            "finite": "__builtin_isfinite({a})", "normal": "__builtin_isnormal({a})",
        }  # fmt: skip
        return self.target(o[0], f"(bool)({forms[w[1]].format(a=a)})") if w[1] in forms else None

    # --- Threads together

    def op_bar(self, w: list[str], o: list[str]) -> str | None:
        if w[1] == "warp":
            return f"__syncwarp({self.value(o[0], 'u32')}, 1);"
        return "__syncthreads(1);" if w[1] in ("sync", "cta") and o in (["0"], []) else None

    def op_barrier(self, w: list[str], o: list[str]) -> str | None:
        return "__syncthreads(1);" if "sync" in w and "cluster" not in w and o == ["0"] else None

    def op_shfl(self, w: list[str], o: list[str]) -> str | None:
        modes = {"bfly": "xor", "down": "down", "up": "up", "idx": ""}
        # The last lane is 31, or the first one 0: the whole warp takes part.
        targets = o[0].split("|")
        if w[2] not in ("bfly", "idx") and len(targets) > 1:
            return None
        clamp, limit = self.value(o[3], "u32"), 0 if w[2] == "up" else 31
        lines = (
            f'if ({clamp} != {limit}) emulator_services->fault("a shuffle in a part of a warp", 0);'
        )
        mode = f"__shfl_{modes[w[2]]}_sync" if modes[w[2]] else "__shfl_sync"
        mask, value, lane = (self.value(o[i], "u32") for i in (4, 1, 2))
        lines += self.target(targets[0], f"{mode}({mask}, {value}, (int){lane}, 32, 1)")
        return lines + (self.target(targets[1], "true") if len(targets) > 1 else "")

    def op_vote(self, w: list[str], o: list[str]) -> str | None:
        if w[2] == "ballot":
            return self.target(
                o[0], f"__ballot_sync({self.value(o[2], 'u32')}, {self.value(o[1], 'pred')}, 1)"
            )
        if w[2] in ("any", "all"):
            made = f"(bool)__{w[2]}_sync({self.value(o[2], 'u32')}, {self.value(o[1], 'pred')}, 1)"
            return self.target(o[0], made)
        return None

    def op_membar(self, w: list[str], o: list[str]) -> str:
        return ""

    def op_fence(self, w: list[str], o: list[str]) -> str:
        return ""

    def op_atom(self, w: list[str], o: list[str]) -> str | None:
        kind, space = w[-1], self.space(w)
        op = next(
            (x for x in w[1:-1] if x in ("add", "min", "max", "and", "or", "xor", "exch", "cas")),
            None,
        )
        if op is None or kind in ("f16", "bf16", "f16x2", "bf16x2"):
            return None
        place = self.place(o[1], space)
        given = ", ".join(self.value(x, kind) for x in o[2:])
        made = f"atom_{op}<{self.type(kind)}>({place}, {given})"
        return f"{made};" if o[0] == "_" else self.target(o[0], made)

    def op_red(self, w: list[str], o: list[str]) -> str | None:
        return self.op_atom(w, ["_", *o])

    def op_not(self, w: list[str], o: list[str]) -> str:
        value = self.value(o[1], w[-1])
        return self.target(
            o[0], f"!{value}" if w[-1] == "pred" else f"({self.type(w[-1])})~{value}"
        )
