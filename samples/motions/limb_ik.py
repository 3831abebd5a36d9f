# SPDX-License-Identifier: GPL-3.0-or-later
"""Bend one limb towards goals, all frames at once: damped Gauss-Newton on its bones' Euler angles, in range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik.kinematics import forward
from mocapanything_addon.ik.limits import euler
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.ik.skeleton import Skeleton

Array = NDArray[np.float64]
ROUNDS = 14
FINAL_ROUNDS = 8
DAMPING = 1e-4
FREE_ANGLE = 2.0 * np.pi


@dataclass(frozen=True, eq=False)
class Goal:
    """A joint of the limb (or the joint at its end) and where it should be."""

    joint: int
    positions: Array
    """(T, 3) armature space."""
    weight: Array
    """(T,) 0 to 1."""


def reach(
    skeleton: Skeleton, motion: Motion, bones: Sequence[int], goals: Sequence[Goal], *, hold: float
) -> Motion:
    """The motion with the limb bent towards the goals.

    Args:
        skeleton: Of the whole creature.
        motion: Start, and the pose that undecided joints keep.
        bones: The limb's joints from the body outwards, each the parent of the next.
        goals: What should be where.
        hold: How strongly the start is kept in the first rounds; the last rounds keep it only where the goals leave
            a choice.
    """
    bones = list(bones)
    scale = max(float(np.linalg.norm(skeleton.offsets[bones[1:]], axis=1).sum()), 1e-6)
    axes = skeleton.bone_axes[bones]
    lowest = np.maximum(skeleton.lowest_angles[bones], -FREE_ANGLE)
    highest = np.minimum(skeleton.highest_angles[bones], FREE_ANGLE)
    local = motion.local_rotations
    start = euler.angles_from_matrix(np.swapaxes(axes, -1, -2) @ local[:, bones] @ axes, lowest, highest)
    start = np.clip(start, lowest, highest)
    angles = start.copy()
    pose = forward(skeleton, motion)
    parent = skeleton.parents[bones[0]]
    base = pose.global_rotations[:, parent]
    origin = pose.positions[:, bones[0]]
    targets = np.stack([g.positions for g in goals], axis=1) / scale
    weights = np.repeat(np.stack([np.sqrt(g.weight) for g in goals], axis=1), 3, axis=1)
    for step in range(ROUNDS + FINAL_ROUNDS):
        keep = hold if step < ROUNDS else 1e-3 * hold
        points, jacobian = _points(skeleton, bones, axes, base, origin, angles, [g.joint for g in goals])
        residual = weights * (targets - points / scale).reshape(len(angles), -1)
        jacobian = weights[..., None] * jacobian / scale
        left = np.swapaxes(jacobian, -1, -2)
        count = jacobian.shape[-1]
        gradient = (left @ residual[..., None])[..., 0] + keep * (start - angles).reshape(len(angles), -1)
        normal = left @ jacobian + (keep + DAMPING) * np.eye(count)
        flat = angles.reshape(len(angles), -1)
        low, high = lowest.reshape(-1), highest.reshape(-1)
        stuck = ((flat <= low) & (gradient < 0)) | ((flat >= high) & (gradient > 0))
        # An angle at the end of its range that wants to go beyond takes no part in this round.
        normal[stuck[:, :, None] | stuck[:, None, :]] = 0.0
        normal += stuck[:, :, None] * np.eye(count)
        change = np.linalg.solve(normal, np.where(stuck, 0.0, gradient)[..., None])[..., 0]
        angles = np.clip(flat + np.clip(change, -0.5, 0.5), low, high).reshape(angles.shape)
    result = local.copy()
    result[:, bones] = axes @ euler.matrix_from_angles(angles) @ np.swapaxes(axes, -1, -2)
    return Motion(motion.root_translation, result)


def _points(
    skeleton: Skeleton,
    bones: list[int],
    axes: Array,
    base: Array,
    origin: Array,
    angles: Array,
    joints: list[int],
) -> tuple[Array, Array]:
    """(T, G, 3) places of the goal joints and (T, 3 G, 3 n) their derivative by the angles of the n bones."""
    frames = len(angles)
    turns = axes @ euler.matrix_from_angles(angles) @ np.swapaxes(axes, -1, -2)
    local_axes = axes @ euler.axes(angles)
    place = {bones[0]: origin}
    world_axes = []
    carried = base
    for i, bone in enumerate(bones):
        world_axes.append(carried @ local_axes[:, i])
        carried = carried @ turns[:, i]
        for joint in [*bones[i + 1 : i + 2], *joints]:
            if skeleton.parents[joint] == bone:
                place[joint] = place[bone] + carried @ skeleton.offsets[joint]
    points = np.stack([place[j] for j in joints], axis=1)
    jacobian = np.zeros((frames, len(joints), 3, len(bones), 3))
    for g, joint in enumerate(joints):
        below = bones.index(joint) if joint in bones else bones.index(int(skeleton.parents[joint])) + 1
        for i in range(below):
            arm = place[joint] - place[bones[i]]
            # Columns of world_axes are axes: the velocity is axis x arm.
            jacobian[:, g, :, i] = np.cross(world_axes[i], arm[:, :, None], axisa=1, axisb=1, axisc=1)
    return points, jacobian.reshape(frames, 3 * len(joints), 3 * len(bones))
