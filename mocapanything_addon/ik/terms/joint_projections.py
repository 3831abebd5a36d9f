# SPDX-License-Identifier: GPL-3.0-or-later
"""Joints seen at pixels of the image."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..camera import Camera
from ..kinematics import State, add_joint_information
from ..linear.normal_equations import NormalEquations
from ..robust import Huber, Loss

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class JointProjections:
    """Cost 1/2 sum of weight rho(|project(p) - observed|^2 / sigma^2); joints behind the camera are left
    out.
    """

    camera: Camera
    observed: Array
    """(T, J, 2) pixels; finite where the weight is not 0."""
    weights: Array
    """(T, J) confidence, 0 leaves the joint out."""
    sigma: float
    """Pixels."""
    loss: Loss = field(default_factory=Huber)

    def _weights(self, state: State) -> Array:
        return self.weights * self.camera.is_before(state.pose.positions, state.skeleton.size)

    def _residuals(self, pixels: Array, weights: Array) -> Array:
        return np.where(weights[..., None] > 0.0, pixels - self.observed, 0.0) / self.sigma

    def cost(self, state: State) -> float:
        weights = self._weights(state)
        away = self._residuals(self.camera.project(state.pose.positions), weights)
        return 0.5 * float((weights * self.loss.cost((away**2).sum(-1))).sum())

    def linearise(self, state: State, system: NormalEquations) -> float:
        weights = self._weights(state)
        pixels, slopes = self.camera.project_with_jacobian(state.pose.positions)
        away = self._residuals(pixels, weights)
        squared = (away**2).sum(-1)
        slopes = np.where(weights[..., None, None] > 0.0, slopes, 0.0) / self.sigma
        trust = weights * self.loss.weight(squared)
        across = np.swapaxes(slopes, -1, -2)
        information = trust[..., None, None] * (across @ slopes)
        gradient = trust[..., None] * (across @ away[..., None])[..., 0]
        add_joint_information(state, system, information, gradient)
        return 0.5 * float((weights * self.loss.cost(squared)).sum())
