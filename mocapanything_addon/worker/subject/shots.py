# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the film was cut."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

CUT_CORRELATION = 0.35
"""Correlation of what stands out in neighbouring frames below which they may belong to different shots."""

BROAD = 3.0
"""Pixels of the thumbnail: what is broader, such as sky above ground, is alike in many places."""

CUT_HISTOGRAM = 0.45
"""Distance of their colour histograms (Bhattacharyya) above which they may."""


class ShotDetector:
    """Tells for each frame whether a new shot begins with it."""

    def __init__(self) -> None:
        self._before: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None

    def is_cut(self, rgb: NDArray[np.uint8]) -> bool:
        """Take the next frame, (h, w, 3). True if layout and colours both changed at once: a fast pan
        changes the layout only, a flash the colours only."""
        before, after = self._before, _look(rgb)
        self._before = after
        if before is None:
            return False
        a, b = before[0], after[0]
        correlation = float((a * b).sum() / (np.sqrt((a * a).sum() * (b * b).sum()) + 1e-6))
        distance = cv2.compareHist(before[1], after[1], cv2.HISTCMP_BHATTACHARYYA)
        return correlation < CUT_CORRELATION and distance > CUT_HISTOGRAM


def longest_shot(starts: list[int], count: int) -> tuple[int, int]:
    """First frame and number of frames of the longest shot, given the first frame of each."""
    ends = [*starts[1:], count]
    first, end = max(zip(starts, ends, strict=True), key=lambda shot: shot[1] - shot[0])
    return first, end - first


def shot_around(frame: int, starts: list[int], count: int) -> tuple[int, int]:
    """First frame and number of frames of the shot that a frame belongs to, given the first frame of each."""
    ends = [*starts[1:], count]
    first, end = next(shot for shot in zip(starts, ends, strict=True) if shot[0] <= frame < shot[1])
    return first, end - first


def _look(rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Thumbnail of what stands out, and colour histogram."""
    small = cv2.resize(rgb, (64, 64), interpolation=cv2.INTER_AREA)
    histogram = cv2.calcHist([small], [0, 1, 2], None, [6, 6, 6], [0, 256] * 3)
    grey = cv2.cvtColor(cv2.resize(small, (32, 32), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    level = grey.astype(np.float32)
    level -= cv2.GaussianBlur(level, (0, 0), BROAD)
    return level, np.asarray(histogram / histogram.sum(), np.float32)
