# SPDX-License-Identifier: GPL-3.0-or-later
"""Every joint is expected near a rotation."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .. import rotations
from ..kinematics import State
from ..linear.normal_equations import NormalEquations
from ..robust import Loss, Squared

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RotationPrior:
    """Cost 1/2 sum of rho(v W v) with v = log(center^T L), the rotation vector from the expected rotation.

    v is measured in the joint's own frame (armature axes at rest, turning with the joint); its derivative by
    a turn d in that frame is the inverse right Jacobian of SO(3).
    """

    centers: Array
    """(T or 1, J, 3, 3) expected local rotations."""
    precision: Array
    """(J, 3, 3) or (T or 1, J, 3, 3) W, 1 / radians^2; see :func:`~.precision.joint_precision`."""
    loss: Loss = field(default_factory=Squared)
    together: bool = False
    """rho is taken of the sum over a frame's joints, not of each: the pose as a whole is usual or not."""

    def _residuals(self, state: State) -> tuple[Array, Array, Array]:
        """(T, K, 3) v and W v of the K joints that move, and what the loss is taken of: (T, K) or (T, 1)."""
        moving = state.skeleton.moving
        turned = state.motion.local_rotations[:, moving]
        away = rotations.log(np.swapaxes(self.centers[:, moving], -1, -2) @ turned)
        precision = self.precision[..., moving, :, :]
        pull = (precision @ away[..., None])[..., 0]
        squared = (away * pull).sum(-1)
        return away, pull, squared.sum(-1, keepdims=True) if self.together else squared

    def cost(self, state: State) -> float:
        return 0.5 * float(self.loss.cost(self._residuals(state)[2]).sum())

    def linearise(self, state: State, system: NormalEquations) -> float:
        away, pull, squared = self._residuals(state)
        trust = self.loss.weight(squared)
        slopes = rotations.inverse_right_jacobian(away) @ state.body_axes
        across = np.broadcast_to(trust, away.shape[:2])[..., None, None] * np.swapaxes(slopes, -1, -2)
        precision = self.precision[..., state.skeleton.moving, :, :]
        blocks = np.zeros((state.frame_count, state.skeleton.block_count, 3, 3))
        blocks[:, state.skeleton.rotation_blocks] = across @ precision @ slopes
        system.add_joint_blocks(slice(None), 0, blocks)
        turns = state.skeleton.rotation_parameters
        system.gradient[:, turns] += (across @ pull[..., None]).reshape(state.frame_count, -1)
        return 0.5 * float(self.loss.cost(squared).sum())
