# SPDX-License-Identifier: GPL-3.0-or-later
"""How likely each pixel of a shot shows something that moves on its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

from .background import Background, Vote
from .frame_store import FrameStore, OddsStore, Scratch
from .parts import connected_parts, joined
from .shadow import cast_shadow

LOOKED_AT = 40
"""Frames of a shot from which it is told whether motion tells the subject."""

MOVING = 0.45
"""Disagreement with the background above which a pixel moves, in a shot without noise."""

UNSTEADY_BORDER = 0.45
"""Median disagreement along the image border above which the background itself could not be registered: the
camera runs along with the subject."""

LEAST_MOVING = 0.002
"""Share of the image that must move in a tenth of the frames for motion to tell the subject."""

NEVER_UNCOVERED = 0.75
"""Share of the frames in which a place within the subject's outline counts as never having shown
background."""

FULL_VOTES = 4.0
"""Votes from which the background is certain; what the camera has just uncovered has fewer."""

STEEPNESS = 8.0
"""Log odds for the whole way from agreement to disagreement."""


LINKED = 6
"""Frames before and after whose motion links the pieces of a thing."""

IN_SHADOW = -2.0
"""Log odds of what moves because a shadow does."""


class Evidence(Enum):
    """What the subject was told from."""

    MOTION = "motion"
    """It moves against the registered background."""
    FOLLOWED = "followed"
    """The camera runs along with it, while everything else rushes by."""
    PLACE = "place"
    """Nothing moves: it stands out."""


@dataclass(frozen=True)
class Likelihood:
    """Log odds (h, w) of what moves on its own, on disk, and the background it moves against."""

    odds: OddsStore
    background: Background

    def logit(self, index: int) -> NDArray[np.float32]:
        """(h, w), within +-8."""
        return self.odds[index]

    def parts(self, index: int) -> NDArray[np.int32]:
        """(h, w) numbers, from 1, of the moving things, 0 where nothing moves.

        Pieces are one thing where what moved in between, shortly before or after, links them: of a body that
        covers its own place only pieces seem to move at any moment. But not while the camera moves: what is
        registered badly then would be linked too.
        """
        moving = self.logit(index) > 0
        swept = moving.copy()
        for other in range(max(0, index - LINKED), min(len(self.odds), index + LINKED + 1)):
            if other != index and self.background.is_still(other, index):
                swept |= self.logit(other) > 0
        numbers, _, _ = connected_parts(joined(swept))
        return np.where(moving, numbers, np.int32(0))


def subject_likelihood(
    frames: FrameStore, to_frame: NDArray[np.float64], scratch: Scratch, tick: Callable[[float], None]
) -> tuple[Evidence, Likelihood | None]:
    """Whether motion tells the subject in a shot, and if so its log odds for every pixel.

    First what moves against the background; then the vote on the background is held again without the pixels
    that most likely show the subject, which removes the ghosts a slow subject leaves.

    Args:
        frames: RGB (h, w, 3) at analysis size.
        to_frame: (T, 3, 3) camera motion from the first frame.
        scratch: Where to keep the result and what leads to it.
        tick: Called with the share done, at least a few times a second.
    """
    count = len(frames)
    height, width = frames.shape[:2]
    grid = max(1, min(4, count // 12))
    background = Background(frames, to_frame, grid)
    every = max(1, -(-count // (LOOKED_AT * grid))) * grid
    evidence, threshold = _look(background, range(0, count, every), (height, width), tick)
    if evidence is not Evidence.MOTION or count < 4:
        return Evidence.PLACE if count < 4 else evidence, None
    votes = scratch.store("votes", (height, width))
    inside = np.zeros((height, width), np.float32)
    for index in range(0, count, grid):
        logit = STEEPNESS * (background.disagreement(index) - threshold)
        votes.append((255.0 / (1.0 + np.exp(logit))).astype(np.uint8))
        inside += _outline(logit > 0)
        tick(0.2 + 0.2 * index / count)
    # In the outline in nearly every frame: standing as still as background there proves nothing.
    covered = inside / len(votes) > NEVER_UNCOVERED
    if background.travels:
        covered[:] = False
    background.votes = lambda index: votes[index // grid]
    background.forget()
    odds = scratch.odds("likelihood", height, width)
    for index in range(count):
        vote = background.vote(index)
        logit = STEEPNESS * (vote.disagreement - 0.4) * np.clip(vote.cast / FULL_VOTES, 0.0, 1.0)
        logit[_shadow(vote, logit > 0)] = IN_SHADOW
        odds[index] = np.where(covered & (logit < 0), 0.2 * logit, logit)
        tick(0.4 + 0.6 * index / count)
    return evidence, Likelihood(odds, background)


def _shadow(vote: Vote, moving: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(h, w) the moving pixels that are in a shadow."""
    now, behind = (cv2.cvtColor(image, cv2.COLOR_LAB2RGB) for image in (vote.image, vote.behind))
    known = vote.cast >= FULL_VOTES
    return cast_shadow(np.asarray(now, np.uint8), np.asarray(behind, np.uint8), moving & known)


def _look(
    background: Background, chosen: range, shape: tuple[int, int], tick: Callable[[float], None]
) -> tuple[Evidence, float]:
    """What this shot tells the subject by, and the disagreement from which a pixel moves."""
    height, width = shape
    border = np.ones(shape, bool)
    border[height // 8 : -(height // 8), width // 8 : -(width // 8)] = False
    medians, noise, shares = [], [], []
    for done, index in enumerate(chosen):
        disagreement = background.disagreement(index)
        medians.append(float(np.median(disagreement[border])))
        noise.append(float(np.percentile(disagreement[border], 75)))
        shares.append(np.sort(disagreement.ravel())[-max(1, round(LEAST_MOVING * disagreement.size))])
        tick(0.2 * done / len(chosen))
    # Noisy registration raises what counts as moving.
    threshold = float(np.clip(np.mean(noise) + 0.25, MOVING, 0.75))
    if np.median(medians) > UNSTEADY_BORDER:
        return Evidence.FOLLOWED, threshold
    return Evidence.MOTION if np.quantile(shares, 0.9) > threshold else Evidence.PLACE, threshold


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """1 within the convex hull of each larger part of the mask."""
    filled = np.zeros(mask.shape, np.uint8)
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    for contour in contours:
        if cv2.contourArea(contour) > 0.002 * mask.size:
            cv2.fillConvexPoly(filled, cv2.convexHull(contour), (1.0,))
    return filled
