# SPDX-License-Identifier: GPL-3.0-or-later
"""The unknowns of a frame, in blocks of three: the root's translation, the rotation of every moving joint,
the translation of every other joint that may leave its place.

P = 3 B with B = 1 + M + N blocks, see ``Skeleton.block_joints``; the root is the first moving joint, so
parameters 3 to 5 are the root's orientation. A *step* (T, P) changes a motion:

- the root's translation: added, armature space.
- another joint's translation, or a root's that has ranges: added along the bone's own axes, as its parent
  carries them.
- a free joint: L <- L R exp(d) R^T with R the bone's rest axes, to first order. The step d is a rotation
  vector in the bone's own, posed axes (a right increment).
- a joint with ranges or locks: the step is added to its Euler angles (limits/euler.py), so a range is an
  interval of one unknown, and a lock is an unknown that is left out.
- a ball joint with a cone: the step is added to its swing, outwards and along the cone's edge, and to its
  twist (limits/cone.py).

For derivatives, all kinds of rotation are described by the same 3 x 3 matrix: A = ``local_axes``, whose
columns are the axes that the three unknowns turn about, so that to first order L <- exp(A d) L.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from . import rotations
from .limits import cone, euler
from .limits.ranges import (
    clamped,
    cone_coordinates,
    joint_translations,
    limited_angles,
    with_translations_inside,
)
from .motion import Motion
from .skeleton import Skeleton

if TYPE_CHECKING:
    from .kinematics import State

Array = NDArray[np.float64]


def local_axes(skeleton: Skeleton, motion: Motion) -> Array:
    """(T, M, 3, 3) A: axes of the moving joints' unknowns in armature axes carried by the parent."""
    moving = skeleton.moving
    axes = motion.local_rotations[:, moving] @ skeleton.bone_axes[moving]
    place = (skeleton.first_parameter - 3) // 3
    limited, turning = _bounded(skeleton, skeleton.is_limited)
    if len(limited):
        angles = limited_angles(skeleton, motion)[:, turning]
        axes[:, place[limited]] = skeleton.bone_axes[limited] @ euler.axes(angles)
    cones, turning = _bounded(skeleton, skeleton.is_cone)
    if len(cones):
        swing, twist = cone_coordinates(skeleton, motion)
        turns = cone.axes(
            cone.Coordinates(swing[:, turning], twist[:, turning]), skeleton.swing_widths[cones]
        )
        axes[:, place[cones]] = skeleton.bone_axes[cones] @ turns
    return axes


def translation_axes(skeleton: Skeleton) -> Array:
    """(1 + N, 3, 3) columns: directions of the unknowns of the translation blocks, as the parent carries
    them.
    """
    axes = skeleton.bone_axes[skeleton.block_joints[skeleton.block_translates]]
    if not skeleton.moves_in_ranges[skeleton.root]:
        axes[0] = np.eye(3)
    return axes


def step_bounds(skeleton: Skeleton, motion: Motion) -> tuple[Array, Array] | None:
    """Lowest and highest step (T, P) that stays in the ranges; None where no joint that moves has any.

    The motion must be inside its limits (limits/ranges.py). Bounds of swings are those of the first order.
    """
    limited, turning = _bounded(skeleton, skeleton.is_limited)
    cones, coning = _bounded(skeleton, skeleton.is_cone)
    moving_in_ranges = np.nonzero(skeleton.moves_in_ranges)[0]
    if not (len(limited) or len(cones) or len(moving_in_ranges)):
        return None
    lower = np.full((motion.frame_count, skeleton.parameter_count), -np.inf)
    upper = np.full_like(lower, np.inf)
    if len(limited):
        angles = limited_angles(skeleton, motion)[:, turning]
        columns = _columns(skeleton.first_parameter[limited])
        lower[:, columns] = np.minimum(skeleton.lowest_angles[limited] - angles, 0.0)
        upper[:, columns] = np.maximum(skeleton.highest_angles[limited] - angles, 0.0)
    if len(cones):
        swing, twist = cone_coordinates(skeleton, motion)
        columns = _columns(skeleton.first_parameter[cones])
        lower[:, columns], upper[:, columns] = cone.bounds(
            cone.Coordinates(swing[:, coning], twist[:, coning]),
            skeleton.swing_widths[cones],
            skeleton.twist_ranges[cones],
        )
    if len(moving_in_ranges):
        along = joint_translations(skeleton, motion)[:, moving_in_ranges]
        ranges = skeleton.translation_ranges[moving_in_ranges]
        columns = _columns(skeleton.first_translation_parameter[moving_in_ranges])
        lower[:, columns] = np.minimum(ranges[..., 0] - along, 0.0)
        upper[:, columns] = np.maximum(ranges[..., 1] - along, 0.0)
    return lower, upper


def _bounded(skeleton: Skeleton, kind: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Joints of a kind that have unknowns, and which of all the joints of that kind they are."""
    joints = np.nonzero(kind)[0]
    turning = skeleton.first_parameter[joints] >= 0
    return joints[turning], turning


def _columns(first: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) -> (n, 3)."""
    return first[:, None] + np.arange(3)


def apply_step(state: State, step: Array) -> Motion:
    """The motion after a step (T, P). Joints with ranges end inside them, whatever the step.

    To first order L <- exp(A d) L. Beyond that, every joint is turned in armature space by the sum of the
    turns above it, D <- exp(w) D, and not carried along by the joints above, as far as its range allows:
    where a bone points and how it rolls then do not disturb each other, and long steps stay good. Joints
    whose step is zero keep their L.
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
    turned = np.empty_like(aimed)
    roots = skeleton.roots
    wanted = clamped(skeleton, roots, aimed[:, roots])
    chosen = np.where(kept[:, roots, None, None], local_rotations[:, roots], wanted)
    turned[:, roots] = local_rotations[:, roots] = chosen
    for joints in skeleton.generations:
        carried = turned[:, skeleton.parents[joints]]
        keep = kept[:, joints, None, None]
        wanted = rotations.without_drift(np.swapaxes(carried, -1, -2) @ aimed[:, joints])
        wanted = clamped(skeleton, joints, wanted)
        local_rotations[:, joints] = np.where(keep, local_rotations[:, joints], wanted)
        turned[:, joints] = carried @ local_rotations[:, joints]
    moves = step.reshape(frames, -1, 3, 1)[:, skeleton.block_translates]
    moves = (translation_axes(skeleton) @ moves)[..., 0]
    moved = motion.joint_translations
    if len(skeleton.translating):
        moved = motion.all_joint_translations
        moved[:, skeleton.translating] += moves[:, 1:]
    return with_translations_inside(
        skeleton, Motion(motion.root_translation + moves[:, 0], local_rotations, moved)
    )
