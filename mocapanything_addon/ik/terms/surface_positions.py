# SPDX-License-Identifier: GPL-3.0-or-later
"""Points of the surface seen at places in space."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..kinematics import State
from ..normal_equations import NormalEquations
from ..robust import GemanMcClure, Loss
from ..skinning import Skin
from .surface_samples import SurfaceSamples

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SurfacePositions:
    """Cost 1/2 sum of weight rho(|x - target|^2 / sigma^2)."""

    skin: Skin
    samples: SurfaceSamples
    targets: NDArray
    """(N, 3) armature space."""
    weights: NDArray
    """(N,)."""
    sigma: NDArray | float
    """(N,) or one for all, armature units."""
    loss: Loss = field(default_factory=GemanMcClure)

    def cost(self, state: State) -> float:
        total = 0.0
        for frame, some in self.samples.by_frame():
            surface = self.skin.at(state, frame)
            away = (
                surface.points(self.samples.triangles[some], self.samples.barycentric[some])
                - self.targets[some]
            )
            squared = (away**2).sum(-1) / self._sigma(some) ** 2
            total += float((self.weights[some] * self.loss.cost(squared)).sum())
        return 0.5 * total

    def _sigma(self, some: slice) -> NDArray:
        return np.broadcast_to(self.sigma, (len(self.samples),))[some]

    def linearise(self, state: State, system: NormalEquations) -> float:
        total = 0.0
        for frame, some in self.samples.by_frame():
            surface = self.skin.at(state, frame)
            triangles, barycentric = self.samples.triangles[some], self.samples.barycentric[some]
            sigma = self._sigma(some)
            away = (surface.points(triangles, barycentric) - self.targets[some]) / sigma[:, None]
            squared = (away**2).sum(-1)
            trust = np.sqrt(self.weights[some] * self.loss.weight(squared))
            directions = (trust / sigma)[:, None, None] * np.eye(3)
            rows = surface.geometric_rows(triangles, barycentric, directions)
            system.add_geometric(state, frame, rows, (trust[:, None] * away).reshape(-1))
            total += float((self.weights[some] * self.loss.cost(squared)).sum())
        return 0.5 * total
