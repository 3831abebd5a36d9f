# SPDX-License-Identifier: GPL-3.0-or-later
"""Euler angles some of which are held."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ik import rotations
from ..ik.euler_angles import axes_of, continuous_euler, matrix_from_euler

Array = NDArray[np.float64]


def nearest_with_held_angles(matrices: Array, order: str, held: dict[int, float]) -> Array:
    """Angles (T, 3) of the rotations nearest to (T, 3, 3) among those with the given held angles.

    Gauss-Newton on the geodesic distance over the angles that are free, started from the unconstrained
    angles.
    """
    i, j, k, _ = axes_of(order)
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
