# SPDX-License-Identifier: GPL-3.0-or-later
"""The same points of the surface, seen in every frame or in many: in space, in the image, by their depth.

A weight of 0 leaves a point out of a frame; what was seen there
must still be finite.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..camera import Camera
from ..carried_points import CarriedPoints
from ..kinematics import State
from ..linear.normal_equations import NormalEquations
from ..robust import Huber, Loss

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TrackedPositions:
    """Cost 1/2 sum of weight rho(|x - target|^2 / sigma^2)."""

    points: CarriedPoints
    targets: Array
    """(T, V, 3) armature space."""
    weights: Array
    """(T, V)."""
    sigma: float
    """Standard deviation of a coordinate, armature units."""
    loss: Loss = field(default_factory=Huber)

    def cost(self, state: State) -> float:
        away = (self.points.positions(state) - self.targets) / self.sigma
        return 0.5 * float((self.weights * self.loss.cost((away**2).sum(-1))).sum())

    def linearise(self, state: State, system: NormalEquations) -> float:
        away = (self.points.positions(state) - self.targets) / self.sigma
        squared = (away**2).sum(-1)
        trust = self.weights * self.loss.weight(squared)
        information = (trust / self.sigma**2)[..., None, None] * np.eye(3)
        self.points.add_information(state, system, information, trust[..., None] * away / self.sigma)
        return 0.5 * float((self.weights * self.loss.cost(squared)).sum())


@dataclass(frozen=True, eq=False)
class TrackedProjections:
    """Cost 1/2 sum of weight rho(|project(x) - observed|^2 / sigma^2); points behind the camera are left
    out.
    """

    points: CarriedPoints
    camera: Camera
    observed: Array
    """(T, V, 2) pixels."""
    weights: Array
    """(T, V)."""
    sigma: float
    """Pixels."""
    loss: Loss = field(default_factory=Huber)

    def _weights(self, points: Array, state: State) -> Array:
        return self.weights * self.camera.is_before(points, state.skeleton.size)

    def _away(self, pixels: Array, weights: Array) -> Array:
        return np.where(weights[..., None] > 0.0, pixels - self.observed, 0.0) / self.sigma

    def cost(self, state: State) -> float:
        points = self.points.positions(state)
        weights = self._weights(points, state)
        away = self._away(self.camera.project(points), weights)
        return 0.5 * float((weights * self.loss.cost((away**2).sum(-1))).sum())

    def linearise(self, state: State, system: NormalEquations) -> float:
        points = self.points.positions(state)
        weights = self._weights(points, state)
        pixels, slopes = self.camera.project_with_jacobian(points)
        away = self._away(pixels, weights)
        squared = (away**2).sum(-1)
        slopes = np.where(weights[..., None, None] > 0.0, slopes, 0.0) / self.sigma
        across = (weights * self.loss.weight(squared))[..., None, None] * np.swapaxes(slopes, -1, -2)
        gradient = (across @ away[..., None])[..., 0]
        self.points.add_information(state, system, across @ slopes, gradient)
        return 0.5 * float((weights * self.loss.cost(squared)).sum())


@dataclass(frozen=True, eq=False)
class TrackedDepths:
    """Cost 1/2 sum of weight rho((z - depth)^2 / sigma^2) with z the distance along the camera's axis."""

    points: CarriedPoints
    camera: Camera
    depths: Array
    """(T, V) armature units."""
    weights: Array
    """(T, V)."""
    sigma: float
    """Armature units."""
    loss: Loss = field(default_factory=Huber)

    def _away(self, state: State) -> Array:
        return (self.camera.to_camera(self.points.positions(state))[..., 2] - self.depths) / self.sigma

    def cost(self, state: State) -> float:
        return 0.5 * float((self.weights * self.loss.cost(self._away(state) ** 2)).sum())

    def linearise(self, state: State, system: NormalEquations) -> float:
        away = self._away(state)
        trust = self.weights * self.loss.weight(away**2)
        axis = np.asarray(self.camera.rotation)[2]
        information = (trust / self.sigma**2)[..., None, None] * np.outer(axis, axis)
        gradient = (trust * away / self.sigma)[..., None] * axis
        self.points.add_information(state, system, information, gradient)
        return 0.5 * float((self.weights * self.loss.cost(away**2)).sum())
