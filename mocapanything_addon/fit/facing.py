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
        both = set()
        for leg in (pair.left, pair.right):
            mine = np.isin(nearest, leg)
            over = height[mine] - height[mine].min(initial=np.inf)
            length = float(over.max(initial=0.0))
            foot = along[mine][over < FOOT * length]
            shank = along[mine][(over > SHANK[0] * length) & (over < SHANK[1] * length)]
            if min(len(foot), len(shank)) < FEWEST or height[mine].min() > LOW * height.max():
                both.add(0)
                continue
            before, behind = foot.max() - shank.max(), shank.min() - foot.min()
            less, more = sorted((float(before), float(behind)))
            stands_out = more > TOES * length and less < HEEL * more
            both.add((1 if before > behind else -1) if stands_out else 0)
        if len(both) > 1:
            return 0
        ways |= both
    ways.discard(0)
    return ways.pop() if len(ways) == 1 else 0
