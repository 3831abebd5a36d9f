# SPDX-License-Identifier: GPL-3.0-or-later
"""Poses that a search may start from: rest, and what the rig's own Actions do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..ik import rotations
from .body import Body

MOST_EXAMPLES = 4
SAMPLED = 200
NEAR = 0.12
"""Radians, mean over the joints: poses nearer than this are one."""


@dataclass(frozen=True, eq=False)
class StartPose:
    """A pose without a place or heading."""

    name: str
    local_rotations: NDArray[np.float64]
    """(J, 3, 3); the root's holds tilt only, if any."""


def start_poses(body: Body) -> list[StartPose]:
    """Rest first, then a few poses of the rig's own Actions that differ most from those before them."""
    rest = np.tile(np.eye(3), (body.skeleton.joint_count, 1, 1))
    poses = [StartPose("rest", rest)]
    examples = body.rig.example_rotations
    if len(examples) == 0:
        return poses
    chosen = np.unique(np.linspace(0, len(examples) - 1, SAMPLED).astype(int))
    candidates = rotations.matrix_from_quaternion(examples[chosen])
    candidates[:, body.skeleton.root] = np.eye(3)
    seen = body.skeleton.moving[1:]
    if len(seen) == 0:
        return poses
    share = body.skeleton.is_ancestor[seen] @ body.mesh.joint_share
    weight = share / max(float(share.sum()), 1e-12)
    nearest = rotations.angle_between(candidates[:, seen], rest[seen]) @ weight
    while len(poses) <= MOST_EXAMPLES and nearest.max() > NEAR:
        pick = int(nearest.argmax())
        poses.append(StartPose(f"own pose {len(poses)}", candidates[pick]))
        away = rotations.angle_between(candidates[:, seen], candidates[pick][seen]) @ weight
        nearest = np.minimum(nearest, away)
    return poses
