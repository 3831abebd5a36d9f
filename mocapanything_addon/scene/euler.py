# SPDX-License-Identifier: GPL-3.0-or-later
"""Euler angles in Blender's six orders, for whole clips, without jumps.

Order "XYZ" turns about x first, then y, then z: R = R_z R_y R_x. Angles stand in the order (x, y, z),
whatever the order of turning. Radians.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ik import rotations

Array = NDArray[np.float64]
GIMBAL = 1e-6


def _axes(order: str) -> tuple[int, int, int, float]:
    """First, second and third axis, and +1 for an even permutation of xyz, -1 for an odd one."""
    first, second, third = ("XYZ".index(letter) for letter in order)
    return first, second, third, 1.0 if (second - first) % 3 == 1 else -1.0


def matrix_from_euler(angles: Array, order: str) -> Array:
    """(..., 3) -> (..., 3, 3)."""
    first, second, third, _ = _axes(order)
    unit = np.eye(3)
    turn = [rotations.exp(angles[..., k, None] * unit[k]) for k in range(3)]
    return turn[third] @ turn[second] @ turn[first]


def continuous_euler(matrices: Array, order: str, start: Array | None = None) -> Array:
    """Euler angles of a motion, each frame as near the one before as any that give the same rotation.

    Args:
        matrices: (T, ..., 3, 3).
        order: One of Blender's six.
        start: (..., 3) angles that the first frame should be near to; 0 when None.

    Returns:
        (T, ..., 3).
    """
    i, j, k, sign = _axes(order)
    m = matrices
    cosine = np.hypot(m[..., i, i], m[..., j, i])
    middle = np.arctan2(-sign * m[..., k, i], cosine)
    first = np.arctan2(sign * m[..., k, j], m[..., k, k])
    third = np.arctan2(sign * m[..., j, i], m[..., i, i])
    one = np.stack([first, middle, third], axis=-1)
    other = np.stack([first + np.pi, np.pi - middle, third + np.pi], axis=-1)
    result = np.empty_like(one)
    zero = np.zeros((*matrices.shape[1:-2], 3))
    previous = zero if start is None else np.broadcast_to(start, zero.shape)[..., [i, j, k]]
    locked = cosine < GIMBAL
    for t in range(len(matrices)):
        a, b = _nearest_turn(one[t], previous), _nearest_turn(other[t], previous)
        gap_a, gap_b = np.abs(a - previous).sum(-1), np.abs(b - previous).sum(-1)
        previous = np.where((gap_b < gap_a)[..., None], b, a)
        if locked[t].any():
            previous = np.where(
                locked[t][..., None], _at_gimbal(m[t], one[t], result[max(t - 1, 0)], t, order), previous
            )
        result[t] = previous
    back = np.argsort([i, j, k])
    return result[..., back]


def _nearest_turn(angles: Array, previous: Array) -> Array:
    turn = 2.0 * np.pi
    return angles + turn * np.round((previous - angles) / turn)


def _at_gimbal(matrix: Array, angles: Array, before: Array, t: int, order: str) -> Array:
    """First and third axis coincide: keep the first angle, the third takes up the rest."""
    i, j, _, sign = _axes(order)
    kept = np.zeros_like(angles) if t == 0 else before
    unit = np.eye(3)
    partial = rotations.exp(angles[..., 1, None] * unit[j]) @ rotations.exp(kept[..., 0, None] * unit[i])
    rest = matrix @ np.swapaxes(partial, -1, -2)
    third = np.arctan2(sign * rest[..., j, i], rest[..., i, i])
    return np.stack(
        [kept[..., 0], _nearest_turn(angles[..., 1], kept[..., 1]), _nearest_turn(third, kept[..., 2])],
        axis=-1,
    )


def nearest_with_held_angles(matrices: Array, order: str, held: dict[int, float]) -> Array:
    """Angles (T, 3) of the rotations nearest to (T, 3, 3) among those with the given held angles.

    Gauss-Newton on the geodesic distance over the angles that are free, started from the unconstrained
    angles.
    """
    i, j, k, _ = _axes(order)
    start = np.zeros(3)
    for axis, value in held.items():
        start[axis] = value
    angles = continuous_euler(matrices, order, start)
    for axis, value in held.items():
        angles[:, axis] = value
    free = [axis for axis in range(3) if axis not in held]
    if not free:
        return angles
    unit = np.eye(3)
    for _ in range(12):
        third = rotations.exp(angles[:, k, None] * unit[k])
        second = third @ rotations.exp(angles[:, j, None] * unit[j])
        columns = np.zeros((len(angles), 3, 3))
        columns[:, :, k] = unit[k]
        columns[:, :, j] = third[:, :, j]
        columns[:, :, i] = second[:, :, i]
        error = rotations.log(matrices @ np.swapaxes(matrix_from_euler(angles, order), -1, -2))
        jacobian = columns[:, :, free]
        normal = np.swapaxes(jacobian, 1, 2) @ jacobian + 1e-6 * np.eye(len(free))
        step = np.linalg.solve(normal, np.swapaxes(jacobian, 1, 2) @ error[..., None])[..., 0]
        angles[:, free] += np.clip(step, -0.5, 0.5)
        if np.abs(step).max() < 1e-10:
            break
    for axis in free:
        angles[:, axis] = np.unwrap(angles[:, axis])
    return angles
