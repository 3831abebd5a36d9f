# SPDX-License-Identifier: GPL-3.0-or-later
"""A first pose from points of the surface."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .motion import Motion
from .skeleton import Skeleton
from .skinning import Skin
from .start import geometric_start

Array = NDArray[np.float64]


def start_with_points(
    skeleton: Skeleton,
    targets: Array,
    weights: Array,
    expected: Array,
    skin: Skin,
    observed: Array,
    observed_weights: Array,
    noise: float,
) -> Motion:
    """The geometric start with every point as one more joint, fixed to the joint that carries most of it.

    Args:
        skeleton: the joints.
        targets: (T, J, 3) where joints were seen, armature space.
        weights: (T, J) confidence, 0 where not seen.
        expected: (T, J, 3, 3) expected local rotations.
        skin: its vertices are the N points.
        observed: (T, N, 3) armature space.
        observed_weights: (T, N) confidence, 0 where not seen.
        noise: standard deviation of a coordinate, armature units.
    """
    count, points = skeleton.joint_count, skin.vertex_count
    free = np.broadcast_to([-np.inf, np.inf], (points, 3, 2))
    extended = Skeleton(
        [*skeleton.names, *("point" for _ in range(points))],
        np.concatenate([skeleton.parents, skin.main_joints]),
        np.concatenate([skeleton.rest_positions, skin.vertices]),
        np.concatenate([skeleton.rest_rotations, np.tile([1.0, 0.0, 0.0, 0.0], (points, 1))]),
        np.concatenate([skeleton.limits, free]),
        np.concatenate([skeleton.locks, np.zeros((points, 3), bool)]),
        np.concatenate([skeleton.can_translate, np.zeros(points, bool)]),
    )
    rest = np.broadcast_to(np.eye(3), (len(targets), points, 3, 3))
    motion = geometric_start(
        extended,
        np.concatenate([targets, observed], axis=1),
        np.concatenate([weights, observed_weights * skin.skin_weights.max(axis=1) ** 2], axis=1),
        np.concatenate([expected, rest], axis=1),
        noise,
    )
    return Motion(motion.root_translation, motion.local_rotations[:, :count])
