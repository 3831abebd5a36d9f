# SPDX-License-Identifier: GPL-3.0-or-later
"""Put a motion inside the skeleton's ranges, and measure how far outside one is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..motion import Motion
from ..skeleton import Skeleton
from . import cone, euler

Array = NDArray[np.float64]
ROUNDING = 1e-9
SWEEPS = 3
"""Over the angles of a joint that is outside its ranges."""


def turns_in_bone_axes(skeleton: Skeleton, joints: NDArray, local_rotations: Array) -> Array:
    """(T, n, 3, 3) B of n joints (indices or a mask) from their local rotations (T, n, 3, 3)."""
    axes = skeleton.bone_axes[joints]
    return np.swapaxes(axes, -1, -2) @ local_rotations @ axes


def local_from_bone_axes(skeleton: Skeleton, joints: NDArray, turns: Array) -> Array:
    """The inverse of :func:`turns_in_bone_axes`."""
    axes = skeleton.bone_axes[joints]
    return axes @ turns @ np.swapaxes(axes, -1, -2)


def limited_angles(skeleton: Skeleton, motion: Motion) -> Array:
    """(T, L, 3) Euler angles of the L joints of ``skeleton.is_limited``, in the triple that exceeds least."""
    limited = skeleton.is_limited
    turned = turns_in_bone_axes(skeleton, limited, motion.local_rotations[:, limited])
    return euler.angles_from_matrix(turned, skeleton.lowest_angles[limited], skeleton.highest_angles[limited])


def cone_coordinates(skeleton: Skeleton, motion: Motion) -> cone.Coordinates:
    """Swing (T, C, 2) and twist (T, C) of the C joints of ``skeleton.is_cone``."""
    cones = skeleton.is_cone
    turned = turns_in_bone_axes(skeleton, cones, motion.local_rotations[:, cones])
    return cone.coordinates_from_matrix(turned, skeleton.swing_widths[cones], skeleton.twist_ranges[cones])


def joint_translations(skeleton: Skeleton, motion: Motion) -> Array:
    """(T, J, 3) translations of all joints along their own bone's axes, the root's among them."""
    moved = motion.all_joint_translations
    moved[:, skeleton.root] = motion.root_translation
    return (np.swapaxes(skeleton.bone_axes, -1, -2) @ moved[..., None])[..., 0]


def limit_violation(skeleton: Skeleton, motion: Motion) -> float:
    """The largest angle by which any joint leaves its range in any frame, radians."""
    worst = 0.0
    limited, cones = skeleton.is_limited, skeleton.is_cone
    if limited.any():
        angles = limited_angles(skeleton, motion)
        out = euler.excess(angles, skeleton.lowest_angles[limited], skeleton.highest_angles[limited])
        worst = float(out.max())
    if cones.any():
        coordinates = cone_coordinates(skeleton, motion)
        out = cone.excess(coordinates, skeleton.swing_widths[cones], skeleton.twist_ranges[cones])
        worst = max(worst, float(out.max()))
    return worst


def translation_violation(skeleton: Skeleton, motion: Motion) -> float:
    """The largest length by which any joint leaves its place or its range, armature units."""
    moved, ranges = joint_translations(skeleton, motion), skeleton.translation_ranges
    return float(euler.excess(moved, ranges[..., 0], ranges[..., 1]).max())


def clamped(skeleton: Skeleton, joints: NDArray[np.int64], local_rotations: Array) -> Array:
    """Rotations (T, n, 3, 3) of n joints, those outside their ranges put inside: Euler angles to where the
    rotation is nearest, swings to the nearest point of their ellipse, twists to the nearer end.
    """
    limited, cones = skeleton.is_limited[joints], skeleton.is_cone[joints]
    if not (limited.any() or cones.any()):
        return local_rotations
    result = local_rotations.copy()
    if limited.any():
        some = joints[limited]
        lowest, highest = skeleton.lowest_angles[some], skeleton.highest_angles[some]
        turned = turns_in_bone_axes(skeleton, some, local_rotations[:, limited])
        angles = _nearest_angles(turned, lowest, highest)
        result[:, limited] = local_from_bone_axes(skeleton, some, euler.matrix_from_angles(angles))
    if cones.any():
        some = joints[cones]
        widths, ranges = skeleton.swing_widths[some], skeleton.twist_ranges[some]
        turned = turns_in_bone_axes(skeleton, some, local_rotations[:, cones])
        kept = cone.inside(cone.coordinates_from_matrix(turned, widths, ranges), widths, ranges)
        result[:, cones] = local_from_bone_axes(skeleton, some, cone.matrix_from_coordinates(kept))
    return result


def _nearest_angles(turned: Array, lowest: Array, highest: Array) -> Array:
    """(T, n, 3) angles in their ranges of rotations near to (T, n, 3, 3)."""
    wanted = euler.angles_from_matrix(turned, lowest, highest)
    angles = np.clip(wanted, lowest, highest)
    outside = (np.abs(angles - wanted) > ROUNDING).any(axis=-1)
    if outside.any():
        # Where two axes are far from a right angle, cutting off one angle alone leads far away.
        lowest, highest = (np.broadcast_to(ends, angles.shape)[outside] for ends in (lowest, highest))
        angles[outside] = euler.climbed(angles[outside], turned[outside], lowest, highest, SWEEPS)
    return angles


def inside_limits(skeleton: Skeleton, motion: Motion) -> Motion:
    """The motion with every joint's rotation :func:`clamped` and translations put into their ranges; joints
    that cannot translate are put in place.
    """
    local_rotations = clamped(skeleton, np.arange(skeleton.joint_count), motion.local_rotations)
    return with_translations_inside(
        skeleton, Motion(motion.root_translation, local_rotations, motion.joint_translations)
    )


def with_translations_inside(skeleton: Skeleton, motion: Motion) -> Motion:
    """The motion with its rotations as they are and its translations put into their ranges."""
    root, joint_translations = skeleton.root, motion.joint_translations
    root_translation = _nearest_place(skeleton, np.array([root]), motion.root_translation[:, None])[:, 0]
    if joint_translations is not None:
        some = skeleton.translating
        kept = np.zeros_like(joint_translations)
        kept[:, some] = _nearest_place(skeleton, some, joint_translations[:, some])
        joint_translations = kept
    return Motion(root_translation, motion.local_rotations, joint_translations)


def _nearest_place(skeleton: Skeleton, joints: NDArray[np.int64], translations: Array) -> Array:
    """Translations (T, n, 3), armature axes as the parent carries them, in their ranges."""
    bounded = skeleton.moves_in_ranges[joints]
    kept = np.where(skeleton.can_translate[joints][:, None], translations, 0.0)
    if bounded.any():
        ranges, axes = skeleton.translation_ranges[joints[bounded]], skeleton.bone_axes[joints[bounded]]
        along = (np.swapaxes(axes, -1, -2) @ kept[:, bounded, :, None])[..., 0]
        along = np.clip(along, ranges[..., 0], ranges[..., 1])
        kept[:, bounded] = (axes @ along[..., None])[..., 0]
    return kept
