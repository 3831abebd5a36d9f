# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user set by hand and the solution passes through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .. import rotations
from ..limits.ranges import inside_limits
from ..motion import Motion
from ..skeleton import Skeleton
from .held_points import HeldPoints

if TYPE_CHECKING:
    from ..target import Pin


class Pins(HeldPoints):
    """Pinned positions, see :class:`HeldPoints`.

    Pinned rotations and whole poses are no term: :func:`pinned_unknowns` takes them out of the system.
    """

    def __init__(self, pins: Sequence[Pin], first_frame: int, sigma: float) -> None:
        """``pins``: with positions; ``first_frame``: that of the motion; ``sigma``: armature units."""
        super().__init__(
            np.array([p.frame - first_frame for p in pins], np.int64),
            np.array([p.joint for p in pins], np.int64),
            np.array([p.position for p in pins], float).reshape(-1, 3),
            sigma,
        )


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
            held[pin.frame, skeleton.rotation_parameters] = True
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
