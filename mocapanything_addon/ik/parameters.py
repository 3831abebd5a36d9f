# SPDX-License-Identifier: GPL-3.0-or-later
"""The unknowns of a frame, in blocks of three: the root's translation, the rotation of every moving joint,
the translation of every other joint that may leave its place.

P = 3 B with B = 1 + M + N blocks, see ``Skeleton.block_joints``; the root is the first moving joint, so
parameters 3 to 5 are the root's orientation. A *step* (T, P) changes a motion:

- the root's translation: added, armature space.
- another joint's translation: added along the bone's own axes, as its parent carries them.
- a free joint: L <- L R exp(d) R^T with R the bone's rest axes, to first order. The step d is a rotation
  vector in the bone's own, posed axes (a right increment).
- a joint with ranges or locks: the step is added to its Euler angles (limits/euler.py), so a range is an
  interval of one unknown, and a lock is an unknown that is left out.

For derivatives, both kinds are described by the same 3 x 3 matrix: A = ``local_axes``, whose columns are the
axes that the three unknowns turn about, so that to first order L <- exp(A d) L.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from . import rotations
from .limits import euler
from .limits.ranges import limited_angles, set_limited_angles
from .motion import Motion
from .skeleton import Skeleton

if TYPE_CHECKING:
    from .kinematics import State

Array = NDArray[np.float64]


def local_axes(skeleton: Skeleton, motion: Motion) -> Array:
    """(T, M, 3, 3) A: axes of the moving joints' unknowns in armature axes carried by the parent."""
    moving = skeleton.moving
    axes = motion.local_rotations[:, moving] @ skeleton.bone_axes[moving]
    limited = skeleton.is_limited
    if limited[moving].any():
        turning = np.isin(np.nonzero(limited)[0], moving)
        angles = limited_angles(skeleton, motion)[:, turning]
        order = np.argsort(moving[limited[moving]])
        columns = np.nonzero(limited[moving])[0][order]
        axes[:, columns] = skeleton.bone_axes[moving[columns]] @ euler.axes(angles)
    return axes


def translation_axes(skeleton: Skeleton) -> Array:
    """(1 + N, 3, 3) columns: directions of the unknowns of the translation blocks, as the parent carries
    them.
    """
    axes = skeleton.bone_axes[skeleton.block_joints[skeleton.block_translates]]
    axes[0] = np.eye(3)
    return axes


def step_bounds(skeleton: Skeleton, motion: Motion) -> tuple[Array, Array] | None:
    """Lowest and highest step (T, P) that stays in the ranges; None where no joint that moves has any.

    The motion must be inside its limits (limits/ranges.py).
    """
    limited = np.nonzero(skeleton.is_limited)[0]
    limited_moving = skeleton.first_parameter[limited] >= 0
    limited = limited[limited_moving]
    if len(limited) == 0:
        return None
    lower = np.full((motion.frame_count, skeleton.parameter_count), -np.inf)
    upper = np.full_like(lower, np.inf)
    angles = limited_angles(skeleton, motion)[:, limited_moving]
    columns = skeleton.first_parameter[limited][:, None] + np.arange(3)
    lower[:, columns] = np.minimum(skeleton.lowest_angles[limited] - angles, 0.0)
    upper[:, columns] = np.maximum(skeleton.highest_angles[limited] - angles, 0.0)
    return lower, upper


def apply_step(state: State, step: Array) -> Motion:
    """The motion after a step (T, P). Joints with ranges end inside them, whatever the step.

    To first order L <- exp(A d) L. Beyond that, every free joint is turned in armature space by the sum of
    the turns above it, D <- exp(w) D, and not carried along by the joints above: where a bone points and how
    it rolls then do not disturb each other, and long steps stay good. Joints whose step is zero keep their L.
    """
    skeleton, motion = state.skeleton, state.motion
    moving, frames = skeleton.moving, motion.frame_count
    turns = step[:, skeleton.rotation_parameters].reshape(frames, len(moving), 3)
    about = (state.axes[:, skeleton.rotation_blocks] @ turns[..., None])[..., 0]
    total = skeleton.is_ancestor[moving].T @ about
    aimed = rotations.without_drift(rotations.exp(total) @ state.pose.global_rotations)
    local_rotations = motion.local_rotations.copy()
    kept = np.ones((frames, skeleton.joint_count), bool)
    kept[:, moving] = (turns == 0.0).all(axis=-1)
    kept[:, skeleton.is_limited] = True
    limited = np.nonzero(skeleton.is_limited)[0]
    if len(limited):
        first = skeleton.first_parameter[limited]
        change = np.where((first >= 0)[:, None], step[:, first[:, None] + np.arange(3)], 0.0)
        angles = limited_angles(skeleton, motion) + change
        angles = np.clip(angles, skeleton.lowest_angles[limited], skeleton.highest_angles[limited])
        set_limited_angles(skeleton, local_rotations, angles)
    turned = np.empty_like(aimed)
    root = skeleton.root
    chosen = np.where(kept[:, root, None, None], local_rotations[:, root], aimed[:, root])
    turned[:, root] = local_rotations[:, root] = chosen
    for joints in skeleton.generations:
        carried = turned[:, skeleton.parents[joints]]
        keep = kept[:, joints, None, None]
        wanted = rotations.without_drift(np.swapaxes(carried, -1, -2) @ aimed[:, joints])
        local_rotations[:, joints] = np.where(keep, local_rotations[:, joints], wanted)
        turned[:, joints] = np.where(keep, carried @ local_rotations[:, joints], aimed[:, joints])
    translation = motion.root_translation
    if skeleton.can_translate[root]:
        translation = translation + step[:, :3]
    joint_translations = motion.joint_translations
    if len(skeleton.translating):
        joint_translations = motion.all_joint_translations
        moves = step[:, 3 * (1 + len(moving)) :].reshape(frames, -1, 3, 1)
        joint_translations[:, skeleton.translating] += (translation_axes(skeleton)[1:] @ moves)[..., 0]
    return Motion(translation, local_rotations, joint_translations)
