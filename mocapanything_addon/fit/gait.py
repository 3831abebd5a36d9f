# SPDX-License-Identifier: GPL-3.0-or-later
"""After how many frames the subject looks the same again: a stride, a wing beat, told from its outlines alone
(R. Cutler and L. Davis, "Robust real-time periodic motion detection, analysis, and applications", 2000).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..ik.motion import Motion
from .frames import Frames
from .problem import Problem

SIZE = 28
"""Pixels a side of the outlines that are compared."""
SHORTEST, LONGEST = 0.15, 3.0
"""Seconds."""
FEWEST_PAIRS = 6
"""Of frames that must be as far apart."""
MOVES = 0.03
"""Share of the outline's area that changes between any two frames, at least: else nothing moves."""
ALIKE = 0.6
"""Of how unlike any two outlines are: less unlike ones repeat."""
NEARLY_AS_ALIKE = 1.3
"""Twice a stride is as good as one; half a stride is not."""


def repeats(frames: Frames) -> list[int]:
    """Frames after which outlines repeat, the surest first; none where nothing does."""
    unlike = self_distance(frames)
    shortest = max(int(SHORTEST * frames.clip.frame_rate), 2)
    dips = np.flatnonzero((unlike[1:-1] <= unlike[:-2]) & (unlike[1:-1] <= unlike[2:])) + 1
    found = [int(lag) for lag in dips if lag >= shortest and unlike[lag] < ALIKE]
    return sorted(found, key=lambda lag: unlike[lag])


def stride_seconds(problem: Problem, motion: Motion) -> float | None:
    """After how long the captured body does the same again; None where it does not.

    Outlines say when that may be; whether it was a stride or half of one, which looks alike, the motion.
    """
    skeleton, times = problem.body.skeleton, problem.frames.clip.times
    bends = motion.local_rotations[:, skeleton.moving[skeleton.moving != skeleton.root]]
    lags = sorted({way * lag for lag in repeats(problem.frames) for way in (1, 2)})
    lags = [lag for lag in lags if lag <= motion.frame_count - FEWEST_PAIRS]
    if not lags or not bends.shape[1]:
        return None
    away = {lag: np.linalg.norm(bends[lag:] - bends[:-lag], axis=(-2, -1)).mean() for lag in lags}
    usual = np.linalg.norm(bends - bends.mean(axis=0), axis=(-2, -1)).mean()
    # Rotations that have nothing to do with each other are about 1.4 times as far apart as from their mean.
    least = min(ALIKE * np.sqrt(2.0) * usual, NEARLY_AS_ALIKE * min(away.values()))
    found = next((lag for lag in lags if away[lag] <= least), None)
    return None if found is None else float(np.median(times[found:] - times[:-found]))


def self_distance(frames: Frames) -> NDArray[np.float64]:
    """(L,) how unlike outlines so many frames apart are, as a share of how unlike they are on average."""
    known = np.flatnonzero(frames.is_whole)
    longest = min(int(LONGEST * frames.clip.frame_rate), frames.count - FEWEST_PAIRS)
    if len(known) < FEWEST_PAIRS or longest < 1:
        return np.ones(1)
    outlines = np.full((frames.count, SIZE * SIZE), np.nan, np.float32)
    for t in known:
        mask = frames.mask(int(t)).astype(np.float32)
        outlines[t] = cv2.resize(mask, (SIZE, SIZE), interpolation=cv2.INTER_AREA).ravel()
    unlike = np.full(longest + 1, np.nan)
    for lag in range(longest + 1):
        apart = np.abs(outlines[lag:] - outlines[: frames.count - lag]).sum(axis=1)
        if np.isfinite(apart).sum() >= FEWEST_PAIRS:
            unlike[lag] = np.nanmean(apart)
    usual = float(np.nanmean(unlike))
    if usual < MOVES * float(outlines[known].sum(axis=1).mean()):
        return np.ones(1)
    return np.asarray(np.nan_to_num(unlike / usual, nan=1.0), np.float64)
