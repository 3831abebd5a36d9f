# SPDX-License-Identifier: GPL-3.0-or-later
"""Bone axes for rigs that come without: y along the bone, no roll, as Blender draws a new bone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik import rotations

Array = NDArray[np.float64]


def rest_rotations(parents: NDArray[np.integer], positions: Array) -> Array:
    """(J, 4) rotations (w, x, y, z) that turn +y by the smallest angle to the bone's length.

    The length points to the child with the most joints below it; a leaf looks as its parent.
    """
    count = len(parents)
    below = np.ones(count)
    order = sorted(range(count), key=lambda j: _depth(parents, j))
    for joint in reversed(order):
        if parents[joint] >= 0:
            below[parents[joint]] += below[joint]
    directions = np.tile([0.0, 1.0, 0.0], (count, 1))
    for joint in order:
        if parents[joint] >= 0:
            directions[joint] = directions[parents[joint]]
        arms = positions - positions[joint]
        lengths = np.linalg.norm(arms, axis=-1)
        children = np.nonzero((parents == joint) & (lengths > 1e-9))[0]
        if len(children):
            child = max(children, key=lambda c: (below[c], lengths[c]))
            directions[joint] = arms[child] / lengths[child]
    return np.stack([_turn_y_to(direction) for direction in directions])


def _depth(parents: NDArray[np.integer], joint: int) -> int:
    depth = 0
    while parents[joint] >= 0:
        joint, depth = int(parents[joint]), depth + 1
    return depth


def _turn_y_to(direction: Array) -> Array:
    """(4,): half way between +y and the direction lies the quaternion's axis; straight down turns about z."""
    w = 1.0 + direction[1]
    if w < 1e-9:
        return np.array([0.0, 0.0, 0.0, 1.0])
    quaternion = np.array([w, direction[2], 0.0, -direction[0]])
    return rotations.continuous_quaternions(quaternion[None] / np.linalg.norm(quaternion))[0]
