# SPDX-License-Identifier: GPL-3.0-or-later
"""What the motion decoder reads of a clip: geometry first, everything seen from the estimated body."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
JOINT_FEATURES = 25
FRAME_FEATURES = 9
TYPICAL_SIGMA = 0.03
"""A place known to this standard deviation (body sizes) has confidence one half."""
LONGEST_RESIDUAL = 0.5


@dataclass(frozen=True, eq=False)
class MotionInput:
    """T frames of J joints, normalised space: z up, body size 1."""

    parents: NDArray[np.int32]
    """(J,)."""
    rest: Array
    """(J, 3)."""
    times: Array
    """(T,) seconds."""
    rotations: Array
    """(T, J, 3, 3) the estimate's global rotations D_j."""
    positions: Array
    """(T, J, 3) the estimate's joints."""
    residuals: Array
    """(T, J, 2) where a joint is seen minus where the estimate puts it, in the image plane at the joint's
    depth: right and down, body sizes."""
    confidence: Array
    """(T, J) 0 (nothing known) to 1; see :func:`confidence_of`."""
    camera_axes: Array
    """(3, 3) rows: right, down, forward."""
    camera_position: Array
    """(3,)."""


def confidence_of(sigma: Array) -> Array:
    """0 to 1 from the standard deviation of a place, body sizes."""
    return 1.0 / (1.0 + (np.asarray(sigma, float) / TYPICAL_SIGMA) ** 2)


def joint_motion_features(motion: MotionInput) -> NDArray[np.float32]:
    """(T, J, JOINT_FEATURES), all in the axes of the estimated body (D of the root) unless said.

    Estimated local rotation less the identity (9; zero for the root); estimated place less the rest place
    (3); residual as a vector in space, zero where nothing is known (3); the swing that is missing: observed
    bone direction less the rest one, in the parent's axes (3); the same of the estimate (3); viewing
    direction (3); confidence (1).
    """
    parents = np.maximum(motion.parents, 0)
    body = motion.rotations[:, 0]
    local = np.swapaxes(motion.rotations[:, parents], -1, -2) @ motion.rotations - np.eye(3)
    local[:, 0] = 0.0
    place = _into(body, motion.positions - motion.positions[:, :1])
    length = np.linalg.norm(motion.residuals, axis=-1, keepdims=True)
    bounded = motion.residuals * np.minimum(1.0, LONGEST_RESIDUAL / np.maximum(length, 1e-9))
    known = motion.confidence[..., None]
    shift = known * (bounded @ motion.camera_axes[:2])
    seen = motion.positions + shift
    offsets = motion.rest - motion.rest[parents]
    lengths = np.maximum(np.linalg.norm(offsets, axis=-1), 0.02)[:, None]
    parent_axes = motion.rotations[:, parents]
    seen_swing = (_each_into(parent_axes, seen - seen[:, parents]) - offsets) / lengths
    swing = (_each_into(parent_axes, motion.positions - motion.positions[:, parents]) - offsets) / lengths
    view = motion.positions - motion.camera_position
    view = view / np.maximum(np.linalg.norm(view, axis=-1, keepdims=True), 1e-9)
    columns = [
        local.reshape(*local.shape[:2], 9),
        place - motion.rest,
        _into(body, shift) * 10.0,
        np.clip(seen_swing, -3.0, 3.0),
        np.clip(swing, -3.0, 3.0),
        _into(body, view),
        known,
    ]
    return np.concatenate(columns, -1).astype(np.float32)


def frame_motion_features(motion: MotionInput) -> NDArray[np.float32]:
    """(T, FRAME_FEATURES): up (3), the root's velocity (3) and turning rate (3) in body axes, squashed."""
    body = motion.rotations[:, 0]
    up = body[:, 2, :]
    velocity, turning = np.zeros_like(up), np.zeros_like(up)
    if len(body) > 1:
        gap = np.maximum(np.diff(motion.times), 1e-3)[:, None]
        step = np.einsum("tba,tb->ta", body[:-1], np.diff(motion.positions[:, 0], axis=0)) / gap
        turn = np.swapaxes(body[:-1], -1, -2) @ body[1:]
        rate = (
            0.5
            * np.stack(
                [turn[:, 2, 1] - turn[:, 1, 2], turn[:, 0, 2] - turn[:, 2, 0], turn[:, 1, 0] - turn[:, 0, 1]],
                -1,
            )
            / gap
        )
        velocity, turning = np.concatenate([step, step[-1:]]), np.concatenate([rate, rate[-1:]])
    return np.concatenate([up, np.tanh(velocity), np.tanh(0.3 * turning)], -1).astype(np.float32)


def _into(axes: Array, vectors: Array) -> Array:
    """World vectors (T, J, 3) in the axes (columns) of (T, 3, 3)."""
    return np.einsum("tba,tjb->tja", axes, vectors)


def _each_into(axes: Array, vectors: Array) -> Array:
    """World vectors (T, J, 3) in the axes (columns) of (T, J, 3, 3)."""
    return np.einsum("tjba,tjb->tja", axes, vectors)
