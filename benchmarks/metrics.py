# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a solved motion is from the truth. Centimetres in the 1 m cube, degrees.

Rotation error is the geodesic angle between the local rotations L of answer and truth, as in the papers. A
local rotation also carries what its parent did wrong, so twist and swing are read from the global rotations
D: the error D_true^T D = swing after twist, the twist about the bone's length at rest. Joints without a
rotation of their own (tails) are left out of all angles.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik import Skeleton, rotations
from mocapanything_addon.ik.kinematics import forward
from mocapanything_addon.ik.limits.ranges import limit_violation
from mocapanything_addon.ik.motion import Motion

from .cases import Case
from .rivals import Answer

Array = NDArray[np.float64]


class BoneClass(Enum):
    """What the joints below tell about a bone."""

    BRANCH = "2+ children"
    CHAIN = "1 child"
    LEAF = "leaf"


class Errors(NamedTuple):
    """Of T frames of J joints."""

    distance: Array
    """(T, J) from the true position, cm."""
    local: Array
    """(T, J) geodesic angle of L, degrees."""
    twist: Array
    """(T, J) of D about the bone's length, degrees."""
    swing: Array
    """(T, J) of D across it, degrees."""


def bone_classes(skeleton: Skeleton) -> NDArray:
    """(J,) :class:`BoneClass` of each joint. A bone that only ends in a tail is a leaf."""
    tails = skeleton.locks.all(axis=1)
    result = np.empty(skeleton.joint_count, object)
    for joint, children in enumerate(skeleton.children):
        if len(children) == 0 or tails[children].all():
            result[joint] = BoneClass.LEAF
        else:
            result[joint] = BoneClass.BRANCH if len(children) > 1 else BoneClass.CHAIN
    return result


def answer_motion(answer: Answer) -> Motion:
    return Motion.from_quaternions(answer.root_translation, answer.local_rotations)


def errors(case: Case, answer: Answer) -> Errors:
    """Of every joint in every frame."""
    skeleton = case.skeleton
    motion = answer_motion(answer)
    found, true = forward(skeleton, motion), forward(skeleton, case.truth)
    apart = np.swapaxes(true.global_rotations, -1, -2) @ found.global_rotations
    twist, swing = twist_and_swing(apart, skeleton.twist_axes)
    return Errors(
        100.0 * np.linalg.norm(found.positions - true.positions, axis=-1),
        np.degrees(rotations.angle_between(case.truth.local_rotations, motion.local_rotations)),
        np.degrees(twist),
        np.degrees(swing),
    )


def twist_and_swing(matrices: Array, axes: Array) -> tuple[Array, Array]:
    """Angles (..., J), not negative, of rotations (..., J, 3, 3) about axes (J, 3) and across them.

    The twist is the rotation about the axis nearest to the whole (the quaternion's part along the axis); the
    swing what is left, the angle by which the axis itself turns.
    """
    quaternions = rotations.quaternion_from_matrix(matrices)
    along = np.einsum("...ji,ji->...j", quaternions[..., 1:], axes)
    twist = 2.0 * np.arctan2(np.abs(along), quaternions[..., 0])
    across = np.linalg.norm(quaternions[..., 1:] - along[..., None] * axes, axis=-1)
    swing = 2.0 * np.arctan2(across, np.hypot(along, quaternions[..., 0]))
    return twist, swing


def acceleration(positions: Array) -> float:
    """Mean length of the joints' second difference over frames, cm a frame^2."""
    if len(positions) < 3:
        return 0.0
    return 100.0 * float(np.linalg.norm(np.diff(positions, 2, axis=0), axis=-1).mean())


def jitter_ratio(case: Case, answer: Answer) -> float:
    """Acceleration of the answer against the truth's."""
    truth = acceleration(forward(case.skeleton, case.truth).positions)
    return acceleration(forward(case.skeleton, answer_motion(answer)).positions) / max(truth, 1e-9)


def violation_degrees(limited: Skeleton, answer: Answer) -> float:
    """Largest angle by which the answer leaves the ranges."""
    return float(np.degrees(limit_violation(limited, answer_motion(answer))))
