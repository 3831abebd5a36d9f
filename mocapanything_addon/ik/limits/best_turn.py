# SPDX-License-Identifier: GPL-3.0-or-later
"""The rotation within a joint's limits that agrees best with what was seen below it.

Directions a of the rest pose seen at b, with weights w, ask for the rotation that maximises tr(R^T M), M the
sum of w b a^T (Wahba's problem). Without limits that is :func:`..rotations.nearest_rotation`. Within them one
coordinate at a time is set to its best value, which has a closed form and is cut off at its range.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from .. import rotations
from ..skeleton import Skeleton
from . import cone, euler
from .ranges import clamped, local_from_bone_axes, turns_in_bone_axes

Array = NDArray[np.float64]
SWEEPS = 10
"""Over the three angles."""
CONE_ROUNDS = 3
"""Of twist and swing in turn."""
EDGE_ROUNDS, EDGE_POINTS = 3, 9
"""Searches along the ellipse, each finer than the one before."""


def best_turns(skeleton: Skeleton, joints: NDArray[np.int64], moments: Array) -> Array:
    """Local rotations (T, n, 3, 3) of n joints.

    Args:
        skeleton: the joints and their limits.
        joints: (n,).
        moments: (T, n, 3, 3) M, with b in armature axes carried by the joints' parents.
    """
    result = np.empty_like(moments)
    limited, cones = skeleton.is_limited[joints], skeleton.is_cone[joints]
    free = ~(limited | cones)
    result[:, free] = rotations.nearest_rotation(moments[:, free])
    if limited.any():
        some = joints[limited]
        asked = turns_in_bone_axes(skeleton, some, moments[:, limited])
        angles = _best_angles(asked, skeleton.lowest_angles[some], skeleton.highest_angles[some])
        result[:, limited] = local_from_bone_axes(skeleton, some, euler.matrix_from_angles(angles))
    if cones.any():
        some = joints[cones]
        asked = turns_in_bone_axes(skeleton, some, moments[:, cones])
        best = _best_swing_and_twist(asked, skeleton.swing_widths[some], skeleton.twist_ranges[some])
        result[:, cones] = local_from_bone_axes(skeleton, some, cone.matrix_from_coordinates(best))
    if free.all():
        return result
    # One coordinate at a time can end on a ridge; the unlimited answer put back inside is at times better.
    inside = clamped(skeleton, joints, rotations.nearest_rotation(moments))
    better = ((inside - result) * moments).sum(axis=(-2, -1)) > 0.0
    return np.where(better[..., None, None], inside, result)


def _best_angles(moments: Array, lowest: Array, highest: Array) -> Array:
    """(T, n, 3) Euler angles within their ranges."""
    nearest = euler.angles_from_matrix(rotations.nearest_rotation(moments), lowest, highest)
    result = np.clip(nearest, lowest, highest)
    outside = (result != nearest).any(axis=-1)
    if outside.any():
        lowest, highest = (np.broadcast_to(ends, nearest.shape)[outside] for ends in (lowest, highest))
        result[outside] = _climbed(moments[outside], nearest[outside], lowest, highest)
    return result


def _climbed(moments: Array, nearest: Array, lowest: Array, highest: Array) -> Array:
    """(n, 3) the best angles that are found from starts all over the ranges."""
    other = nearest + np.array([np.pi, 0.0, np.pi])
    other[:, 1] = np.pi - nearest[:, 1]
    other = euler.nearest_turn(other, lowest, highest)
    bounded = np.isfinite(lowest) & np.isfinite(highest)
    with np.errstate(invalid="ignore"):
        middle = np.where(bounded, 0.5 * (lowest + highest), 0.0)
        reach = np.where(bounded, 0.3 * (highest - lowest), 0.5 * np.pi)
    corners = middle + np.array(list(product((-1.0, 1.0), repeat=3)))[:, None] * reach
    angles = np.clip(np.concatenate([[nearest, other], corners]), lowest, highest)
    angles = euler.climbed(angles, moments, lowest, highest, SWEEPS)
    value = np.einsum("snij,nij->sn", euler.matrix_from_angles(angles), moments)
    return angles[value.argmax(axis=0), np.arange(len(nearest))]


def _best_swing_and_twist(moments: Array, widths: Array, ranges: Array) -> cone.Coordinates:
    nearest = cone.coordinates_from_matrix(rotations.nearest_rotation(moments), widths, ranges)
    found = cone.inside(nearest, widths, ranges)
    outside = (found.swing != nearest.swing).any(axis=-1) | (found.twist != nearest.twist)
    if outside.any():
        widths, ranges = (np.broadcast_to(ends, nearest.swing.shape)[outside] for ends in (widths, ranges))
        start = cone.Coordinates(found.swing[outside], found.twist[outside])
        best = _climbed_cone(moments[outside], start, widths, ranges)
        found.swing[outside], found.twist[outside] = best
    return found


def _climbed_cone(moments: Array, found: cone.Coordinates, widths: Array, ranges: Array) -> cone.Coordinates:
    """(n,) the best swing and twist that are found from a start or on the ellipse."""
    best, value = found, _value(found, moments)

    def take(swing: Array) -> None:
        nonlocal best, value
        tried = cone.Coordinates(swing, _best_twist(swing, moments, ranges))
        tried_value = _value(tried, moments)
        better = tried_value > value
        best = cone.Coordinates(
            np.where(better[:, None], tried.swing, best.swing), np.where(better, tried.twist, best.twist)
        )
        value = np.maximum(value, tried_value)

    take(found.swing)
    for _ in range(CONE_ROUNDS):
        still = cone.Coordinates(np.zeros_like(best.swing), best.twist)
        inner = moments @ np.swapaxes(cone.matrix_from_coordinates(still), -1, -2)
        take(cone.inside(cone.Coordinates(_best_swing(inner), best.twist), widths, ranges).swing)
    reach = np.where(np.isinf(widths), np.pi, widths)
    middle, spread = np.zeros(len(widths)), np.pi
    for _ in range(EDGE_ROUNDS):
        before = value
        chosen = middle
        for share in np.linspace(-1.0, 1.0, EDGE_POINTS):
            around = middle + share * spread
            take(reach * np.stack([np.cos(around), np.sin(around)], axis=-1))
            chosen = np.where(value > before, around, chosen)
            before = value
        middle, spread = chosen, 2.0 * spread / (EDGE_POINTS - 1)
    return best


def _best_twist(swing: Array, moments: Array, ranges: Array) -> Array:
    swung = cone.matrix_from_coordinates(cone.Coordinates(swing, np.zeros(len(swing))))
    inner = np.swapaxes(swung, -1, -2) @ moments
    cosine, sine = inner[:, 0, 0] + inner[:, 2, 2], inner[:, 0, 2] - inner[:, 2, 0]
    return euler.best_angle(cosine, sine, ranges[:, 0], ranges[:, 1])


def _value(coordinates: cone.Coordinates, moments: Array) -> Array:
    return np.einsum("...ij,...ij->...", cone.matrix_from_coordinates(coordinates), moments)


def _best_swing(moments: Array) -> Array:
    """(..., 2) of the turn about an axis across y: Davenport's q-method on quaternions (w, x, 0, z)."""
    m = moments
    form = np.empty((*m.shape[:-2], 3, 3))
    form[..., 0, 0] = m[..., 0, 0] + m[..., 1, 1] + m[..., 2, 2]
    form[..., 1, 1] = m[..., 0, 0] - m[..., 1, 1] - m[..., 2, 2]
    form[..., 2, 2] = m[..., 2, 2] - m[..., 0, 0] - m[..., 1, 1]
    form[..., 0, 1] = form[..., 1, 0] = m[..., 2, 1] - m[..., 1, 2]
    form[..., 0, 2] = form[..., 2, 0] = m[..., 1, 0] - m[..., 0, 1]
    form[..., 1, 2] = form[..., 2, 1] = m[..., 0, 2] + m[..., 2, 0]
    quaternion = np.linalg.eigh(form)[1][..., -1]
    quaternion = np.where(quaternion[..., :1] < 0.0, -quaternion, quaternion)
    sine = np.linalg.norm(quaternion[..., 1:], axis=-1)
    near = sine < rotations.SMALL_ANGLE
    factor = np.where(
        near, 2.0, 2.0 * rotations.arctan2(sine, quaternion[..., 0]) / np.where(near, 1.0, sine)
    )
    return quaternion[..., 1:] * factor[..., None]
