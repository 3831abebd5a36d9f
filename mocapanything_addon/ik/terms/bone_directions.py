# SPDX-License-Identifier: GPL-3.0-or-later
"""Bones seen to point somewhere."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..kinematics import State, add_turn_information
from ..linear.normal_equations import NormalEquations
from ..robust import Huber, Loss
from ..rotations import hat

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BoneDirections:
    """Cost 1/2 sum of weight rho(|D u - direction|^2 / sigma^2) with u the bone's direction at rest.

    The distance between two unit vectors at an angle a is 2 sin(a / 2), which grows all the way to the
    opposite direction. u is the skeleton's twist axis: the bone's roll is left open.
    """

    directions: Array
    """(T, J, 3) unit length, armature space; finite where the weight is not 0."""
    weights: Array
    """(T, J) confidence, 0 leaves the bone out."""
    sigma: float
    """Radians."""
    loss: Loss = field(default_factory=Huber)

    def _residuals(self, state: State) -> tuple[Array, Array]:
        turned = (state.pose.global_rotations @ state.skeleton.twist_axes[..., None])[..., 0]
        away = np.where(self.weights[..., None] > 0.0, turned - self.directions, 0.0)
        return turned, away / self.sigma

    def cost(self, state: State) -> float:
        away = self._residuals(state)[1]
        return 0.5 * float((self.weights * self.loss.cost((away**2).sum(-1))).sum())

    def linearise(self, state: State, system: NormalEquations) -> float:
        turned, away = self._residuals(state)
        squared = (away**2).sum(-1)
        # A turn by a small vector w moves the bone's direction by w x turned.
        slopes = -hat(turned) / self.sigma
        across = (self.weights * self.loss.weight(squared))[..., None, None] * np.swapaxes(slopes, -1, -2)
        gradient = (across @ away[..., None])[..., 0]
        add_turn_information(state, system, across @ slopes, gradient)
        return 0.5 * float((self.weights * self.loss.cost(squared)).sum())
