# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry a motion from a body built like the filmed creature over to the rig as the user built it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ik.kinematics import forward
from ..ik.motion import Motion
from .body import Body

MOST_SCALE = 4.0 / 3.0
"""Of the root's path, either way."""
GROUND_PERCENTILE = 10.0
"""Of the body's lowest points over the clip: a dip below the ground is an error."""


def retargeted(motion: Motion, filmed: Body, own: Body) -> Motion:
    """The same rotations on a body of other proportions, over ground that both stand on.

    Longer legs take longer steps: the root's path is scaled about the ground under its first place by how
    high the one body holds its root in these poses, and how high the other. Feet that stood still still do.

    Args:
        motion: T frames, on ``filmed``.
        filmed: The body that was fitted.
        own: The user's, with the same joints.
    """
    if filmed is own or motion.frame_count == 0:
        return motion
    roots, lowest = _heights(motion, filmed)
    own_roots, own_lowest = _heights(motion, own)
    reach, own_reach = float(np.median(roots - lowest)), float(np.median(own_roots - own_lowest))
    scale = float(np.clip(own_reach / max(reach, 1e-9 * filmed.size), 1.0 / MOST_SCALE, MOST_SCALE))
    places = filmed.skeleton.rest_positions[filmed.skeleton.root] + motion.root_translation
    up = filmed.up
    ground = float(np.percentile(lowest, GROUND_PERCENTILE))
    fixed = places[0] + (ground - places[0] @ up) * up
    moved = fixed + scale * (places - fixed)
    return Motion(moved - own.skeleton.rest_positions[own.skeleton.root], motion.local_rotations)


def _heights(motion: Motion, body: Body) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(T,) of the root and (T,) of the lowest vertex, along the world's up."""
    pose = forward(body.skeleton, motion)
    surface = np.asarray(body.skin.pose(pose) @ body.up, np.float64)
    return pose.positions[:, body.skeleton.root] @ body.up, surface.min(axis=1)
