# SPDX-License-Identifier: GPL-3.0-or-later
"""Several motions of one clip, each right in places: the cheapest way through all of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..ik import rotations
from ..ik.motion import Motion
from .body import Body
from .clip_cost import ClipCost

JUMP_SIGMA = 0.35
"""Radians that a limb joint may jump where two motions are joined."""
ROOT_JUMP_SIGMA = 0.15
SHIFT_JUMP_SIGMA = 0.05
"""Of the body's size."""
CHANGE_COST = 20.0
"""Of every change, so that motions that hardly differ are not mixed."""


def cheapest_mix(body: Body, motions: Sequence[Motion], costs: Sequence[ClipCost]) -> Motion:
    """Frame by frame one of the motions, such that costs and jumps are least (Viterbi).

    Args:
        body: The character.
        motions: K motions of T frames each.
        costs: How well each explains the clip.
    """
    path = cheapest_path(
        np.stack([c.silhouette + c.expected for c in costs]),
        np.stack([c.flow for c in costs]),
        np.stack([[jump_cost(body, a, b) for b in motions] for a in motions]),
    )
    rows = np.arange(len(path))
    return Motion(
        np.stack([m.root_translation for m in motions])[path, rows],
        np.stack([m.local_rotations for m in motions])[path, rows],
    )


def cheapest_path(
    here: NDArray[np.float64], stay: NDArray[np.float64], change: NDArray[np.float64]
) -> NDArray[np.intp]:
    """(T,) which of K states to be in.

    Args:
        here: (K, T) cost of a state in a frame.
        stay: (K, T - 1) cost of staying in a state from a frame to the next.
        change: (K, K, T - 1) cost of leaving one state (first axis) for another, on top of half of what
        staying in
            either would cost.
    """
    count, frames = here.shape
    total = here[:, 0].copy()
    came_from = np.zeros((frames, count), np.intp)
    for t in range(1, frames):
        step = change[:, :, t - 1] + 0.5 * (stay[:, None, t - 1] + stay[None, :, t - 1])
        step[np.arange(count), np.arange(count)] = stay[:, t - 1]
        step = step + total[:, None]
        came_from[t] = step.argmin(0)
        total = step.min(0) + here[:, t]
    path = np.zeros(frames, np.intp)
    path[-1] = int(total.argmin())
    for t in range(frames - 1, 0, -1):
        path[t - 1] = came_from[t, path[t]]
    return path


def jump_cost(body: Body, first: Motion, second: Motion) -> NDArray[np.float64]:
    """(T - 1,) cost of going from a frame of one motion to the next frame of another."""
    skeleton = body.skeleton
    moving = skeleton.moving
    sigma = JUMP_SIGMA * body.stiffness.temporal[moving]
    sigma[0] = ROOT_JUMP_SIGMA
    turns = rotations.angle_between(first.local_rotations[:-1, moving], second.local_rotations[1:, moving])
    shifts = second.root_translation[1:] - first.root_translation[:-1]
    cost = 0.5 * np.square(turns / sigma).sum(1)
    cost += 0.5 * np.square(shifts / (SHIFT_JUMP_SIGMA * body.size)).sum(1)
    return CHANGE_COST + cost
