# SPDX-License-Identifier: GPL-3.0-or-later
"""Points of the surface seen at pixels of the image."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..camera import Camera
from ..kinematics import State
from ..linear.normal_equations import NormalEquations
from ..robust import GemanMcClure, Loss
from ..skinning import Skin
from .surface_samples import SurfaceSamples

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SurfaceProjections:
    """Cost 1/2 sum of weight rho(|R (project(x) - observed)|^2 / sigma^2); R is the identity, or says how
    much better a point is known one way than the other.

    With ``normals`` only the distance along a direction in the image counts: a point of an outline is known
    across the outline, not along it.
    """

    skin: Skin
    camera: Camera
    samples: SurfaceSamples
    observed: NDArray
    """(N, 2) pixels."""
    weights: NDArray
    """(N,)."""
    sigma: NDArray | float
    """(N,) or one for all, pixels."""
    normals: NDArray | None = None
    """(N, 2) unit directions in the image; None: both coordinates count."""
    loss: Loss = field(default_factory=GemanMcClure)
    roots: NDArray | None = None
    """(N, 2, 2) R of every point, a root of its precision relative to 1 / sigma^2; not with ``normals``."""

    def cost(self, state: State) -> float:
        total = 0.0
        for frame, some in self.samples.by_frame():
            surface = self.skin.at(state, frame)
            points = surface.points(self.samples.triangles[some], self.samples.barycentric[some])
            away = (self.camera.project(points) - self.observed[some]) / self._sigma(some)[:, None]
            total += float(self._costs(self._across(away, some), self._weights(points, state, some)).sum())
        return 0.5 * total

    def linearise(self, state: State, system: NormalEquations) -> float:
        total = 0.0
        for frame, some in self.samples.by_frame():
            surface = self.skin.at(state, frame)
            triangles, barycentric = self.samples.triangles[some], self.samples.barycentric[some]
            points = surface.points(triangles, barycentric)
            weights = self._weights(points, state, some)
            pixels, slopes = self.camera.project_with_jacobian(points)
            sigma = self._sigma(some)[:, None]
            away = self._across((pixels - self.observed[some]) / sigma, some)
            slopes = self._across(slopes / sigma[..., None], some)
            trust = np.sqrt(weights * self.loss.weight((away**2).sum(-1)))[:, None]
            rows = surface.geometric_rows(triangles, barycentric, slopes * trust[..., None])
            system.add_geometric(frame, rows, (trust * away).reshape(-1))
            total += float(self._costs(away, weights).sum())
        return 0.5 * total

    def _sigma(self, some: slice) -> NDArray:
        return np.broadcast_to(self.sigma, (len(self.samples),))[some]

    def _weights(self, points: NDArray, state: State, some: slice) -> NDArray:
        return self.weights[some] * self.camera.is_before(points, state.skeleton.size)

    def _across(self, values: NDArray, some: slice) -> NDArray:
        """(S, 2, ...) along the normals (S, 1, ...), by the roots, or as they are."""
        if self.roots is not None:
            return np.einsum("src,sc...->sr...", self.roots[some], values)
        if self.normals is None:
            return values
        return np.einsum("sr,sr...->s...", self.normals[some], values)[:, None]

    def _costs(self, away: NDArray, weights: NDArray) -> NDArray:
        return weights * self.loss.cost((away**2).sum(-1))
