"""What every test shares: the path of `harness`, and a cache directory of the session's own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_HERE = str(Path(__file__).parent)
if _HERE not in sys.path:
    sys.path.insert(0, _HERE)

pytest.register_assert_rewrite("harness")


@pytest.fixture(scope="session", autouse=True)
def _own_cache_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes the user's cache, and none sees what another run compiled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARPY_CACHE_DIR", str(tmp_path_factory.mktemp("parpy-cache")))
        patch.delenv("PARPY_DEFAULT_BACKEND", raising=False)
        patch.delenv("PARPY_CHECK_BOUNDS", raising=False)
        patch.delenv("PARPY_DUMP", raising=False)
        yield
