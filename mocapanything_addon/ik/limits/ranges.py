# SPDX-License-Identifier: GPL-3.0-or-later
"""Put a motion inside the skeleton's ranges, and measure how far outside one is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..motion import Motion
from ..skeleton import Skeleton
from . import euler

Array = NDArray[np.float64]


def limited_angles(skeleton: Skeleton, motion: Motion) -> Array:
    """(T, L, 3) Euler angles of the L joints of ``skeleton.is_limited``, in the triple that exceeds least."""
    limited = skeleton.is_limited
    axes = skeleton.bone_axes[limited]
    turned = np.swapaxes(axes, -1, -2) @ motion.local_rotations[:, limited] @ axes
    return euler.angles_from_matrix(turned, skeleton.lowest_angles[limited], skeleton.highest_angles[limited])


def set_limited_angles(skeleton: Skeleton, local_rotations: Array, angles: Array) -> None:
    """Write the rotations of the limited joints (angles (T, L, 3)) into (T, J, 3, 3), in place."""
    limited = skeleton.is_limited
    axes = skeleton.bone_axes[limited]
    local_rotations[:, limited] = axes @ euler.matrix_from_angles(angles) @ np.swapaxes(axes, -1, -2)


def limit_violation(skeleton: Skeleton, motion: Motion) -> float:
    """The largest angle by which any joint leaves its range in any frame, radians."""
    limited = skeleton.is_limited
    if not limited.any():
        return 0.0
    angles = limited_angles(skeleton, motion)
    return float(
        euler.excess(angles, skeleton.lowest_angles[limited], skeleton.highest_angles[limited]).max()
    )


def clamped(skeleton: Skeleton, joints: NDArray[np.int64], local_rotations: Array) -> Array:
    """Rotations (T, n, 3, 3) of n joints: angles outside their range go to its nearest end, locked ones to
    rest.
    """
    limited = skeleton.is_limited[joints]
    if not limited.any():
        return local_rotations
    axes = skeleton.bone_axes[joints[limited]]
    lowest, highest = skeleton.lowest_angles[joints[limited]], skeleton.highest_angles[joints[limited]]
    turned = np.swapaxes(axes, -1, -2) @ local_rotations[:, limited] @ axes
    angles = np.clip(euler.angles_from_matrix(turned, lowest, highest), lowest, highest)
    result = local_rotations.copy()
    result[:, limited] = axes @ euler.matrix_from_angles(angles) @ np.swapaxes(axes, -1, -2)
    return result


def inside_limits(skeleton: Skeleton, motion: Motion) -> Motion:
    """The motion with every joint's rotation :func:`clamped` and a root that may not move put in place."""
    translation = motion.root_translation
    if not skeleton.can_translate[skeleton.root]:
        translation = np.zeros_like(translation)
    local_rotations = clamped(skeleton, np.arange(skeleton.joint_count), motion.local_rotations)
    joint_translations = motion.joint_translations
    if joint_translations is not None:
        translates = np.isin(np.arange(skeleton.joint_count), skeleton.translating)
        joint_translations = np.where(translates[:, None], joint_translations, 0.0)
    return Motion(translation, local_rotations, joint_translations)
