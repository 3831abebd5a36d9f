# SPDX-License-Identifier: GPL-3.0-or-later
"""Euler angles about a bone's own axes, as Blender's order "XYZ": x turns first, then y, then z.

The bone's rotation relative to rest is B = Rz(c) Ry(b) Rx(a) for angles (a, b, c). Every rotation has two
such triples, (a, b, c) and (a + pi, pi - b, c + pi), and each angle may be shifted by full turns.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .. import rotations

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
    b = rotations.arctan2(-matrices[..., 2, 0], np.hypot(matrices[..., 0, 0], matrices[..., 1, 0]))
    a = rotations.arctan2(matrices[..., 2, 1], matrices[..., 2, 2])
    c = rotations.arctan2(matrices[..., 1, 0], matrices[..., 0, 0])
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
    total = rotations.arctan2(-matrices[..., 1, 2], matrices[..., 1, 1])
    held_c = np.clip(0.0, lowest[..., 2], highest[..., 2])
    free_a = nearest_turn(total + sign * held_c, lowest[..., 0], highest[..., 0])
    new_a = np.clip(free_a, lowest[..., 0], highest[..., 0])
    new_c = held_c + sign * (new_a - free_a)
    return np.where(gimbal, new_a, a), np.where(gimbal, new_c, c)


def climbed(angles: Array, moments: Array, lowest: Array, highest: Array, sweeps: int) -> Array:
    """Angles in their ranges whose rotation B agrees better with a matrix M: tr(B^T M) never falls.

    One angle at a time is set to its best value, which has a closed form. With M a rotation this leads
    towards the nearest rotation within the ranges.

    Args:
        angles: (..., 3) in their ranges.
        moments: (..., 3, 3) M; broadcast over the leading shape, as all below.
        lowest: (..., 3) ends of the ranges.
        highest: (..., 3).
        sweeps: over the three angles.
    """
    angles = angles.copy()
    m = np.moveaxis(moments, (-2, -1), (0, 1))
    for _ in range(sweeps):
        # B = Rz Ry Rx. For each angle, the other two turns are taken off the moments, as far as it matters.
        sine, cosine = np.sin(angles), np.cos(angles)
        (sa, ca), (sb, cb) = (sine[..., 0], cosine[..., 0]), (sine[..., 1], cosine[..., 1])
        # Of M Rx^T Ry^T the upper left corner.
        across = [sb * (sa * m[r, 1] + ca * m[r, 2]) + cb * m[r, 0] for r in (0, 1)]
        upward = [ca * m[r, 1] - sa * m[r, 2] for r in (0, 1)]
        angles[..., 2] = best_angle(
            across[0] + upward[1], across[1] - upward[0], lowest[..., 2], highest[..., 2]
        )
        sc, cc = np.sin(angles[..., 2]), np.cos(angles[..., 2])
        # Rz^T M.
        first = [cc * m[0, k] + sc * m[1, k] for k in range(3)]
        second = [cc * m[1, k] - sc * m[0, k] for k in range(3)]
        angles[..., 1] = best_angle(
            first[0] + sa * m[2, 1] + ca * m[2, 2],
            sa * first[1] + ca * first[2] - m[2, 0],
            lowest[..., 1],
            highest[..., 1],
        )
        sb, cb = np.sin(angles[..., 1]), np.cos(angles[..., 1])
        # Ry^T Rz^T M.
        third = [sb * first[k] + cb * m[2, k] for k in range(3)]
        angles[..., 0] = best_angle(
            second[1] + third[2], third[1] - second[2], lowest[..., 0], highest[..., 0]
        )
    return angles


def best_angle(cosine: Array, sine: Array, lowest: Array, highest: Array) -> Array:
    """The angle in its range at which cosine cos + sine sin is largest."""
    best = nearest_turn(rotations.arctan2(sine, cosine), lowest, highest)
    # Outside its range the nearest end is the best: the value falls evenly to both sides, half a turn far.
    return np.clip(best, lowest, highest)
