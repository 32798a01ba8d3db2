"""A program, its arguments and how it is compiled: what is run, sent and written to a file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any


def _narrow(text: str) -> str:
    return text.replace("float64", "float32").replace("complex128", "complex64")


@dataclass
class Argument:
    """What is passed for a parameter; `value` for a scalar, a seed and more for an array."""

    name: str
    kind: str
    shape: tuple[int, ...] | None = None
    value: float = 0
    data: str = "small"
    layout: str = "contiguous"
    seed: int = 0
    alias: str = ""  # "same NAME", "after NAME": views of one array


@dataclass
class Case:
    """A program, its arguments and how it is to be compiled."""

    text: str
    arguments: list[Argument]
    schedule: dict[str, tuple[int, bool]] = field(default_factory=dict)
    settings: list[dict[str, Any]] = field(default_factory=list)
    reassociates: list[str] = field(default_factory=list)  # labels of declared loops

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def on_metal(self) -> Case:
        """The case without float64, which Metal does not have."""
        arguments = [replace(a, kind=_narrow(a.kind)) for a in self.arguments]
        return replace(self, text=_narrow(self.text), arguments=arguments)

    @staticmethod
    def from_json(value: dict[str, Any]) -> Case:
        arguments = []
        for a in value["arguments"]:
            shape = None if a["shape"] is None else tuple(a["shape"])
            arguments.append(Argument(**{**a, "shape": shape}))
        schedule = {k: (n, r) for k, (n, r) in value["schedule"].items()}
        return Case(value["text"], arguments, schedule, value["settings"], value["reassociates"])
