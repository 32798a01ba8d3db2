"""Writes docs/reference/*.md from the docstrings of the package.

    python docs/build_reference.py

A test compares what is there with what this makes.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import parpy
from parpy import _native, _stages

MODULES = ("", ".operators", ".math", ".builtin", ".reduce", ".types", ".backend", ".buffer")
FOLDER = Path(__file__).parent / "reference"
NOTE = "<!-- Made by docs/build_reference.py from the docstrings; change those. -->"
PLAIN = (int, float, str, tuple, enum.Enum)
PROPERTIES = (property, types.GetSetDescriptorType)


def pages() -> dict[str, str]:
    """Every page of the reference: file name to text."""
    names = [f"parpy{suffix}" for suffix in MODULES]
    return {f"{name}.md": page(importlib.import_module(name)) for name in names}


def page(module: types.ModuleType) -> str:
    """The reference of one module."""
    parts = [f"# {module.__name__}", NOTE, *docstring(module)]
    constants, modules = [], []
    for name in sorted(getattr(module, "__all__", ()), key=str.lower):
        value = getattr(module, name)
        full = f"{module.__name__}.{name}"
        if isinstance(value, types.ModuleType):
            modules.append(f"- [`{full}`]({full}.md): {summary(value)}")
        elif isinstance(value, PLAIN):
            says_itself = name in ("__version__", "available") or repr(value) == full
            constants.append(f"- `{full}`" + ("" if says_itself else f" = `{value!r}`"))
        elif other := home(module, name, value):
            parts += [f"## {full}", f"The same as [`{other}.{name}`]({other}.md)."]
        else:
            parts += [f"## {full}", *entry(full, value)]
    if module is parpy:
        parts += ["## A decorated function"]
        parts += ["What `parpy.jit` returns has, besides the call and `__wrapped__`:"]
        parts += members("fn", _native.Function)
        for shown in (_stages.Compilation, _stages.Lowered):
            parts += [f"### {shown.__name__}", *docstring(shown), *members(shown.__name__, shown)]
    for title, lines in (("Modules", modules), ("Constants", constants)):
        if lines:
            parts += [f"## {title}", "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def home(module: types.ModuleType, name: str, value: object) -> str | None:
    """The public module that documents `name`, where that is not `module`."""
    origin: str = getattr(value, "__module__", module.__name__)
    if "._" not in origin:
        return origin if origin != module.__name__ else None
    return "parpy" if module is not parpy and name in parpy.__all__ else None


def entry(full: str, value: Any) -> Iterator[str]:
    """What there is to say of a function, a class, or an object of a documented class."""
    if not inspect.isclass(value):
        if inspect.isroutine(value):
            yield signature(full, value)
        yield from docstring(value)
        return
    if issubclass(value, Exception):
        bases = [b.__name__ for b in value.__mro__[1:] if not b.__name__.startswith("_")]
        yield f"A {' and a '.join(f'`{b}`' for b in bases[: bases.index('Exception')])}."
    elif issubclass(value, enum.Enum):
        yield "Members: " + ", ".join(f"`{member.name}`" for member in value) + "."
    else:
        yield signature(full, value)
    yield from docstring(value)
    yield from members(full.rpartition(".")[2], value)


def members(owner: str, cls: type) -> Iterator[str]:
    """The public methods and properties of a class."""
    for name, member in vars(cls).items():
        function = getattr(member, "__func__", member)
        if name.startswith("_") or not inspect.getdoc(function):
            continue
        if not (inspect.isroutine(function) or isinstance(function, PROPERTIES)):
            continue
        yield f"### {owner}.{name}"
        if inspect.isfunction(function) or getattr(function, "__text_signature__", None):
            yield signature(f"{owner}.{name}", function, method=function is member)
        yield from docstring(function)


class _Verbatim(str):
    """A piece of a signature that is printed as it is."""

    __repr__ = str.__str__


def signature(name: str, function: Any, method: bool = False) -> str:
    """The call of `function` as a block, one parameter a line where it is long."""
    found = inspect.signature(function)
    shown: list[str] = []
    for p in list(found.parameters.values())[method:]:
        if p.kind is p.KEYWORD_ONLY and not any(s.startswith("*") for s in shown):
            shown.append("*")
        if p.annotation is not p.empty:
            p = p.replace(annotation=_Verbatim(p.annotation))
        if " object at 0x" in repr(p.default):  # a mark for "not given"
            p = p.replace(default=_Verbatim("…"))
        shown.append(str(p))
    result = found.return_annotation
    arrow = "" if result is found.empty or inspect.isclass(function) else f" -> {result}"
    text = f"{name}({', '.join(shown)}){arrow}"
    if len(text) > 100:
        text = f"{name}(\n    " + ",\n    ".join(shown) + f",\n){arrow}"
    return f"```python\n{text}\n```"


def summary(value: object) -> str:
    """The first line of a docstring."""
    return (inspect.getdoc(value) or "").partition("\n")[0]


SECTION = re.compile(r"^(Args|Attributes|Returns|Raises|Example):\n", re.MULTILINE)


def docstring(value: object) -> Iterator[str]:
    """A Google-style docstring as paragraphs of Markdown."""
    prose, *sections = SECTION.split(inspect.getdoc(value) or "")
    for paragraph in re.split(r"\n\n+", prose.strip("\n")):
        indented = paragraph.startswith("    ")
        yield block(paragraph) if indented else paragraph
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        if title == "Example":
            yield block(body)
            continue
        entries = [" ".join(e.split()) for e in re.split(r"\n(?=\S)", dedented(body))]
        yield f"**{title}**"
        yield "\n".join(re.sub(r"^([\w.]+): ", r"- `\1`: ", e) for e in entries)


def dedented(text: str) -> str:
    """`text` without the indentation that all its lines share."""
    return inspect.cleandoc("\n" + text)


def block(text: str) -> str:
    """An indented example as a block."""
    code = dedented(text)
    return f"```{'pycon' if code.startswith('>>>') else 'text'}\n{code}\n```"


def main() -> None:
    """Writes the pages, and removes those of modules that are gone."""
    FOLDER.mkdir(exist_ok=True)
    made = pages()
    for old in FOLDER.glob("*.md"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
