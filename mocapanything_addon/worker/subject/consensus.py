# SPDX-License-Identifier: GPL-3.0-or-later
"""What looks the same at one place of the scene, frame after frame, is the subject in all of them or in none.

Every frame is cut out on its own, from what the last one held. A tree behind the subject that the network
takes for a part of it stands there unchanged in frames in which it was left out; a rump that was lost in one
frame stands there unchanged in others. So the masks vote, wherever a place looks the same and nothing moves.
Only frames vote between which the camera stands still: the grey of a road looks the same wherever it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .follow import CERTAIN
from .frame_store import OddsStore
from .likelihood import Likelihood
from .parts import at_least

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
"""Share of the usual mask that a part must have to be overruled: rims flicker."""
OVERRULED = np.float32(CERTAIN)
"""Log odds of what the votes say."""

Mask = NDArray[np.bool_]


def overrule_odd_masks(odds: OddsStore, likelihood: Likelihood, tick: Callable[[float], None]) -> None:
    """Change the log odds of every frame where most frames that look the same there have it otherwise.

    Args:
        odds: Log odds (h, w) of the subject in every frame.
        likelihood: Of what moves, and the background it moves against.
        tick: Called with the share done.
    """
    count, look = len(odds), likelihood.background.look
    chosen = np.unique(np.linspace(0, count - 1, VOTERS).astype(int)).tolist()
    voters = [_Voter(t, look(t), mask) for t in chosen if (mask := odds[t] > 0).any()]
    if not voters:
        return
    speck = SPECK * float(np.median([voter.mask.sum() for voter in voters]))
    for index in range(count):
        logit = odds[index]
        own = _Voter(index, look(index), logit > 0)
        wrong = at_least(_outvoted(own, voters, likelihood), speck)
        odds[index] = np.where(wrong, np.where(own.mask, -OVERRULED, OVERRULED), logit)
        tick((index + 1) / count)


@dataclass(frozen=True, eq=False)
class _Voter:
    index: int
    look: NDArray[np.uint8]
    """(h, w, 3) see Background.look."""
    mask: Mask
    """(h, w)."""


def _outvoted(own: _Voter, voters: Sequence[_Voter], likelihood: Likelihood) -> Mask:
    """(h, w) where the votes are against a frame's mask."""
    against, cast = np.zeros(own.mask.shape, np.float32), np.ones(own.mask.shape, np.float32)
    for voter in voters:
        if voter.index == own.index or not likelihood.background.is_still(voter.index, own.index):
            continue
        lightness, a, b = cv2.split(cv2.absdiff(voter.look, own.look))
        away = cv2.blur(cv2.max(cv2.max(lightness, a), b).astype(np.float32), (PATCH, PATCH))
        same = away <= SAME_LOOK
        against += same & (voter.mask != own.mask)
        cast += same
    decided = (cast >= FEWEST) & (against >= MAJORITY * cast)
    return np.asarray(decided & (likelihood.logit(own.index) <= 0))
