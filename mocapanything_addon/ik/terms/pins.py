# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user set by hand and the solution passes through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .. import rotations
from ..kinematics import State, add_joint_information
from ..limits.ranges import inside_limits
from ..motion import Motion
from ..normal_equations import NormalEquations
from ..skeleton import Skeleton

if TYPE_CHECKING:
    from ..target import Pin

Array = NDArray[np.float64]


class Pins:
    """Positions: cost 1/2 sum of |p - pinned|^2 / sigma^2 with a sigma that leaves no visible slip.

    Rotations and whole poses are no term: :func:`pinned_unknowns` takes them out of the system.
    """

    def __init__(self, pins: Sequence[Pin], first_frame: int, sigma: float) -> None:
        """``pins`` with a position; ``first_frame``: the frame the motion begins with; ``sigma``: armature
        units.
        """
        self.sigma = sigma
        self.frames = np.array([p.frame - first_frame for p in pins], int)
        self.joints = np.array([p.joint for p in pins], int)
        self.points = np.array([p.position for p in pins], float).reshape(-1, 3)

    def _away(self, state: State) -> Array:
        return (state.pose.positions[self.frames, self.joints] - self.points) / self.sigma

    def cost(self, state: State) -> float:
        return 0.5 * float((self._away(state) ** 2).sum())

    def linearise(self, state: State, system: NormalEquations) -> float:
        away = self._away(state)
        shape = (state.frame_count, state.skeleton.joint_count, 3)
        information, gradient = np.zeros((*shape, 3)), np.zeros(shape)
        place = (self.frames, self.joints)
        np.add.at(information, place, np.eye(3) / self.sigma**2)
        np.add.at(gradient, place, away / self.sigma)
        add_joint_information(state, system, information, gradient)
        return 0.5 * float((away**2).sum())


def pinned_unknowns(
    skeleton: Skeleton, motion: Motion, pins: Sequence[Pin]
) -> tuple[Motion, NDArray[np.bool_]]:
    """The motion with pinned rotations and poses put in, as far as the ranges allow, and what is held (T, P).

    Raises:
        ValueError: a pin lies outside the clip, names no joint of the skeleton or pins nothing.
    """
    held = np.zeros((motion.frame_count, skeleton.parameter_count), bool)
    motion = motion.copy()
    for pin in pins:
        if not 0 <= pin.frame < motion.frame_count:
            raise ValueError(
                f"a pin is at frame {pin.frame}, the clip has frames 0 to {motion.frame_count - 1}"
            )
        if pin.joint is None:
            if pin.pose is None:
                raise ValueError(f"the pin at frame {pin.frame} has neither a joint nor a pose")
            motion.local_rotations[pin.frame] = rotations.matrix_from_quaternion(pin.pose)
            held[pin.frame, 3:] = True
            if pin.root_translation is not None:
                motion.root_translation[pin.frame] = pin.root_translation
                held[pin.frame, :3] = True
            continue
        if not 0 <= pin.joint < skeleton.joint_count:
            raise ValueError(
                f"a pin names joint {pin.joint}, the skeleton has 0 to {skeleton.joint_count - 1}"
            )
        if pin.position is None and pin.rotation is None:
            raise ValueError(
                f"the pin of joint {pin.joint} at frame {pin.frame} has no position and no rotation"
            )
        if pin.rotation is not None:
            motion.local_rotations[pin.frame, pin.joint] = rotations.matrix_from_quaternion(pin.rotation)
            first = skeleton.first_parameter[pin.joint]
            if first >= 0:
                held[pin.frame, first : first + 3] = True
    return inside_limits(skeleton, motion), held
