# SPDX-License-Identifier: GPL-3.0-or-later
"""Joint ranges that hold the truth: what the rig's clips do, and a little room."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik import Skeleton
from mocapanything_addon.ik.limits import euler
from mocapanything_addon.ik.limits.ranges import limit_violation

from .cases import Case

Array = NDArray[np.float64]
ROOM = np.radians(5.0)


def limited_skeleton(case: Case, room: float = ROOM) -> Skeleton:
    """The case's skeleton with the range of every Euler angle over all clips of the rig, ``room`` added.

    The root stays free, and so does a joint whose angles pass the gimbal's pole, so that no range of them
    holds the truth.
    """
    skeleton = case.skeleton
    limits = np.tile([-np.inf, np.inf], (skeleton.joint_count, 3, 1))
    for joint in skeleton.moving:
        if joint != skeleton.root:
            limits[joint] = angle_ranges(
                skeleton.bone_axes[joint], [c[:, joint] for c in case.all_rotations], room
            )
    limited = _with_limits(skeleton, limits)
    for joint in np.nonzero(limited.is_limited & ~case.is_tail)[0]:
        alone = np.tile([-np.inf, np.inf], (skeleton.joint_count, 3, 1))
        alone[joint] = limits[joint]
        if limit_violation(_with_limits(skeleton, alone), case.truth) > 1e-6:
            limits[joint] = [-np.inf, np.inf]
    return _with_limits(skeleton, limits)


def angle_ranges(bone_axes: Array, clips: list[Array], room: float) -> Array:
    """(3, 2) lowest and highest angle over clips of (T, 3, 3) local rotations."""
    free = np.full(3, np.inf)
    tracks = []
    for clip in clips:
        angles = euler.angles_from_matrix(bone_axes.T @ clip @ bone_axes, -free, free)
        angles = np.unwrap(angles, axis=0)
        tracks.append(angles - 2.0 * np.pi * np.round(angles.mean(axis=0) / (2.0 * np.pi)))
    angles = np.concatenate(tracks)
    return np.stack([angles.min(axis=0) - room, angles.max(axis=0) + room], axis=-1)


def _with_limits(skeleton: Skeleton, limits: Array) -> Skeleton:
    return Skeleton(
        skeleton.names,
        skeleton.parents,
        skeleton.rest_positions,
        skeleton.rest_rotations,
        limits=limits,
        locks=skeleton.locks,
    )
