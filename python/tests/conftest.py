"""What every test shares: the path of `harness`, a cache of its own, the emulated GPU."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import parpy

_HERE = str(Path(__file__).parent)
if _HERE not in sys.path:
    sys.path.insert(0, _HERE)

pytest.register_assert_rewrite("harness")


@pytest.fixture(scope="session", autouse=True)
def _own_cache_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes the user's cache, and none sees what another run compiled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARPY_CACHE_DIR", str(tmp_path_factory.mktemp("parpy-cache")))
        # Tests that name no backend are about the CPU, whatever this machine has.
        patch.setenv("PARPY_DEFAULT_BACKEND", "Cpu")
        patch.delenv("PARPY_CHECK_BOUNDS", raising=False)
        patch.delenv("PARPY_DUMP", raising=False)
        yield


# --- The emulated GPU -----------------------------------------------------------------------


_FEW = 4
_OBSTACLE = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--emulate",
        choices=["quick", "all"],
        help="run CUDA kernels on the CPU, and the language tests on CUDA: some variants or all",
    )
    parser.addoption(
        "--emulate-metal",
        choices=["quick", "all"],
        help="run Metal kernels on the CPU, and the language tests on Metal: some variants or all",
    )
    parser.addoption(
        "--gpu", choices=["quick", "all"], help="the same on the NVIDIA GPU of this machine"
    )
    parser.addoption(
        "--metal", choices=["quick", "all"], help="the same for Metal on the GPU of this Mac"
    )
    parser.addoption(
        "--shard", metavar="I/N", help="run the I-th of N shares of the tests, in a shuffled order"
    )
    parser.addoption(
        "--seconds", type=float, metavar="S", help="skip the tests that would begin after S seconds"
    )
    parser.addoption(
        "--through",
        choices=["compile_string", "nvcc", "nvrtc"],
        help="with these: print each program of the language tests, and run what the text is,"
        " by the host program in its comments or with host code that nvcc compiles; nvrtc, with"
        " --emulate: run what NVIDIA's NVRTC makes of the kernels",
    )


def pytest_configure(config: pytest.Config) -> None:
    mode = config.getoption("--emulate") or config.getoption("--emulate-metal")
    is_metal = config.getoption("--emulate") is None
    through = config.getoption("--through")
    if gpu_mode := config.getoption("--gpu"):
        import on_cuda

        on_cuda.start(gpu_mode, has_gpu=True, through=through)
    if metal_mode := config.getoption("--metal"):
        import on_cuda

        if not parpy.backend.is_enabled(parpy.CompileBackend.Metal, verbose=True):
            raise pytest.UsageError("--metal: there is no Metal here")
        metal = parpy.CompileBackend.Metal
        on_cuda.start(metal_mode, has_gpu=True, through=through, backend=metal)
    if mode is None:
        return
    import emulator
    import on_cuda

    backend = parpy.CompileBackend.Metal if is_metal else parpy.CompileBackend.Cuda
    try:
        if is_metal:
            emulator.start_metal()
        else:
            emulator.start(through_nvrtc=through == "nvrtc")
    except emulator.Unavailable as error:
        config.stash[_OBSTACLE] = f"the emulated GPU cannot be had: {error}"
    else:
        # What NVRTC makes rounds as on a GPU: products join with sums, functions are its own.
        is_nvrtc = through == "nvrtc"
        text = None if is_nvrtc else through
        on_cuda.start(mode, has_gpu=is_nvrtc, through=text, backend=backend)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves the tests that are asked for."""
    if (obstacle := config.stash.get(_OBSTACLE, None)) is not None:
        for item in items:
            item.add_marker(pytest.mark.skip(obstacle))
    _leave_few(config, items)
    if (share := config.getoption("--shard")) is not None:
        number, count = map(int, share.split("/"))
        # Whatever is left out in the end, every file has run in part.
        random.Random(0).shuffle(items)
        kept = items[number - 1 :: count]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
        items[:] = kept


def _leave_few(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves of each table of language tests a few, spread evenly, where few are asked for."""
    options = ("--emulate", "--emulate-metal", "--gpu", "--metal")
    if "quick" not in (config.getoption(option) for option in options):
        return
    tables: dict[str, list[pytest.Item]] = {}
    for item in items:
        tables.setdefault(item.nodeid.partition("[")[0], []).append(item)
    kept: set[pytest.Item] = set()
    for name, table in tables.items():
        is_short = "/gpu/" in name or "/metal/" in name or name.endswith(("_on_cuda", "_on_metal"))
        step = 1 if is_short else max(1, len(table) // _FEW)
        kept.update(table[::step])
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]


def _is_emulated(config: pytest.Config) -> bool:
    return bool(config.getoption("--emulate") or config.getoption("--emulate-metal"))


_START = time.monotonic()


def pytest_runtest_setup(item: pytest.Item) -> None:
    seconds = item.config.getoption("--seconds")
    if seconds is not None and time.monotonic() - _START > seconds:
        pytest.skip(f"{seconds:.0f} s have gone by")


def pytest_report_header(config: pytest.Config) -> str | None:
    if not _is_emulated(config):
        return None
    import emulator

    return f"GPU: emulated on the CPU, PARPY_EMULATOR_SEED={emulator.default_seed()}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    config = terminalreporter.config
    if config.getoption("--gpu") or config.getoption("--metal"):
        import on_cuda

        terminalreporter.section("GPU")
        terminalreporter.write_line(str(on_cuda.COUNTS))
    if not _is_emulated(config) or _OBSTACLE in config.stash:
        return
    import emulator
    import on_cuda

    terminalreporter.section("emulated GPU")
    terminalreporter.write_line(f"{emulator.launches()} kernels launched")
    terminalreporter.write_line(str(on_cuda.COUNTS))
