# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of results that are dear to make, found again by a hash of what they were made from."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)

DEFAULT_LIMIT_BYTES = 2 * 1024**3
_CHUNK_BYTES = 1 << 20
_LEFTOVER_SECONDS = 24 * 3600.0


def content_key(*parts: object) -> str:
    """A key of what a result depends on: strings, numbers, None, or hashes as strings."""
    digest = hashlib.sha256()
    for part in parts:
        text = repr(part).encode()
        digest.update(str(len(text)).encode() + b":" + text)
    return digest.hexdigest()[:32]


def hash_files(path: Path) -> str:
    """Hash of a file's bytes, or of the names and bytes of all files in a folder. Raises OSError."""
    digest = hashlib.sha256()
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    for file in files:
        if file != path:
            digest.update(f"\0{file.relative_to(path).as_posix()}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
    return digest.hexdigest()[:32]


class Cache:
    """Entries are folders, added whole by renaming and handed out as copies.

    So several processes may use one cache: a reader sees a whole entry or none, and when two make the same
    entry the first one stays. It is a convenience: where the disk refuses, an entry is missing, and nothing
    fails.
    """

    def __init__(self, folder: Path, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes

    def fetch(self, key: str, destination: Path) -> bool:
        """Copy the entry to ``destination``, a folder not there yet. False where there is no entry."""
        if destination.exists():
            raise FileExistsError(errno.EEXIST, "exists already", str(destination))
        entry = self.folder / key
        try:
            os.utime(entry)  # the time of last use decides what is dropped first
            (content,) = entry.iterdir()
            shutil.copytree(content, destination, copy_function=shutil.copyfile)
        except (OSError, ValueError):
            content = None
        # An entry that another process drops is renamed before anything in it is deleted, and its content
        # has a name that never comes again: still being there means that all of it was there while it was
        # copied.
        if content is not None and content.exists():
            return True
        shutil.rmtree(destination, ignore_errors=True)
        return False

    def store(self, key: str, fill: Callable[[Path], object]) -> None:
        """Add an entry: ``fill`` writes its files into the folder it gets. Keeps an entry that is there."""
        if (self.folder / key).exists():
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(prefix=".new-", dir=self.folder))
        except OSError as error:
            log.warning("the cache %s cannot be written: %s", self.folder, error)
            return
        try:
            content = temporary / temporary.name
            content.mkdir()
            fill(content)
            temporary.rename(self.folder / key)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # another process was first
                log.warning("cache entry %s could not be written: %s", key, error)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        self.trim()

    def discard(self, key: str) -> None:
        """Drop an entry, for instance one that turned out to be damaged."""
        try:
            # Out of sight in one step first, so that no reader meets half an entry.
            grave = Path(tempfile.mkdtemp(prefix=".old-", dir=self.folder))
        except OSError:
            return
        with contextlib.suppress(OSError):
            (self.folder / key).rename(grave / key)
        shutil.rmtree(grave, ignore_errors=True)

    def trim(self) -> None:
        """Drop leftovers of crashed processes, then the entries unused for longest until the rest fits."""
        for leftover in self.folder.glob(".*"):
            with contextlib.suppress(OSError):
                if time.time() - leftover.stat().st_mtime > _LEFTOVER_SECONDS:
                    shutil.rmtree(leftover, ignore_errors=True)
        entries = []
        for entry in self._entries():
            try:
                entries.append((entry.stat().st_mtime, _size(entry), entry.name))
            except OSError:
                continue
        total = sum(size for _, size, _ in entries)
        for _, size, name in sorted(entries):
            if total <= self.limit_bytes:
                break
            self.discard(name)
            total -= size

    def clear(self) -> None:
        """Drop everything."""
        for entry in self._entries():
            self.discard(entry.name)

    @property
    def size(self) -> int:
        """Bytes in use."""
        return sum(_size(entry) for entry in self._entries())

    def _entries(self) -> list[Path]:
        try:
            return [p for p in self.folder.iterdir() if p.is_dir() and not p.name.startswith(".")]
        except OSError:
            return []


def _size(folder: Path) -> int:
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # another process may just be dropping the entry
                total += (Path(root) / name).stat().st_size
    return total
