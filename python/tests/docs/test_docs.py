"""The code blocks of README.md and docs/ do what the text says.

The `python` blocks of a page run in order, in one namespace. A comment before a block says more:

    <!-- raises: CompileError -->   the block must raise it
    <!-- warns: RuntimeWarning -->  the block must warn so, once
    <!-- skip: needs a GPU -->      the block does not run; it must speak of a GPU backend

A `text` block after a `python` block is what that one prints, or part of the message of its error
or warning; `…` stands for any text. Each block is a file of its own, `example.py`, as line numbers
in messages have it. Of the commands in `sh` blocks, what they name must be there.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "docs" / "reference"
PAGES = [
    ROOT / "README.md",
    *(p for p in sorted(ROOT.glob("docs/**/*.md")) if REFERENCE not in p.parents),
]

FENCE = re.compile(
    r"(?:^<!-- (?P<what>\w+): (?P<detail>.+?) -->\n)?^```(?P<language>\w*)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass
class Block:
    """A fenced block: its line on the page, its language, and what the comment before it says."""

    page: Path
    line: int
    language: str
    code: str
    what: str | None
    detail: str | None

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text()
    return [
        Block(
            page,
            text.count("\n", 0, found.start("language")) + 1,
            found["language"],
            found["code"],
            found["what"],
            found["detail"],
        )
        for found in FENCE.finditer(text)
    ]


def expectations(page: Path) -> Iterator[tuple[Block, str | None]]:
    """Each Python block of a page, and the text block right after it."""
    all_blocks = blocks(page)
    for i, block in enumerate(all_blocks):
        if block.language == "python":
            following = all_blocks[i + 1 : i + 2]
            shown = [b.code for b in following if b.language == "text"]
            yield block, shown[0] if shown else None


def assert_shows(actual: str, shown: str, block: Block, *, whole: bool) -> None:
    """`actual` is what `shown` says, or has it in it; `…` in `shown` stands for any text."""
    lines = shown.strip("\n").splitlines()
    pattern = r"\n".join(".*?".join(map(re.escape, line.rstrip().split("…"))) for line in lines)
    text = "\n".join(line.rstrip() for line in actual.strip("\n").splitlines())
    match = (re.fullmatch if whole else re.search)(pattern, text, re.DOTALL)
    assert match, f"{block}: the page shows\n\n{shown}\nbut this is what came:\n\n{text}"


def run(block: Block, namespace: dict[str, Any], folder: Path) -> str:
    """Runs a block in a file of its own, and returns what it prints."""
    folder.mkdir()
    file = folder / "example.py"
    file.write_text(block.code)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block.code, str(file), "exec"), namespace)
    return printed.getvalue()


FOLDER = "the-block-"


def short(message: BaseException | str) -> str:
    """A message with the names of the blocks' files as a user has them, without folders."""
    return re.sub(rf"/\S*/{FOLDER}\d+/example\.py", "example.py", str(message))


def name_matches(actual: type[BaseException], name: str) -> bool:
    return any(base.__name__ == name for base in actual.__mro__)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_python_blocks(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module = ModuleType("example")
    monkeypatch.setitem(sys.modules, "example", module)
    namespace = module.__dict__
    for number, (block, shown) in enumerate(expectations(page)):
        folder = tmp_path / f"{FOLDER}{number}"
        if block.what == "skip":
            assert block.detail == "needs a GPU", f"{block}: no reason to skip a block"
            assert re.search("Cuda|Metal", block.code), f"{block}: does not need a GPU"
            continue
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always" if block.what == "warns" else "error")
            try:
                output = run(block, namespace, folder)
            except Exception as error:
                assert block.what == "raises", f"{block} raised {type(error).__name__}: {error}"
                assert block.detail and name_matches(type(error), block.detail), (
                    f"{block}: {error!r}"
                )
                assert shown is not None, f"{block}: the page does not show the message"
                assert_shows(short(error), shown, block, whole=False)
                continue
        assert block.what != "raises", f"{block} raised nothing"
        if block.what == "warns":
            assert len(warned) == 1, f"{block}: {len(warned)} warnings"
            assert name_matches(warned[0].category, str(block.detail))
            assert shown is not None, f"{block}: the page does not show the warning"
            assert_shows(short(warned[0].message), shown, block, whole=False)
        elif shown is not None:
            assert_shows(output, shown, block, whole=True)


def test_comments_before_blocks_are_understood() -> None:
    """No comment is misspelt, and none stands where no block follows it."""
    for page in PAGES:
        comments = re.findall(r"^<!--.*", page.read_text(), re.MULTILINE)
        marked = [b for b in blocks(page) if b.what]
        assert len(comments) == len(marked), f"{page}: a comment before no block"
        for block in marked:
            assert block.language == "python", f"{block}: only Python blocks run"
            assert block.what in ("raises", "warns", "skip"), f"{block}: unknown {block.what!r}"


def test_commands_name_what_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for block in (b for page in PAGES for b in blocks(page) if b.language in ("sh", "console")):
        for target in re.findall(r"^(?:\$ )?make (\w[\w-]*)", block.code, re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{block}: make {target}"
        for script in re.findall(r"\bpython (\S+\.py)", block.code):
            if script != "example.py":
                assert (ROOT / script).is_file(), f"{block}: python {script}"


def test_links_lead_somewhere() -> None:
    for page in [*PAGES, ROOT / "CONTRIBUTING.md", *sorted(REFERENCE.glob("*.md"))]:
        prose = FENCE.sub("", page.read_text())
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose):
            assert (page.parent / target).exists(), f"{page}: no {target}"


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    for page in ROOT.glob("docs/**/*.md"):
        name = page.relative_to(ROOT / "docs").as_posix()
        assert name == "README.md" or f"]({name})" in index, f"docs/README.md does not name {name}"


def test_the_reference_is_that_of_the_docstrings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    generate = importlib.import_module("build_reference")
    expected = generate.pages()
    assert {p.name for p in REFERENCE.glob("*.md")} == set(expected)
    for name, text in expected.items():
        assert (REFERENCE / name).read_text() == text, (
            f"docs/reference/{name} is out of date; run: make docs"
        )
