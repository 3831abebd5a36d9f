# SPDX-License-Identifier: GPL-3.0-or-later
"""Ball joints: how far a bone may swing, and how far it may twist about its own length.

The bone's rotation relative to rest, in its own rest axes (y is its length), is B = S(x, z) T(twist): first
a turn about y, then a swing S = exp((x, 0, z)), the shortest turn that brings y to where the bone points
(F. S. Grassia, "Practical parameterization of rotations using the exponential map", 1998, section 5;
Blender's own IK solver splits its ball joints the same way). Swings are allowed inside an ellipse,
(x / width_x)^2 + (z / width_z)^2 <= 1 (P. Baerlocher, R. Boulic, "Parametrization and range of motion of the
ball-and-socket joint", 2001), twists in an interval. A width is infinite where free and 0 where locked.

Unknowns of a step are (outward, twist, along): a change of the swing along the ellipse's outward normal at
the present swing, a change of the twist, and a change of the swing along the ellipse. So the range is an
interval of each unknown, to first order; :func:`inside` makes it exact.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import rotations
from .euler import nearest_turn

Array = NDArray[np.float64]
FOLDED_COSINE = 1e-6
"""With the cosine of half the swing below this, only the sum of twist and twice the swing's direction is
known.
"""
SLIDE = 0.6
"""Radians that a swing at the edge may go along the ellipse's tangent in one step."""
PROJECTION_ROUNDS = 8


class Coordinates(NamedTuple):
    """Swing and twist of rotations of any leading shape."""

    swing: Array
    """(..., 2) components of the swing's rotation vector about x and z, radians."""
    twist: Array
    """(...,) radians."""


def coordinates_from_matrix(matrices: Array, widths: Array, ranges: Array) -> Coordinates:
    """Split rotations B (..., 3, 3).

    Args:
        matrices: rotations B.
        widths: (..., 2) of the ellipse; broadcast over the leading shape.
        ranges: (..., 2) lowest and highest twist; of all full turns the twist nearest to the middle is taken.
    """
    w, x, y, z = np.moveaxis(rotations.quaternion_from_matrix(matrices), -1, 0)
    lowest, highest = np.broadcast_to(ranges, (*w.shape, 2))[..., 0], np.asarray(ranges)[..., 1]
    twist = 2.0 * rotations.arctan2(y, w)
    folded = np.hypot(w, y) < FOLDED_COSINE
    if folded.any():
        # Any twist will do; the one that puts the swing on a free axis suits the ellipse.
        direction = rotations.arctan2(z, x) - np.where(np.isinf(np.asarray(widths)[..., 0]), 0.0, 0.5 * np.pi)
        twist = np.where(folded, 2.0 * direction, twist)
    twist = nearest_turn(twist, lowest, highest)
    twist = np.where(folded, np.clip(twist, lowest, highest), twist)
    cosine, sine = np.cos(0.5 * twist), np.sin(0.5 * twist)
    # q_swing = q q_twist^-1, whose y is 0 and whose w is cos(half the swing).
    half = np.stack([x * cosine + z * sine, z * cosine - x * sine], axis=-1)
    length = np.linalg.norm(half, axis=-1)
    signed = w * cosine + y * sine
    angle = 2.0 * rotations.arctan2(length, np.abs(signed))
    near = length < rotations.SMALL_ANGLE
    factor = np.where(near, 2.0 + length**2 / 3.0, angle / np.where(near, 1.0, length))
    return Coordinates(half * (factor * np.where(signed < 0.0, -1.0, 1.0))[..., None], twist)


def matrix_from_coordinates(coordinates: Coordinates) -> Array:
    """(..., 3, 3) B."""
    zero = np.zeros_like(coordinates.twist)
    twist = np.stack([zero, coordinates.twist, zero], axis=-1)
    return rotations.exp(_vector(coordinates.swing)) @ rotations.exp(twist)


def directions(swing: Array, widths: Array) -> Array:
    """(..., 2, 2) columns: the ellipse's outward normal at a swing, and its tangent. The axes x and z where
    one of them is locked, and where no direction is outward.
    """
    normal = _curvatures(widths) ** 2 * swing
    length = np.linalg.norm(normal, axis=-1, keepdims=True)
    plain = (length < 1e-9) | (np.asarray(widths) == 0.0).any(axis=-1, keepdims=True)
    normal = np.where(plain, [1.0, 0.0], normal / np.where(plain, 1.0, length))
    return np.stack([normal, np.stack([-normal[..., 1], normal[..., 0]], axis=-1)], axis=-1)


