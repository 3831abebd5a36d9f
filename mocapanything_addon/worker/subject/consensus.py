# SPDX-License-Identifier: GPL-3.0-or-later
"""What looks the same at one place of the scene, frame after frame, is the subject in all of them or in none.

Every frame is cut out on its own, from what the last one held. A tree behind the subject that the network
takes for a part of it stands there unchanged in frames in which it was left out; a rump that was lost in one
frame stands there unchanged in others. So the masks vote, wherever a place looks the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .background import Background
from .follow import CERTAIN
from .frame_store import FrameStore, OddsStore

VOTERS = 16
"""Frames, spread over the shot, that vote on each."""
FEWEST = 5
"""Votes, the frame's own among them, without which nothing is decided."""
MAJORITY = 0.6
"""Share of the votes that overrules a mask."""
SAME_LOOK = 4.0
"""Lab levels of 255, mean over PATCH pixels a side, up to which a place looks as it did."""
PATCH = 5
SPECK = 0.01
"""Share of the mask that a part must have to be overruled: rims flicker."""
OVERRULED = np.float32(CERTAIN)
"""Log odds of what the votes say."""

Mask = NDArray[np.bool_]


def overrule_odd_masks(
    frames: FrameStore, odds: OddsStore, background: Background, tick: Callable[[float], None]
) -> None:
    """Change the log odds of every frame where most frames that look the same there have it otherwise.

    Args:
        frames: RGB (h, w, 3) at analysis size.
        odds: Log odds of the subject in every frame.
        background: How the camera moves between frames.
        tick: Called with the share done.
    """
    count = len(frames)
    chosen = np.unique(np.linspace(0, count - 1, VOTERS).astype(int)).tolist()
    voters = [_Voter(t, _look(frames[t]), odds[t] > 0) for t in chosen]
    voters = [voter for voter in voters if voter.mask.any()]
    for index in range(count):
        logit = odds[index]
        own = _Voter(index, _look(frames[index]), logit > 0)
        wrong = _overruled(own, voters, background)
        odds[index] = np.where(wrong, np.where(own.mask, -OVERRULED, OVERRULED), logit)
        tick((index + 1) / count)


@dataclass(frozen=True, eq=False)
class _Voter:
    index: int
    look: NDArray[np.uint8]
    """(h, w, 3) slightly blurred Lab."""
    mask: Mask
    """(h, w)."""


def _overruled(own: _Voter, voters: Sequence[_Voter], background: Background) -> Mask:
    """(h, w) where the votes are against a frame's mask."""
    against, cast = np.zeros(own.mask.shape, np.float32), np.ones(own.mask.shape, np.float32)
    for voter in voters:
        if voter.index == own.index:
            continue
        look, mask, inside = _as_seen_in(own.index, voter, background)
        away = cv2.absdiff(look, own.look).max(axis=2).astype(np.float32)
        same = inside & (cv2.blur(away, (PATCH, PATCH)) <= SAME_LOOK)
        against += same & (mask != own.mask)
        cast += same
    wrong = (cast >= FEWEST) & (against >= MAJORITY * cast)
    _, parts, stats, _ = cv2.connectedComponentsWithStats(wrong.astype(np.uint8), connectivity=8)
    large = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] > SPECK * max(1, int(own.mask.sum())))
    return np.asarray(np.isin(parts, large[large > 0]))


def _as_seen_in(index: int, voter: _Voter, background: Background) -> tuple[NDArray[np.uint8], Mask, Mask]:
    """A voter's look and mask where another frame shows the same places, and what of these it shows."""
    everywhere = np.ones(voter.mask.shape, np.uint8)
    if background.is_still(voter.index, index):
        return voter.look, voter.mask, everywhere > 0
    motion, size = background.motion(voter.index, index), voter.mask.shape[::-1]
    look = np.asarray(cv2.warpPerspective(voter.look, motion, size), np.uint8)
    mask, inside = (
        cv2.warpPerspective(a, motion, size, flags=cv2.INTER_NEAREST) > 0
        for a in (voter.mask.astype(np.uint8), everywhere)
    )
    return look, np.asarray(mask), np.asarray(inside)


def _look(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(h, w, 3) slightly blurred Lab."""
    lab = cv2.GaussianBlur(cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB), (0, 0), 0.8)
    return np.asarray(lab, np.uint8)
