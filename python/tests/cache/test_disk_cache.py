"""The disk cache: what is stored comes back intact, and nothing that fails gets in the way."""

from __future__ import annotations

import multiprocessing
import os
import warnings
from pathlib import Path

import pytest

from parpy import _cache
from parpy._cache import DiskCache, key

PAYLOAD = bytes(range(256)) * 8


@pytest.fixture
def cache(tmp_path: Path) -> DiskCache:
    return DiskCache(str(tmp_path))


def entries(cache: DiskCache) -> list[Path]:
    return list(Path(cache.directory).iterdir())


class TestKey:
    def test_is_the_same_for_the_same_parts(self) -> None:
        assert key("ir", "cpu") == key("ir", "cpu")

    @pytest.mark.parametrize("other", [("irc", "pu"), ("ircpu",), ("cpu", "ir"), ("ir", "cpu", "")])
    def test_differs_for_other_parts(self, other: tuple[str, ...]) -> None:
        assert key("ir", "cpu") != key(*other)


class TestStoring:
    def test_returns_what_was_put(self, cache: DiskCache) -> None:
        cache.put(key("a"), PAYLOAD)
        cache.put(key("b"), b"")
        assert cache.get(key("a")) == PAYLOAD
        assert cache.get(key("b")) == b""

    def test_misses_an_unknown_key(self, cache: DiskCache) -> None:
        cache.put(key("a"), PAYLOAD)
        assert cache.get(key("b")) is None

    def test_survives_in_a_new_object(self, cache: DiskCache) -> None:
        cache.put(key("a"), PAYLOAD)
        assert DiskCache(cache.directory).get(key("a")) == PAYLOAD

    def test_replaces_an_entry(self, cache: DiskCache) -> None:
        cache.put(key("a"), b"old")
        cache.put(key("a"), b"new")
        assert cache.get(key("a")) == b"new"

    def test_leaves_one_private_file(self, cache: DiskCache) -> None:
        cache.put(key("a"), PAYLOAD)
        [entry] = entries(cache)
        assert entry.stat().st_mode & 0o077 == 0

    def test_clear_deletes_entries_and_nothing_else(self, cache: DiskCache) -> None:
        cache.put(key("a"), PAYLOAD)
        cache.put(key("b"), PAYLOAD)
        foreign = Path(cache.directory) / "thesis.tex"
        foreign.write_text("mine")
        cache.clear()
        assert cache.get(key("a")) is None
        assert entries(cache) == [foreign]


class TestDamage:
    def damage(self, cache: DiskCache, content: bytes) -> None:
        [entry] = entries(cache)
        entry.write_bytes(content)

    @pytest.mark.parametrize("position", [0, 9, 41, 50, 80, -1])
    def test_a_flipped_bit_is_a_miss_and_deletes_the_entry(
        self, cache: DiskCache, position: int
    ) -> None:
        cache.put(key("a"), PAYLOAD)
        content = bytearray(entries(cache)[0].read_bytes())
        content[position] ^= 1
        self.damage(cache, bytes(content))
        assert cache.get(key("a")) is None
        assert entries(cache) == []

    @pytest.mark.parametrize("length", [0, 5, 79, 80, 81, 1000])
    def test_a_truncated_entry_is_a_miss_and_deletes_the_entry(
        self, cache: DiskCache, length: int
    ) -> None:
        cache.put(key("a"), PAYLOAD)
        self.damage(cache, entries(cache)[0].read_bytes()[:length])
        assert cache.get(key("a")) is None
        assert entries(cache) == []

    def test_trailing_bytes_are_a_miss(self, cache: DiskCache) -> None:
        cache.put(key("a"), PAYLOAD)
        self.damage(cache, entries(cache)[0].read_bytes() + b"x")
        assert cache.get(key("a")) is None

    def test_an_entry_renamed_to_another_key_is_a_miss(self, cache: DiskCache) -> None:
        cache.put(key("a"), PAYLOAD)
        [entry] = entries(cache)
        entry.rename(str(entry).replace(key("a"), key("b")))
        assert cache.get(key("b")) is None

    def test_a_damaged_entry_can_be_put_again(self, cache: DiskCache) -> None:
        cache.put(key("a"), PAYLOAD)
        self.damage(cache, b"junk")
        assert cache.get(key("a")) is None
        cache.put(key("a"), PAYLOAD)
        assert cache.get(key("a")) == PAYLOAD


class TestSize:
    def age(self, cache: DiskCache, name: str, seconds: int) -> None:
        [entry] = [e for e in entries(cache) if e.name.startswith(key(name))]
        when = entry.stat().st_mtime - seconds
        os.utime(entry, (when, when))

    def test_stays_near_the_limit(self, tmp_path: Path) -> None:
        cache = DiskCache(str(tmp_path), size_limit=64 * 1024)
        for i in range(300):
            cache.put(key(str(i)), bytes(1000))
        assert sum(e.stat().st_size for e in entries(cache)) <= 64 * 1024 * 17 // 16

    def test_deletes_what_was_used_longest_ago(self, tmp_path: Path) -> None:
        cache = DiskCache(str(tmp_path), size_limit=5000)
        for i, name in enumerate("abcd"):
            cache.put(key(name), bytes(1000))
            self.age(cache, name, seconds=100 - i)
        assert cache.get(key("a")) is not None  # Used now, so that "b" is the oldest.
        cache.put(key("e"), bytes(1000))
        kept = {name for name in "abcde" if cache.get(key(name)) is not None}
        assert {"a", "e"} <= kept
        assert "b" not in kept

    def test_counts_what_earlier_processes_left(self, tmp_path: Path) -> None:
        earlier = DiskCache(str(tmp_path))
        for i in range(10):
            earlier.put(key(str(i)), bytes(1000))
        DiskCache(str(tmp_path), size_limit=5000).put(key("new"), bytes(1000))
        assert sum(e.stat().st_size for e in entries(earlier)) <= 5000

    def test_a_payload_over_the_limit_is_not_stored(self, tmp_path: Path) -> None:
        cache = DiskCache(str(tmp_path), size_limit=5000)
        cache.put(key("small"), bytes(100))
        cache.put(key("large"), bytes(5001))
        assert cache.get(key("large")) is None
        assert cache.get(key("small")) == bytes(100)

    def test_deletes_temporary_files_of_dead_processes_only(self, tmp_path: Path) -> None:
        dead, alive = tmp_path / "1.parpy-tmp", tmp_path / "2.parpy-tmp"
        dead.touch()
        alive.touch()
        os.utime(dead, (0, 0))
        DiskCache(str(tmp_path)).put(key("a"), PAYLOAD)
        assert not dead.exists()
        assert alive.exists()


