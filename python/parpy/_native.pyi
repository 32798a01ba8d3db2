"""What the Swift core offers; the contract is docs/native-interface.md."""

import ast
from collections.abc import Callable, Sequence
from typing import Any, Generic, ParamSpec, overload

from parpy._hooks import Hooks
from parpy._options import CompileOptions
from parpy._stages import Compilation, Lowered

_P = ParamSpec("_P")

def initialize(hooks: type[Hooks], /) -> None: ...
def cuda_obstacle() -> str | None: ...
def cuda_synchronize() -> None: ...
def worker_count() -> int: ...

class Function(Generic[_P]):
    __name__: str
    __qualname__: str
    __wrapped__: Callable[_P, None]
    def __init__(
        self,
        function: Callable[_P, None],
        definition: ast.FunctionDef,
        filename: str,
        lines: list[str],
        first_line: int,
        column_offset: int,
        annotations: dict[str, str],
        /,
    ) -> None: ...
    @overload
    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> None: ...
    @overload
    def __call__(self, *args: Any, opts: CompileOptions | None) -> None: ...
    @property
    def compilations(self) -> list[Compilation]: ...
    @overload
    def lower(self, *args: _P.args, **kwargs: _P.kwargs) -> Lowered: ...
    @overload
    def lower(self, *args: Any, opts: CompileOptions | None) -> Lowered: ...
    def print_compiled(self, args: Sequence[Any], opts: CompileOptions, /) -> str: ...
    def clear(self) -> None: ...

class CompiledText:
    def __init__(self, name: str, text: str, /) -> None: ...
    def __call__(self, *args: Any, opts: CompileOptions | None = None) -> None: ...
