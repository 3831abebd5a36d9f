# SPDX-License-Identifier: GPL-3.0-or-later
"""Which way a rig's body looks in rest pose: from what its bones are called, else by Blender's habit."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from .body import Body

FRONT = re.compile(r"head|neck|jaw|snout|nose|beak|muzzle|antenna|eye|mouth|chest|cranium", re.IGNORECASE)
BACK = re.compile(r"tail|rump|abdomen", re.IGNORECASE)
CLEAR = 0.05
"""Of the body's size: names that lie nearer to the root tell nothing."""
BY_HABIT = 0.6
"""How sure the habit is, 0 to 1."""
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
    side = float(ahead @ HABIT)
    return np.asarray((np.sign(side) if abs(side) > 0.5 else 0.0) * BY_HABIT * ahead)
