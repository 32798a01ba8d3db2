"""What the tests of C functions and of callbacks share."""

from __future__ import annotations

import pytest
from c_libraries import build
from callback_log import log
from external_functions import SOURCE


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> str:
    return build(tmp_path_factory.mktemp("libraries"), SOURCE)


@pytest.fixture(autouse=True)
def _empty_log() -> None:
    log.clear()