def axes(coordinates: Coordinates, widths: Array) -> Array:
    """(..., 3, 3): column k is the axis that unknown k turns about, in the bone's rest axes.

    Unknown k by d multiplies B from the left by the rotation d about column k.
    """
    vector = _vector(coordinates.swing)
    swings = rotations.left_jacobian(vector)[..., [0, 2]] @ directions(coordinates.swing, widths)
    along_bone = rotations.exp(vector)[..., 1]
    return np.stack([swings[..., 0], along_bone, swings[..., 1]], axis=-1)


def bounds(coordinates: Coordinates, widths: Array, ranges: Array) -> tuple[Array, Array]:
    """Lowest and highest step (..., 3) of the unknowns, from inside the limits."""
    swing, twist = coordinates
    curvatures = _curvatures(widths)
    scaled = curvatures * swing
    depth = np.linalg.norm(scaled, axis=-1)
    slides = SLIDE * np.where((np.asarray(widths) == 0.0).any(axis=-1), 0.0, depth)
    lower, upper = np.empty((2, *twist.shape, 3))
    base = directions(swing, widths)
    for unknown, column in ((0, 0), (2, 1)):
        along = curvatures * base[..., column]
        # |scaled + u along| = 1.
        a, b = (along**2).sum(-1), (scaled * along).sum(-1)
        free = a < 1e-18
        root = np.sqrt(np.maximum(b**2 - a * np.minimum(depth**2 - 1.0, 0.0), 0.0))
        slide = slides if unknown == 2 else 0.0
        safe = np.where(free, 1.0, a)
        lower[..., unknown] = np.where(free, -np.inf, np.minimum((-b - root) / safe, 0.0) - slide)
        upper[..., unknown] = np.where(free, np.inf, np.maximum((-b + root) / safe, 0.0) + slide)
        locked = np.asarray(widths)[..., column] == 0.0
        lower[..., unknown] = np.where(locked, 0.0, lower[..., unknown])
        upper[..., unknown] = np.where(locked, 0.0, upper[..., unknown])
    lower[..., 1] = np.minimum(ranges[..., 0] - twist, 0.0)
    upper[..., 1] = np.maximum(ranges[..., 1] - twist, 0.0)
    return lower, upper


def inside(coordinates: Coordinates, widths: Array, ranges: Array) -> Coordinates:
    """The nearest point of the ellipse for swings outside it, the nearest end for twists.

    Newton's method on 1 / |curvatures * swing| = 1 over the Lagrange multiplier, as for trust regions (J. J.
    Moré, D. C. Sorensen, "Computing a trust region step", 1983).
    """
    swing = np.where(np.asarray(widths) == 0.0, 0.0, coordinates.swing)
    twist = np.clip(coordinates.twist, ranges[..., 0], ranges[..., 1])
    square = _curvatures(widths) ** 2
    if (square * swing**2).sum(-1).max(initial=0.0) <= 1.0:
        return Coordinates(swing, twist)
    multiplier = np.zeros((*twist.shape, 1))
    for _ in range(PROJECTION_ROUNDS):
        shrunk = 1.0 + multiplier * square
        value = (square * (swing / shrunk) ** 2).sum(-1, keepdims=True)
        slope = 2.0 * (square**2 * swing**2 / shrunk**3).sum(-1, keepdims=True)
        outside = value > 1.0
        change = 2.0 * value * (np.sqrt(value) - 1.0) / np.where(outside, slope, 1.0)
        multiplier = multiplier + np.where(outside, change, 0.0)
    nearest = swing / (1.0 + multiplier * square)
    depth = np.sqrt((square * nearest**2).sum(-1, keepdims=True))
    return Coordinates(nearest / np.maximum(depth, 1.0), twist)


def excess(coordinates: Coordinates, widths: Array, ranges: Array) -> Array:
    """(..., 3) radians by which the swing leaves the ellipse (towards its middle), the twist its interval
    and the swing about locked axes 0.
    """
    swing, twist = coordinates
    depth = np.linalg.norm(_curvatures(widths) * swing, axis=-1)
    out = np.linalg.norm(swing, axis=-1) * (1.0 - 1.0 / np.maximum(depth, 1.0))
    turned = np.maximum(np.maximum(ranges[..., 0] - twist, twist - ranges[..., 1]), 0.0)
    held = np.abs(np.where(np.asarray(widths) == 0.0, swing, 0.0)).max(axis=-1)
    return np.stack([out, turned, held], axis=-1)


def _curvatures(widths: Array) -> Array:
    """(..., 2) 1 / width; 0 where the swing is free, and where it is locked, which others see to."""
    locked = widths == 0.0
    return np.where(locked, 0.0, 1.0 / np.where(locked, 1.0, widths))


def _vector(swing: Array) -> Array:
    """(..., 2) -> (..., 3) with no turn about y."""
    return np.stack([swing[..., 0], np.zeros(swing.shape[:-1]), swing[..., 1]], axis=-1)
