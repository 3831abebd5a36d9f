# SPDX-License-Identifier: GPL-3.0-or-later
"""What moves on its own in a shot, thing by thing: any of them may be the subject."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from .carry import grey
from .frame_store import FrameStore
from .likelihood import Likelihood
from .parts import LEAST_AREA, places_of

CHANGE = 20.0
"""Grey levels between two frames that count as full motion."""

STILLNESS = 0.15
"""What a pixel that does not change counts for, next to one that does."""

CUT_OFF = 0.6
"""What motion counts for where the thing is cut off by the image's border."""

SAME = 0.15
"""Share of a part that must lie where a thing was, to be that thing."""


@dataclass
class MovingThing:
    """One moving thing over time."""

    motion: float = 0.0
    """Pixels that moved, over the frames looked at."""
    areas: dict[int, int] = field(default_factory=dict)
    """By frame: its area in pixels,"""
    centers: dict[int, list[tuple[float, float]]] = field(default_factory=dict)
    """and the centres of its parts."""

    def with_parts(self, other: MovingThing) -> MovingThing:
        """Both as one thing."""
        frames = sorted(self.areas.keys() | other.areas.keys())
        return MovingThing(
            self.motion + other.motion,
            {frame: self.areas.get(frame, 0) + other.areas.get(frame, 0) for frame in frames},
            {frame: self.centers.get(frame, []) + other.centers.get(frame, []) for frame in frames},
        )

    def clear_frames(self, count: int) -> list[int]:
        """So many frames, from different times, in which it stands as large as it usually does; the clearest
        first."""
        median = float(np.median(list(self.areas.values())))
        ordered = sorted(self.areas)
        groups = np.array_split(ordered, min(count, len(ordered)))
        odd = {frame: abs(np.log(area / median)) for frame, area in self.areas.items()}
        return sorted((min(group.tolist(), key=odd.__getitem__) for group in groups), key=odd.__getitem__)


def find_moving_things(
    frames: FrameStore, likelihood: Likelihood, tick: Callable[[float], None]
) -> list[MovingThing]:
    """Everything that moves, what moves most, in area and time, first.

    Args:
        frames: RGB (h, w, 3) at analysis size.
        likelihood: Log odds of the same frames.
        tick: Called with the share done.
    """
    count = len(frames)
    every = max(1, min(3, count // 20))
    things: list[MovingThing] = []
    open_ones: list[tuple[MovingThing, NDArray[np.bool_]]] = []
    before: NDArray[np.uint8] | None = None
    for index in range(0, count, every):
        now = grey(frames[index])
        weight = _change(before, now, likelihood, index - every, index)
        parts = likelihood.parts(index)
        areas, centers = places_of(parts)
        continued: list[tuple[MovingThing, NDArray[np.bool_]]] = []
        for part in range(1, len(areas)):
            area = int(areas[part])
            if area < LEAST_AREA * now.size:
                continue
            mask = parts == part
            near = cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
            overlaps = [(int((near & old).sum()), i) for i, (_, old) in enumerate(open_ones)]
            best, which = max(overlaps, default=(0, -1))
            thing = open_ones.pop(which)[0] if best > SAME * area else MovingThing()
            if not thing.areas:
                things.append(thing)
            cut = any(edge.any() for edge in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))
            thing.motion += float(weight[mask].sum()) * (CUT_OFF if cut else 1.0)
            thing.areas[index] = area
            thing.centers[index] = [(float(centers[part, 0]), float(centers[part, 1]))]
            continued.append((thing, mask))
        open_ones = continued
        before = now
        tick(index / count)
    return sorted(things, key=lambda thing: -thing.motion)


def _change(
    before: NDArray[np.uint8] | None,
    after: NDArray[np.uint8],
    likelihood: Likelihood,
    source: int,
    target: int,
) -> NDArray[np.float32]:
    """(h, w) how much each pixel counts: by how it changed against the registered frame before."""
    if before is None:
        return np.full(after.shape, STILLNESS, np.float32)
    motion = likelihood.background.motion(source, target)
    registered = cv2.warpPerspective(before, motion, after.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    change = cv2.absdiff(registered, after).astype(np.float32) / CHANGE
    return np.minimum(change, 1.0) + np.float32(STILLNESS)
