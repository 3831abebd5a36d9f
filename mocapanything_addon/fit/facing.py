# SPDX-License-Identifier: GPL-3.0-or-later
"""Which way a rig's body looks in rest pose: from what its bones are called, from its feet, else by Blender's
habit."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from .body import Body
from .limbs import legs

FRONT = re.compile(r"head|neck|jaw|snout|nose|beak|muzzle|antenna|eye|mouth|chest|cranium", re.IGNORECASE)
BACK = re.compile(r"tail|rump|abdomen", re.IGNORECASE)
CLEAR = 0.05
"""Of the body's size: names that lie nearer to the root tell nothing."""
FOOT, SHANK = 0.12, (0.15, 0.45)
"""Heights over the sole up to which a leg is foot, and between which it is shank, of the leg's length."""
LOW = 0.12
"""Of the body's height: feet that end higher do not stand."""
TOES, HEEL = 0.05, 0.5
"""How far a foot with toes stands out before its shank, of the leg's length; and behind, at most, of that."""
FEWEST = 3
"""Vertices of a foot and a shank."""
BY_FEET = 0.9
BY_HABIT = 0.6
"""How sure the toes of a body are, 0 to 1, and how sure the habit."""
HABIT = np.array([0.0, -1.0, 0.0])


def facing(body: Body) -> NDArray[np.float64]:
    """(3,) horizontal direction in which the rest pose looks; its length is how sure that is, 0 to 1."""
    up = body.up
    if body.symmetry is None:
        ahead = HABIT - up * (HABIT @ up)
        return BY_HABIT * ahead / max(float(np.linalg.norm(ahead)), 1e-9)
    ahead = np.cross(up, body.symmetry.axis)
    ahead /= max(float(np.linalg.norm(ahead)), 1e-9)
    along = body.skeleton.rest_positions @ ahead
    bones = list(zip(body.rig.joint_names, along, strict=True))
    front = [x for name, x in bones if FRONT.search(name)]
    back = [x for name, x in bones if BACK.search(name)]
    middle = 0.5 * float((body.mesh.vertices @ ahead).min() + (body.mesh.vertices @ ahead).max())
    lead = sum(float(np.mean(x) - middle) * sign for x, sign in ((front, 1.0), (back, -1.0)) if x)
    if abs(lead) > CLEAR * body.size:
        return np.asarray(np.sign(lead) * ahead)
    toes = _way_of_toes(body, ahead)
    if toes:
        return np.asarray(toes * BY_FEET * ahead)
    side = float(ahead @ HABIT)
    return np.asarray((np.sign(side) if abs(side) > 0.5 else 0.0) * BY_HABIT * ahead)


def _way_of_toes(body: Body, ahead: NDArray[np.float64]) -> int:
    """1 where the feet stand out before the shanks, -1 where behind, 0 where they do not or do not agree."""
    vertices, mesh = body.mesh.vertices, body.mesh
    height, along = vertices @ body.up, vertices @ ahead
    height = height - height.min()
    nearest = mesh.skin_joints[np.arange(len(vertices)), mesh.skin_weights.argmax(axis=1)]
    ways: set[int] = set()
    for pair in legs(body):
        on = np.isin(nearest, pair.left), np.isin(nearest, pair.right)
        left, right = (_way_of_foot(height[leg], along[leg], LOW * height.max()) for leg in on)
        if left != right:
            return 0
        ways.add(left)
    ways.discard(0)
    return ways.pop() if len(ways) == 1 else 0


def _way_of_foot(height: NDArray[np.float64], along: NDArray[np.float64], low: float) -> int:
    """The same of one leg's vertices (N,): their heights, and how far ahead they are."""
    if not len(height) or height.min() > low:
        return 0
    over = height - height.min()
    length = float(over.max())
    foot = along[over < FOOT * length]
    shank = along[(over > SHANK[0] * length) & (over < SHANK[1] * length)]
    if min(len(foot), len(shank)) < FEWEST:
        return 0
    before, behind = float(foot.max() - shank.max()), float(shank.min() - foot.min())
    less, more = sorted((before, behind))
    if more <= TOES * length or less >= HEEL * more:
        return 0
    return 1 if before > behind else -1
