# SPDX-License-Identifier: GPL-3.0-or-later
"""A small four-legged character for the tests of networks and training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.jobs.rig import Rig
from training.pack import MotionClip, Pack


def tube_rig() -> Rig:
    """A trunk of two bones with four legs of two bones each, every bone a box; 15 joints with the tails."""
    names, parents, is_tail = ["hip", "chest", "chest"], [-1, 0, 1], [False, False, True]
    places = [(0.0, 0.5, 1.0), (0.0, -0.1, 1.0), (0.0, -0.6, 1.05)]
    for side in (1.0, -1.0):
        for parent, y in ((0, 0.45), (1, -0.4)):
            top = len(names)
            for depth, z in enumerate((0.9, 0.45, 0.0)):
                names.append(f"leg{top}.{min(depth, 1)}")
                parents.append(parent if depth == 0 else top + depth - 1)
                places.append((0.2 * side, y, z))
                is_tail.append(depth == 2)
    rest = np.array(places)
    vertices, faces, owners = [], [], []
    for joint in range(1, len(names)):
        owner = parents[joint]
        girth = 0.18 if owner < 2 and joint < 3 else 0.07
        corners, triangles = _box(rest[owner], rest[joint], girth)
        faces.append(triangles + 8 * len(vertices))
        vertices.append(corners)
        owners += [owner] * 8
    count = len(owners)
    skin_joints = np.zeros((count, 4), np.int32)
    skin_joints[:, 0] = owners
    skin_weights = np.zeros((count, 4), np.float32)
    skin_weights[:, 0] = 1.0
    joints = len(names)
    return Rig(
        name="tubes",
        joint_names=tuple(names),
        is_tail=np.array(is_tail),
        parents=np.array(parents, np.int32),
        rest_positions=rest,
        rest_rotations=np.tile([1.0, 0.0, 0.0, 0.0], (joints, 1)),
        limits=np.tile([-np.inf, np.inf], (joints, 3, 1)),
        locked_rotation=np.zeros((joints, 3), bool),
        can_translate=np.arange(joints) == 0,
        vertices=np.concatenate(vertices).astype(np.float32),
        faces=np.concatenate(faces).astype(np.int32),
        vertex_colors=np.full((count, 3), 150, np.uint8),
        skin_joints=skin_joints,
        skin_weights=skin_weights,
    )


def tube_pack(frames: int = 30) -> Pack:
    """The same with one clip: the legs swing."""
    rig = tube_rig()
    local = np.tile(np.eye(3), (frames, rig.joint_count, 1, 1))
    for joint in range(3, rig.joint_count, 3):
        angle = 0.5 * np.sin(np.arange(frames) / 24.0 * 6.0 + joint)
        local[:, joint] = _about_x(angle)
        local[:, joint + 1] = _about_x(-0.6 * angle)
    root = np.tile(rig.rest_positions[0], (frames, 1))
    clip = MotionClip("walk", local.astype(np.float32), root.astype(np.float32))
    return Pack.from_rig(rig, "tubes", "tubes", (clip,))


def _about_x(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    cos, sin, one, zero = np.cos(angles), np.sin(angles), np.ones_like(angles), np.zeros_like(angles)
    return np.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos], -1).reshape(-1, 3, 3)


def _box(
    start: NDArray[np.float64], end: NDArray[np.float64], girth: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    along = (end - start) / np.linalg.norm(end - start)
    side = np.cross(along, [0.3, 0.9, 0.2])
    side /= np.linalg.norm(side)
    other = np.cross(along, side)
    ring = [girth * (a * side + b * other) for a, b in ((1, 1), (-1, 1), (-1, -1), (1, -1))]
    corners = np.array([*(start + r for r in ring), *(end + r for r in ring)])
    faces = [[0, 2, 1], [0, 3, 2], [4, 5, 6], [4, 6, 7]]
    for k in range(4):
        n = (k + 1) % 4
        faces += [[k, n, 4 + n], [k, 4 + n, 4 + k]]
    return corners, np.array(faces)
