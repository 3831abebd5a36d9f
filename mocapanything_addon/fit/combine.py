# SPDX-License-Identifier: GPL-3.0-or-later
"""Several motions of one clip, each right in places: the cheapest way through all of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..ik import rotations
from ..ik.kinematics import forward
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
ACCELERATION_COST = 30.0
"""Of a frame in which the joints' velocities in the body change as they usually do in the clip."""
STEADY = 0.005
"""Of the body's size a frame^2: joints' velocities that change less are steady."""


def cheapest_mix(
    body: Body, motions: Sequence[Motion], costs: Sequence[ClipCost], *, steadily: bool = False
) -> Motion:
    """Frame by frame one of the motions, such that costs and jumps are least (Viterbi).

    Args:
        body: The character.
        motions: K motions of T frames each.
        costs: How well each explains the clip.
        steadily: Accelerations are to be least, too. Where two legs pass each other they are in one place,
            and only the way in which they move tells whether they went on or turned back.
    """
    count, frames = len(motions), motions[0].frame_count
    path = cheapest_path(
        np.stack([c.silhouette + c.expected for c in costs]),
        np.stack([c.flow for c in costs]),
        np.stack([[jump_cost(body, a, b) for b in motions] for a in motions]),
        acceleration_cost(body, motions) if steadily else np.zeros((max(frames - 2, 0), count, count, count)),
    )
    rows = np.arange(len(path))
    return Motion(
        np.stack([m.root_translation for m in motions])[path, rows],
        np.stack([m.local_rotations for m in motions])[path, rows],
    )


def cheapest_path(
    here: NDArray[np.float64],
    stay: NDArray[np.float64],
    change: NDArray[np.float64],
    bend: NDArray[np.float64],
) -> NDArray[np.intp]:
    """(T,) which of K states to be in.

    Args:
        here: (K, T) cost of a state in a frame.
        stay: (K, T - 1) cost of staying in a state from a frame to the next.
        change: (K, K, T - 1) cost of leaving one state (first axis) for another, on top of half of what
            staying in either would cost.
        bend: (T - 2, K, K, K) cost of three states in a row.
    """
    count, frames = here.shape
    if frames == 1:
        return here[:, 0].argmin(keepdims=True)
    step = change + 0.5 * (stay[:, None] + stay[None])
    step[np.arange(count), np.arange(count)] = stay
    # The states are pairs: of a frame and of the one before it.
    total = here[:, None, 0] + step[:, :, 0] + here[None, :, 1]
    came_from = np.zeros((frames, count, count), np.intp)
    for t in range(2, frames):
        through = total[:, :, None] + bend[t - 2]
        came_from[t] = through.argmin(0)
        total = through.min(0) + step[:, :, t - 1] + here[None, :, t]
    path = np.zeros(frames, np.intp)
    path[-2:] = np.unravel_index(int(total.argmin()), total.shape)
    for t in range(frames - 1, 1, -1):
        path[t - 2] = came_from[t, path[t - 1], path[t]]
    return path


def acceleration_cost(body: Body, motions: Sequence[Motion]) -> NDArray[np.float64]:
    """(T - 2, K, K, K) of three motions' frames in a row: how much the joints' velocities in the body change,
    as a multiple of what is usual in them: some creatures trot and some flutter.

    Args:
        body: The character.
        motions: K motions of T frames each.
    """
    count, frames = len(motions), motions[0].frame_count
    if frames < 3:
        return np.zeros((0, count, count, count))
    places = np.stack([_in_body(body, motion) for motion in motions], axis=1)
    first, second, third = places[:-2], places[1:-1], places[2:]

    def products(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.einsum("tax,tbx->tab", a, b)

    # |c - 2 b + a|^2, without the K^3 differences of all joints.
    squared = (
        np.square(first).sum(-1)[:, :, None, None]
        + 4.0 * np.square(second).sum(-1)[:, None, :, None]
        + np.square(third).sum(-1)[:, None, None, :]
        - 4.0 * products(first, second)[:, :, :, None]
        - 4.0 * products(second, third)[:, None, :, :]
        + 2.0 * products(first, third)[:, :, None, :]
    )
    each = np.arange(count)
    usual = float(np.median(squared[:, each, each, each]))
    steady = body.skeleton.joint_count * (STEADY * body.size) ** 2
    return ACCELERATION_COST * np.maximum(squared, 0.0) / max(usual, steady)


def _in_body(body: Body, motion: Motion) -> NDArray[np.float64]:
    """(T, 3 J) joints as seen from the root."""
    pose = forward(body.skeleton, motion)
    root = body.skeleton.root
    places = (pose.positions - pose.positions[:, root, None]) @ pose.global_rotations[:, root]
    return places.reshape(motion.frame_count, -1)


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
