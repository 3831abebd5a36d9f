# SPDX-License-Identifier: GPL-3.0-or-later
"""Headings over a clip: scores of single frames joined by how fast bodies turn (Viterbi, both ways)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .start_poses import StartPose

TURN = np.radians(25.0)
TURN_RATE = np.radians(45.0)
"""Radians, and radians a second, that a body turns without any cost to speak of."""
TURN_COST = 0.05
MOST_TURNS = 9.0
"""Greatest cost of one turn, in ``TURN_COST``: a frame may be misread."""


@dataclass(frozen=True, eq=False)
class FacingPath:
    """How a body may face through a clip, and in which poses. K frames."""

    score: float
    """How well the outlines of all frames agree."""
    elevation: float
    """Radians that the camera looks further down than the problem's."""
    headings: NDArray[np.float64]
    """(K,) radians."""
    poses: tuple[StartPose, ...]
    """K."""
    reference: int
    """Row of the frame that it was searched for."""


@dataclass(frozen=True, eq=False)
class HeadingPaths:
    """The best path through each heading of a reference frame. K frames, H headings all round."""

    scores: NDArray[np.float64]
    """(H,) mean over the frames of the best path that has this heading in the reference frame."""
    headings: NDArray[np.intp]
    """(H, K) that path."""


def join_headings(scores: NDArray[np.float64], times: NDArray[np.float64], reference: int) -> HeadingPaths:
    """The best heading path through each heading of one frame.

    Args:
        scores: (K, H) how well each heading, evenly spaced all round, explains each frame.
        times: (K,) seconds.
        reference: Row of the frame whose headings are asked for.
    """
    frames, count = scores.shape
    steps = np.arange(count)
    turns = np.minimum(steps, count - steps) * 2.0 * np.pi / count
    apart = turns[(steps[:, None] - steps) % count]
    total = np.zeros(count)
    paths = np.empty((count, frames), np.intp)
    paths[:, reference] = np.arange(count)
    for rows in (range(reference + 1, frames), range(reference - 1, -1, -1)):
        order = [reference, *rows]
        gained = np.zeros(count)
        # From the far end towards the reference: what the rest of the way brings at best.
        choices: list[NDArray[np.intp]] = []
        for near, far in zip(order[-2::-1], order[:0:-1], strict=True):
            width = TURN + TURN_RATE * abs(float(times[far] - times[near]))
            cost = TURN_COST * np.minimum((apart / width) ** 2, MOST_TURNS)
            way = (scores[far] + gained)[None, :] - cost
            choice = way.argmax(1)
            gained = way[np.arange(count), choice]
            choices.append(choice)
        total += gained
        for far, choice, near in zip(order[1:], choices[::-1], order[:-1], strict=True):
            paths[:, far] = choice[paths[:, near]]
    return HeadingPaths((scores[reference] + total) / frames, paths)