class TestFailingDisk:
    def test_a_directory_that_vanished_is_a_miss(self, tmp_path: Path) -> None:
        cache = DiskCache(str(tmp_path / "gone"))
        cache.put(key("a"), PAYLOAD)
        assert cache.get(key("a")) is None
        cache.clear()

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_an_unwritable_directory_still_serves(self, cache: DiskCache) -> None:
        cache.put(key("a"), PAYLOAD)
        Path(cache.directory).chmod(0o500)
        try:
            cache.put(key("b"), PAYLOAD)
            assert cache.get(key("a")) == PAYLOAD
            assert cache.get(key("b")) is None
        finally:
            Path(cache.directory).chmod(0o700)

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
    def test_a_full_disk_stores_nothing(
        self, cache: DiskCache, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real_open = os.open

        def open_full(path: str, flags: int, mode: int = 0o777) -> int:
            os.close(real_open(path, flags, mode))
            return real_open("/dev/full", os.O_WRONLY)

        monkeypatch.setattr(os, "open", open_full)
        cache.put(key("a"), PAYLOAD)
        monkeypatch.undo()
        assert cache.get(key("a")) is None
        assert entries(cache) == []


def hammer(directory: str, seed: int) -> int:
    """Puts and gets entries that other processes put too; returns how many gets were wrong."""
    cache = DiskCache(directory, size_limit=200_000)
    wrong = 0
    for i in range(400):
        name = str((i * (seed + 3)) % 50)
        payload = name.encode() * 2000
        found = cache.get(key(name))
        wrong += found is not None and found != payload
        cache.put(key(name), payload)
    return wrong


def test_processes_share_a_directory(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(4) as pool:
        wrong = pool.starmap(hammer, [(str(tmp_path), seed) for seed in range(4)])
    assert wrong == [0, 0, 0, 0]
    assert not list(tmp_path.glob("*-tmp"))
    assert sum(e.stat().st_size for e in tmp_path.iterdir()) <= 300_000


class TestDefault:
    @pytest.fixture(autouse=True)
    def no_environment(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.delenv("PARPY_CACHE_DIR", raising=False)
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setenv("HOME", str(tmp_path / "home"))

    def directory(self) -> str:
        cache = _cache.default()
        assert cache is not None
        return cache.directory

    def test_is_in_the_home_directory(self, tmp_path: Path) -> None:
        assert self.directory() == str(tmp_path / "home/.cache/parpy")

    def test_follows_xdg(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
        assert self.directory() == str(tmp_path / "xdg/parpy")

    def test_ignores_a_relative_xdg_path(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", "relative")
        assert self.directory() == str(tmp_path / "home/.cache/parpy")

    def test_prefers_our_own_variable(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
        monkeypatch.setenv("PARPY_CACHE_DIR", "~/mine")
        assert self.directory() == str(tmp_path / "home/mine")

    def test_reads_the_environment_at_each_call(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        for name in ("one", "two", "one"):
            monkeypatch.setenv("PARPY_CACHE_DIR", str(tmp_path / name))
            assert self.directory() == str(tmp_path / name)

    def test_makes_a_private_directory(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("PARPY_CACHE_DIR", str(tmp_path / "a/b"))
        assert Path(self.directory()).stat().st_mode & 0o777 == 0o700

    @pytest.mark.parametrize("mode", [0o770, 0o707, 0o777, 0o1777, 0o720])
    def test_refuses_a_directory_that_others_can_write(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: int
    ) -> None:
        shared = tmp_path / f"shared-{mode:o}"
        shared.mkdir()
        shared.chmod(mode)
        monkeypatch.setenv("PARPY_CACHE_DIR", str(shared))
        with pytest.warns(RuntimeWarning, match=str(shared)):
            assert _cache.default() is None
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # A second warning would fail.
            assert _cache.default() is None

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
    def test_refuses_a_directory_of_another_user(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        foreign = tmp_path / "foreign"
        foreign.mkdir(mode=0o700)
        os.chown(foreign, 65534, 65534)
        monkeypatch.setenv("PARPY_CACHE_DIR", str(foreign))
        with pytest.warns(RuntimeWarning, match="another user"):
            assert _cache.default() is None

    def test_accepts_a_directory_that_others_can_read(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        readable = tmp_path / "readable"
        readable.mkdir()
        readable.chmod(0o755)
        monkeypatch.setenv("PARPY_CACHE_DIR", str(readable))
        assert self.directory() == str(readable)

    def test_is_none_where_no_directory_can_be_made(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "file").touch()
        monkeypatch.setenv("PARPY_CACHE_DIR", str(tmp_path / "file/cache"))
        assert _cache.default() is None
