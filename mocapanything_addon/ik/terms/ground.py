# SPDX-License-Identifier: GPL-3.0-or-later
"""A floor that nothing sinks into."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..kinematics import State, add_joint_information
from ..linear.normal_equations import NormalEquations

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ground:
    """A plane; what lies on the side its normal points to is above it."""

    point: ArrayLike
    """(3,) any point of it, armature space."""
    normal: ArrayLike
    """(3,) its up, of any length."""

    def __post_init__(self) -> None:
        length = np.linalg.norm(np.asarray(self.normal, float))
        if not (0.0 < length < np.inf and np.isfinite(np.asarray(self.point, float)).all()):
            raise ValueError(f"a ground needs a point and a normal, found {self.point!r} and {self.normal!r}")

    def heights(self, points: NDArray) -> Array:
        """(..., 3) -> (...,) distance above the plane, negative below it."""
        heights: Array = (points - np.asarray(self.point, float)) @ self.unit_normal
        return heights

    @property
    def unit_normal(self) -> Array:
        """(3,)."""
        normal = np.asarray(self.normal, float)
        unit: Array = normal / np.linalg.norm(normal)
        return unit


@dataclass(frozen=True, eq=False)
class AboveGround:
    """Cost 1/2 sum of h^2 / sigma^2 over joints a height h below the ground; joints above it cost nothing."""

    ground: Ground
    sigma: float
    """Armature units."""

    def _depths(self, state: State) -> Array:
        return np.minimum(self.ground.heights(state.pose.positions), 0.0) / self.sigma

    def cost(self, state: State) -> float:
        return 0.5 * float((self._depths(state) ** 2).sum())

    def linearise(self, state: State, system: NormalEquations) -> float:
        depths = self._depths(state)
        normal = self.ground.unit_normal / self.sigma
        information = np.where((depths < 0.0)[..., None, None], np.outer(normal, normal), 0.0)
        add_joint_information(state, system, information, depths[..., None] * normal)
        return 0.5 * float((depths**2).sum())
