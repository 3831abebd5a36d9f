# SPDX-License-Identifier: GPL-3.0-or-later
"""A first pose from points of the surface."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..camera import Camera
from ..motion import Motion
from ..rotations import nearest_rotation
from ..skeleton import Skeleton
from ..skinning import Skin
from .geometric_start import geometric_start

Array = NDArray[np.float64]
PERSPECTIVE_ROUNDS = 6
LEAST_DEPTH = 0.1
"""Of a point, share of the distance of the body's center."""
LEAST_POINTS = 6
"""Seen in a frame, for a rigid body to be placed by its pixels."""


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
        swing_limits=np.concatenate([skeleton.swing_limits, np.full((points, 2), np.inf)]),
        twist_limits=np.concatenate([skeleton.twist_limits, free[:, 0]]),
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


def depths_of_rigid_body(skin: Skin, camera: Camera, pixels: Array, weights: Array) -> tuple[Array, Array]:
    """How far points are along the camera's axis if the body keeps its rest pose and only moves as a whole.

    POSIT (D. DeMenthon, L. Davis, "Model-based object pose in 25 lines of code", 1995), all frames at once:
    the pose is found as if all points were equally far, and the distances are then corrected, a few times.

    Args:
        skin: its vertices are the N points.
        camera: the camera.
        pixels: (T, N, 2).
        weights: (T, N) confidence, 0 where not seen.

    Returns:
        (T, N) depths, armature units, and their weights (T, N), 0 in frames that show too little.
    """
    seen = (pixels - camera.center) / camera.focal
    enough = (weights > 0.0).sum(axis=1) >= LEAST_POINTS
    trust = np.where(enough[:, None], weights, 0.0)
    share = trust / np.maximum(trust.sum(axis=1, keepdims=True), 1e-12)
    arms = skin.vertices - (share @ skin.vertices)[:, None]
    known = np.concatenate([arms, np.ones((*arms.shape[:2], 1))], axis=-1)
    weighted = share[..., None] * known
    spread = np.swapaxes(weighted, -1, -2) @ known
    spread += 1e-9 * np.trace(spread, axis1=1, axis2=2)[:, None, None] * np.eye(4) + 1e-12 * np.eye(4)
    inverse = np.linalg.inv(spread)
    depth = np.ones(trust.shape)
    for _ in range(PERSPECTIVE_ROUNDS):
        # Rows 0 and 1 of the rotation over the distance of the center, and where the center is seen.
        rows = inverse @ np.swapaxes(weighted, -1, -2) @ (seen * depth[..., None])
        across, down = rows[:, :3, 0], rows[:, :3, 1]
        scale = 0.5 * (np.linalg.norm(across, axis=1) + np.linalg.norm(down, axis=1))[:, None]
        enough &= scale[:, 0] > 1e-9
        scale = np.where(enough[:, None], scale, 1.0)
        along = np.cross(across, down) / scale
        turned = nearest_rotation(np.stack([across, down, along], axis=1) / scale[..., None])
        # In units of the distance of the center.
        depth = np.maximum(1.0 + scale * (arms @ turned[:, 2, :, None])[..., 0], LEAST_DEPTH)
    return depth / scale, np.where(enough[:, None], weights, 0.0)
