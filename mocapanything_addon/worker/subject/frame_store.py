# SPDX-License-Identifier: GPL-3.0-or-later
"""Equal-sized frames kept on disk, so that memory does not grow with the length of the video."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray


class FrameStore:
    """A growing array of uint8 frames in a file.

    Plain reads and writes, not a memory map: pages of a map that were touched count as this process's memory.

    Args:
        path: The file, created anew and left to its owner to remove.
        shape: Of one frame.
    """

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self.path = path
        self.shape = shape
        self._bytes = int(np.prod(shape))
        self._file = path.open("w+b")
        self._count = 0

    def __enter__(self) -> FrameStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._count

    def append(self, frame: NDArray[np.uint8]) -> None:
        self[self._count] = frame

    def __setitem__(self, index: int, frame: NDArray[np.uint8]) -> None:
        if frame.shape != self.shape or frame.dtype != np.uint8:
            raise ValueError(f"a frame is {frame.shape} {frame.dtype}, the store holds {self.shape} uint8")
        self._file.seek(index * self._bytes)
        self._file.write(np.ascontiguousarray(frame).data)
        self._count = max(self._count, index + 1)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        """A copy of the frame. Indices never written below the last one read as zeros.

        Raises:
            IndexError: Outside 0 to the number of frames.
        """
        if not 0 <= index < self._count:
            raise IndexError(f"frame {index} of {self._count}")
        self._file.seek(index * self._bytes)
        frame = np.frombuffer(self._file.read(self._bytes), np.uint8)
        return frame.reshape(self.shape).copy()

    def as_array(self) -> NDArray[np.uint8]:
        """(T, ...) memory map of everything written, for reading."""
        self._file.flush()
        return np.memmap(self.path, np.uint8, "r", shape=(self._count, *self.shape))


class OddsStore:
    """Log odds (h, w) of every frame in a frame store, within +-8, to a sixteenth.

    Args:
        store: Of frames (h, w).
    """

    _SCALE = 16.0

    def __init__(self, store: FrameStore) -> None:
        self._store = store

    def __len__(self) -> int:
        return len(self._store)

    def __setitem__(self, index: int, logit: NDArray[np.float32]) -> None:
        self._store[index] = np.clip(logit * self._SCALE + 128.5, 0, 255).astype(np.uint8)

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        return (self._store[index].astype(np.float32) - 128.0) / self._SCALE


class Scratch:
    """Frame stores that are removed, whatever happens, when the work they serve is over.

    Args:
        folder: An existing folder for their files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stores: list[FrameStore] = []

    def __enter__(self) -> Scratch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for store in self._stores:
            store.__exit__(None, None, None)
            store.path.unlink(missing_ok=True)

    def store(self, name: str, shape: tuple[int, ...]) -> FrameStore:
        """A new, empty store, also where there is one of this name."""
        store = FrameStore(self._folder / f"{name}-{len(self._stores)}.bin", shape)
        self._stores.append(store)
        return store

    def odds(self, name: str, height: int, width: int) -> OddsStore:
        """A new, empty store of log odds."""
        return OddsStore(self.store(name, (height, width)))
