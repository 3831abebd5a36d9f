# SPDX-License-Identifier: GPL-3.0-or-later
"""Bodies stand with the back up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..kinematics import State
from ..linear.normal_equations import NormalEquations
from ..rotations import hat

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Upright:
    """Cost 1/2 sum of |D_root up - up|^2 / sigma^2: tilting costs, turning about the vertical is free.

    The distance between the two directions is 2 sin(tilt / 2), which grows all the way to upside down.
    """

    up: Array
    """(3,) the world's up in armature space, unit length."""
    sigma: float
    """Radians."""

    def _away(self, state: State) -> Array:
        turned = state.pose.global_rotations[:, state.skeleton.root] @ self.up
        return turned - self.up

    def cost(self, state: State) -> float:
        return 0.5 * float((self._away(state) ** 2).sum()) / self.sigma**2

    def linearise(self, state: State, system: NormalEquations) -> float:
        away = self._away(state)
        slopes = -hat(away + self.up) @ state.axes[:, 1] / self.sigma
        across = np.swapaxes(slopes, -1, -2)
        system.blocks[:, 1] += across @ slopes
        system.gradient[:, 3:6] += (across @ away[..., None])[..., 0] / self.sigma
        return 0.5 * float((away**2).sum()) / self.sigma**2
