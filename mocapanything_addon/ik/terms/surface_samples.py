# SPDX-License-Identifier: GPL-3.0-or-later
"""Which points of the surface, in which frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class SurfaceSamples:
    """N points of a skin's surface over a clip, sorted by frame."""

    frames: NDArray[np.integer]
    """(N,) not decreasing."""
    triangles: NDArray[np.integer]
    """(N,) indices into the skin's faces."""
    barycentric: NDArray
    """(N, 3) weights of the triangle's corners."""

    def __post_init__(self) -> None:
        if not len(self.frames) == len(self.triangles) == len(self.barycentric):
            raise ValueError(
                f"{len(self.frames)} frames, {len(self.triangles)} triangles, "
                f"{len(self.barycentric)} barycentric rows"
            )
        if (np.diff(self.frames) < 0).any():
            raise ValueError("surface samples must be sorted by frame")

    def __len__(self) -> int:
        return len(self.frames)

    def by_frame(self) -> Iterator[tuple[int, slice]]:
        """Every frame that has samples, and where they are."""
        frames, starts = np.unique(self.frames, return_index=True)
        ends = np.append(starts[1:], len(self.frames))
        for frame, start, end in zip(frames, starts, ends, strict=True):
            yield int(frame), slice(int(start), int(end))
