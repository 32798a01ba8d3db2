"""Object code kept on disk between processes.

An entry is one file named after its key. It is written under a temporary name and renamed, so
a reader sees all of it or nothing, and any number of processes may share a directory. It
carries its key and a checksum: a damaged entry is deleted and counts as missing. The cache
only ever saves time: no failure of the file system reaches the caller.
"""

from __future__ import annotations

import os
import stat
import struct
import threading
import time
import warnings
from contextlib import suppress
from typing import Final, final

try:  # `hashlib` would load OpenSSL first, which takes 5 ms
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b

__all__ = ["SIZE_LIMIT", "DiskCache", "default", "key"]

SIZE_LIMIT: Final = 512 * 1024 * 1024
"""Bytes that a cache directory may hold before the entries used longest ago are deleted."""

_FORMAT: Final = "1"
_MAGIC: Final = b"ParPy\x00\x01\n"
# Magic, key, length and BLAKE2b-256 checksum of the payload.
_HEADER: Final = struct.Struct("<8s32sQ32s")
_SUFFIX: Final = ".parpy"
_TEMPORARY_SUFFIX: Final = ".parpy-tmp"
# A temporary file this old, in seconds, was left by a process that died.
_TEMPORARY_LIFETIME: Final = 3600.0


def key(*parts: str) -> str:
    """Hashes everything that an entry depends on.

    Where one part ends and the next begins counts, so ``("a", "bc")`` and ``("ab", "c")`` differ.

    Returns:
        64 hexadecimal digits.

    Example:
        >>> key("define void @f()", "LLVM 22") == key("define void @f()LLVM", " 22")
        False
    """
    digest = blake2b(digest_size=32)
    for part in (_FORMAT, *parts):
        encoded = part.encode()
        digest.update(struct.pack("<Q", len(encoded)))
        digest.update(encoded)
    return digest.hexdigest()


@final
class DiskCache:
    """A directory of payloads under keys made by `key`, bounded in size.

    Args:
        directory: An existing directory that only this user can write.
        size_limit: Bytes to hold. Checked at the first write and then after every sixteenth of
            it written, so the directory may exceed it by that much a process.
    """

    def __init__(self, directory: str, size_limit: int = SIZE_LIMIT) -> None:
        self.directory = directory
        self._size_limit = size_limit
        self._unchecked = size_limit
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        """Reads the payload stored under `key` and marks it as used now.

        Returns:
            The payload, or None when there is none or it is damaged.
        """
        path = self._path(key)
        try:
            with open(path, "rb") as file:
                entry = file.read()
        except OSError:
            return None
        payload = _payload(entry, key)
        if payload is None:
            _unlink(path)
            return None
        # Fails in a read-only directory, which still serves, or when just evicted elsewhere.
        with suppress(OSError):
            os.utime(path)
        return payload

    def put(self, key: str, payload: bytes) -> None:
        """Stores `payload` under `key`, or does nothing where that fails."""
        size = _HEADER.size + len(payload)
        if size > self._size_limit:
            return
        checksum = blake2b(payload, digest_size=32).digest()
        header = _HEADER.pack(_MAGIC, bytes.fromhex(key), len(payload), checksum)
        temporary = os.path.join(self.directory, f"{os.urandom(12).hex()}{_TEMPORARY_SUFFIX}")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError:
            return
        try:
            with open(descriptor, "wb") as file:
                file.write(header)
                file.write(payload)
            os.replace(temporary, self._path(key))
        except OSError:
            _unlink(temporary)
            return
        if self._is_check_due(size):
            self._evict()

    def clear(self) -> None:
        """Deletes every entry, and nothing else that the directory may hold."""
        for path, _ in self._files(_SUFFIX) + self._files(_TEMPORARY_SUFFIX):
            _unlink(path)

    def usage(self) -> tuple[int, int]:
        """The number of entries, and the bytes that they take."""
        entries = self._files(_SUFFIX)
        return len(entries), sum(status.st_size for _, status in entries)

    def _path(self, key: str) -> str:
        return os.path.join(self.directory, key + _SUFFIX)

    def _is_check_due(self, written: int) -> bool:
        """Counts bytes written, and says whether to look at the whole directory now."""
        with self._lock:
            self._unchecked += written
            if self._unchecked <= self._size_limit // 16:
                return False
            self._unchecked = 0
            return True

    def _evict(self) -> None:
        """Deletes the entries used longest ago until a sixteenth of the limit is free again."""
        abandoned = time.time() - _TEMPORARY_LIFETIME
        for path, status in self._files(_TEMPORARY_SUFFIX):
            if status.st_mtime < abandoned:
                _unlink(path)
        entries = self._files(_SUFFIX)
        total = sum(status.st_size for _, status in entries)
        if total <= self._size_limit:
            return
        entries.sort(key=lambda entry: entry[1].st_mtime_ns)
        for path, status in entries:
            if total <= self._size_limit - self._size_limit // 16:
                break
            _unlink(path)
            total -= status.st_size

    def _files(self, suffix: str) -> list[tuple[str, os.stat_result]]:
        """Lists the files of this cache that end in `suffix`, as far as they can be read."""
        found = []
        with suppress(OSError), os.scandir(self.directory) as files:
            for file in files:
                if file.name.endswith(suffix):
                    # Another process may delete it in the meantime.
                    with suppress(OSError):
                        found.append((file.path, file.stat(follow_symlinks=False)))
        return found


_caches: dict[str, DiskCache] = {}
_refused: set[str] = set()


def default() -> DiskCache | None:
    """Opens the cache directory of this user, making it where it is missing.

    It is ``$PARPY_CACHE_DIR``, else ``$XDG_CACHE_HOME/parpy``, else ``~/.cache/parpy``, read
    from the environment at each call.

    Returns:
        The cache, or None where the directory cannot be made or is not safe: loading code that
        another user can replace would hand them this process.

    Warns:
        RuntimeWarning: Another user owns the directory or can write it; once for each path.
    """
    directory = _default_directory()
    if directory is None:
        return None
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        status = os.stat(directory)
    except OSError:
        return None
    if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        if directory not in _refused:
            _refused.add(directory)
            warnings.warn(
                f"{directory} is not used to keep compiled code, because another user can "
                f"write it. Compiled code is kept in memory only. Run `chmod 700 {directory}` "
                "as its owner, or set PARPY_CACHE_DIR to a directory of your own.",
                RuntimeWarning,
                stacklevel=2,
            )
        return None
    # One object a directory, so that it counts all that this process writes.
    return _caches.setdefault(directory, DiskCache(directory))


def _default_directory() -> str | None:
    """Names the cache directory that the environment asks for, if it names one at all."""
    if chosen := os.environ.get("PARPY_CACHE_DIR"):
        return os.path.abspath(os.path.expanduser(chosen))
    parent = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(parent):  # The XDG specification says to ignore a relative path.
        parent = os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(parent, "parpy") if os.path.isabs(parent) else None


def _payload(entry: bytes, key: str) -> bytes | None:
    """Takes the payload out of an entry, or gives None where the entry is not intact."""
    if len(entry) < _HEADER.size:
        return None
    magic, stored_key, length, checksum = _HEADER.unpack_from(entry)
    payload = entry[_HEADER.size :]
    if magic != _MAGIC or stored_key.hex() != key or length != len(payload):
        return None
    return payload if blake2b(payload, digest_size=32).digest() == checksum else None


def _unlink(path: str) -> None:
    """Deletes a file if it is there and that is allowed."""
    with suppress(OSError):
        os.unlink(path)
