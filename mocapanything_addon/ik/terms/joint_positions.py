# SPDX-License-Identifier: GPL-3.0-or-later
"""Joints seen at places in space."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..kinematics import State, add_joint_information
from ..linear.normal_equations import NormalEquations
from ..robust import Huber, Loss

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class JointPositions:
    """Cost 1/2 sum of weight rho(|p - target|^2 / sigma^2)."""

    targets: Array
    """(T, J, 3) armature space; finite where the weight is not 0."""
    weights: Array
    """(T, J) confidence, 0 leaves the joint out."""
    sigma: float
    """Standard deviation of a coordinate, armature units."""
    loss: Loss = field(default_factory=Huber)

    def _residuals(self, state: State) -> Array:
        away = state.pose.positions - self.targets
        return np.where(self.weights[..., None] > 0.0, away, 0.0) / self.sigma

    def cost(self, state: State) -> float:
        away = self._residuals(state)
        return 0.5 * float((self.weights * self.loss.cost((away**2).sum(-1))).sum())

    def linearise(self, state: State, system: NormalEquations) -> float:
        away = self._residuals(state)
        squared = (away**2).sum(-1)
        weights = self.weights * self.loss.weight(squared)
        information = (weights / self.sigma**2)[..., None, None] * np.eye(3)
        add_joint_information(state, system, information, weights[..., None] * away / self.sigma)
        return 0.5 * float((self.weights * self.loss.cost(squared)).sum())
