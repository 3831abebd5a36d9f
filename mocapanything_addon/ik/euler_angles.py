# SPDX-License-Identifier: GPL-3.0-or-later
"""Euler angles in Blender's six orders, for whole clips, without jumps.

Order "XYZ" turns about x first, then y, then z: R = R_z R_y R_x. Angles stand in the order (x, y, z),
whatever the order of turning. Radians. Needs no scipy: Blender's own Python uses it to write curves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from . import rotations

Array = NDArray[np.float64]
GIMBAL_COSINE = 1e-6
"""With the cosine of the middle angle below this, the first and third axis coincide."""
OTHER_TRIPLE = np.array([np.pi, 0.0, np.pi])
"""What the other triple of a rotation adds to the first and third angle; the middle one it mirrors."""


def axes_of(order: str) -> tuple[int, int, int, float]:
    """First, second and third axis, and +1 for an even permutation of xyz, -1 for an odd one."""
    first, second, third = ("XYZ".index(letter) for letter in order)
    return first, second, third, 1.0 if (second - first) % 3 == 1 else -1.0


def matrix_from_euler(angles: Array, order: str) -> Array:
    """(..., 3) -> (..., 3, 3)."""
    first, second, third, _ = axes_of(order)
    turns = [_about(axis, angles[..., axis]) for axis in range(3)]
    return turns[third] @ turns[second] @ turns[first]


def continuous_euler(matrices: Array, order: str, start: Array | None = None) -> Array:
    """Euler angles of a motion, each frame as near the one before as any that give the same rotation.

    A rotation has two triples, (a, b, c) and (a + pi, pi - b, c + pi) in the order of turning, each up to
    full turns. How far apart two frames are depends only on whether they use the same kind of triple, so
    choosing the nearer one from frame to frame makes the sum of all changes the smallest there is.

    Args:
        matrices: (T, ..., 3, 3).
        order: one of Blender's six.
        start: (..., 3) angles that the first frame should be near to; 0 when None.

    Returns:
        (T, ..., 3). From one frame to the next no angle changes by more than half a turn.
    """
    i, j, k, sign = axes_of(order)
    shape = matrices.shape[:-2]
    m = matrices.reshape(len(matrices), -1, 3, 3)
    cosine = np.hypot(m[..., i, i], m[..., j, i])
    middle = rotations.arctan2(-sign * m[..., k, i], cosine)
    first = rotations.arctan2(sign * m[..., k, j], m[..., k, k])
    third = rotations.arctan2(sign * m[..., j, i], m[..., i, i])
    near = np.zeros((m.shape[1], 3))
    if start is not None:
        near[:] = np.broadcast_to(start, (*shape[1:], 3)).reshape(-1, 3)[:, [i, j, k]]
    locked = cosine < GIMBAL_COSINE
    angles = _filled_in(np.stack([first, middle, third], axis=-1), locked, near)
    angles = _nearest_triples(angles, near)
    if locked.any():
        for bone in np.nonzero(locked.any(axis=0))[0]:
            _share_at_gimbal(angles[:, bone], m[:, bone], locked[:, bone], order)
    return angles[..., np.argsort([i, j, k])].reshape(*shape, 3)


def _nearest_triples(angles: Array, start: Array) -> Array:
    """Triples (T, N, 3), in the order of turning, made near the one before by their equals."""
    path = np.concatenate([start[None], angles])
    change = np.diff(path, axis=0)
    crossing = change + OTHER_TRIPLE
    crossing[..., 1] = np.pi - path[1:, :, 1] - path[:-1, :, 1]
    swaps = _size(crossing) < _size(change)
    # The start is taken as it is; afterwards one swap undoes the other.
    swapped = np.logical_xor.accumulate(swaps, axis=0)
    other = angles + OTHER_TRIPLE
    other[..., 1] = np.pi - angles[..., 1]
    path[1:] = np.where(swapped[..., None], other, angles)
    return np.unwrap(path, axis=0)[1:]


def _size(changes: Array) -> Array:
    """(..., 3) -> (...,) sum of the three, each the short way round."""
    return np.abs(changes - 2.0 * np.pi * np.round(changes / (2.0 * np.pi))).sum(-1)


def _filled_in(angles: Array, locked: NDArray[np.bool_], start: Array) -> Array:
    """Locked frames (T, N) hold what the frame before them has; the start where there is none."""
    rows = np.where(locked, 0, np.arange(1, 1 + len(angles))[:, None])
    rows = np.maximum.accumulate(rows, axis=0)
    return np.take_along_axis(np.concatenate([start[None], angles]), rows[..., None], axis=0)


def _share_at_gimbal(angles: Array, matrices: Array, locked: NDArray[np.bool_], order: str) -> None:
    """One bone's frames (T, 3) at gimbal lock: the first angle goes evenly from the frame before to the frame
    after, the third takes up the rest. In place.
    """
    i, j, k, sign = axes_of(order)
    frames = np.arange(len(angles))
    if not locked.all():
        angles[locked, 0] = np.interp(frames[locked], frames[~locked], angles[~locked, 0])
    matrix = matrices[locked]
    exact = np.where(-sign * matrix[:, k, i] > 0.0, 0.5, -0.5) * np.pi
    angles[locked, 1] = exact + 2.0 * np.pi * np.round((angles[locked, 1] - exact) / (2.0 * np.pi))
    before = _about(j, angles[locked, 1]) @ _about(i, angles[locked, 0])
    rest = matrix @ np.swapaxes(before, -1, -2)
    third = rotations.arctan2(sign * rest[:, j, i], rest[:, i, i])
    angles[locked, 2] = third + 2.0 * np.pi * np.round((angles[locked, 2] - third) / (2.0 * np.pi))
    angles[:] = np.unwrap(angles, axis=0)


def _about(axis: int, angles: Array) -> Array:
    """(...,) -> (..., 3, 3) turns about x, y or z."""
    return rotations.exp(angles[..., None] * np.eye(3)[axis])
