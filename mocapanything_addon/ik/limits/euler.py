# SPDX-License-Identifier: GPL-3.0-or-later
"""Euler angles about a bone's own axes, as Blender's order "XYZ": x turns first, then y, then z.

The bone's rotation relative to rest is B = Rz(c) Ry(b) Rx(a) for angles (a, b, c). Every rotation has two
such triples, (a, b, c) and (a + pi, pi - b, c + pi), and each angle may be shifted by full turns.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
GIMBAL_COSINE = 1e-7
"""With the cosine of b below this, a and c turn about one axis and only their sum or difference is known."""


def matrix_from_angles(angles: Array) -> Array:
    """(..., 3) -> (..., 3, 3)."""
    (sa, sb, sc), (ca, cb, cc) = np.moveaxis(np.sin(angles), -1, 0), np.moveaxis(np.cos(angles), -1, 0)
    result = np.empty((*angles.shape[:-1], 3, 3))
    result[..., 0, 0] = cc * cb
    result[..., 0, 1] = cc * sb * sa - sc * ca
    result[..., 0, 2] = cc * sb * ca + sc * sa
    result[..., 1, 0] = sc * cb
    result[..., 1, 1] = sc * sb * sa + cc * ca
    result[..., 1, 2] = sc * sb * ca - cc * sa
    result[..., 2, 0] = -sb
    result[..., 2, 1] = cb * sa
    result[..., 2, 2] = cb * ca
    return result


def axes(angles: Array) -> Array:
    """(..., 3) -> (..., 3, 3): column k is the axis angle k turns about, in the bone's rest axes.

    Turning angle k by d multiplies B from the left by the rotation d about column k.
    """
    (_, sb, sc), (_, cb, cc) = np.moveaxis(np.sin(angles), -1, 0), np.moveaxis(np.cos(angles), -1, 0)
    result = np.zeros((*angles.shape[:-1], 3, 3))
    result[..., 0, 0], result[..., 1, 0], result[..., 2, 0] = cc * cb, sc * cb, -sb
    result[..., 0, 1], result[..., 1, 1] = -sc, cc
    result[..., 2, 2] = 1.0
    return result


def angles_from_matrix(matrices: Array, lowest: Array, highest: Array) -> Array:
    """(..., 3, 3) -> (..., 3): of all triples of the rotation the one that exceeds its range least.

    Args:
        matrices: rotations B.
        lowest: (..., 3) ends of the ranges, -inf and inf where free; broadcast over the leading shape.
        highest: (..., 3).
    """
    lowest, highest = np.broadcast_arrays(lowest, highest)
    b = np.arctan2(-matrices[..., 2, 0], np.hypot(matrices[..., 0, 0], matrices[..., 1, 0]))
    a = np.arctan2(matrices[..., 2, 1], matrices[..., 2, 2])
    c = np.arctan2(matrices[..., 1, 0], matrices[..., 0, 0])
    gimbal = np.hypot(matrices[..., 0, 0], matrices[..., 1, 0]) < GIMBAL_COSINE
    if gimbal.any():
        a, c = _split_at_gimbal(matrices, gimbal, a, c, b, lowest, highest)
    first = nearest_turn(np.stack([a, b, c], axis=-1), lowest, highest)
    second = nearest_turn(np.stack([a + np.pi, np.pi - b, c + np.pi], axis=-1), lowest, highest)
    better = excess(second, lowest, highest).sum(-1) < excess(first, lowest, highest).sum(-1)
    return np.where(better[..., None], second, first)


def excess(angles: Array, lowest: Array, highest: Array) -> Array:
    """(..., 3) by how much each angle lies outside its range, 0 inside."""
    return np.maximum(np.maximum(lowest - angles, angles - highest), 0.0)


def nearest_turn(angles: Array, lowest: Array, highest: Array) -> Array:
    """Full turns added so that an angle is nearest to the middle of its range, to 0 where it has none."""
    bounded = np.isfinite(lowest) & np.isfinite(highest)
    with np.errstate(invalid="ignore"):
        middle = np.where(bounded, 0.5 * (lowest + highest), np.clip(0.0, lowest, highest))
    return angles - 2.0 * np.pi * np.round((angles - middle) / (2.0 * np.pi))


def _split_at_gimbal(
    matrices: Array, gimbal: NDArray[np.bool_], a: Array, c: Array, b: Array, lowest: Array, highest: Array
) -> tuple[Array, Array]:
    """Only a - c (b = 90 degrees) or a + c (b = -90) is known: share it to keep both in range if possible."""
    sign = np.where(b > 0.0, 1.0, -1.0)
    # With sin b = s: the middle row is (0, cos(a - s c), -sin(a - s c)).
    total = np.arctan2(-matrices[..., 1, 2], matrices[..., 1, 1])
    held_c = np.clip(0.0, lowest[..., 2], highest[..., 2])
    free_a = nearest_turn(total + sign * held_c, lowest[..., 0], highest[..., 0])
    new_a = np.clip(free_a, lowest[..., 0], highest[..., 0])
    new_c = held_c + sign * (new_a - free_a)
    return np.where(gimbal, new_a, a), np.where(gimbal, new_c, c)
