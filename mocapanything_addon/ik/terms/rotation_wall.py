# SPDX-License-Identifier: GPL-3.0-or-later
"""No joint turns farther than so much from a rotation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import rotations
from ..kinematics import State
from ..linear.normal_equations import NormalEquations
from ..motion import Motion
from .rotation_prior import RotationPrior

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RotationWall:
    """Cost 1/2 sum of (max(0, |v| - most) / sigma)^2 with v = log(center^T L), the rotation vector from the
    centre. Where a joint is beyond, it is pulled straight back; how it turns along the wall is free."""

    centers: Array
    """(T or 1, J, 3, 3) local rotations."""
    most: float
    """Radians."""
    sigma: float
    """Radians: how much the wall gives."""
    joints: NDArray[np.bool_]
    """(J,) which have one."""

    def _prior(self, state: State) -> RotationPrior:
        """The pull to the nearest places on the wall, of the joints beyond it."""
        away = rotations.log(np.swapaxes(self.centers, -1, -2) @ state.motion.local_rotations)
        angle = np.linalg.norm(away, axis=-1, keepdims=True)
        axis = away / np.maximum(angle, 1e-9)
        beyond = (angle[..., 0] > self.most) & self.joints
        precision = beyond[..., None, None] * axis[..., :, None] * axis[..., None, :] / self.sigma**2
        return RotationPrior(self.centers @ rotations.exp(self.most * axis), precision)

    def costs(self, motion: Motion) -> Array:
        """(T,) of each frame."""
        away = rotations.angle_between(self.centers[:, self.joints], motion.local_rotations[:, self.joints])
        return 0.5 * np.square(np.maximum(away - self.most, 0.0) / self.sigma).sum(axis=1)

    def cost(self, state: State) -> float:
        return float(self.costs(state.motion).sum())

    def linearise(self, state: State, system: NormalEquations) -> float:
        return self._prior(state).linearise(state, system)
