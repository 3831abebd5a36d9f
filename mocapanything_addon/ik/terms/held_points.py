# SPDX-License-Identifier: GPL-3.0-or-later
"""Joints at given places in some frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..kinematics import State, add_joint_information
from ..linear.normal_equations import NormalEquations

Array = NDArray[np.float64]


class HeldPoints:
    """Cost 1/2 sum of |p - point|^2 / sigma^2, without a robust loss: these places are meant."""

    def __init__(
        self, frames: NDArray[np.int64], joints: NDArray[np.int64], points: Array, sigma: float
    ) -> None:
        """``frames`` and ``joints``: (n,); ``points``: (n, 3) armature space; ``sigma``: armature units."""
        self.frames = frames
        self.joints = joints
        self.points = points
        self.sigma = sigma

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
