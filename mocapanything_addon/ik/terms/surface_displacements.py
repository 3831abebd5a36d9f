# SPDX-License-Identifier: GPL-3.0-or-later
"""How far points of the surface move in the image from one frame to another (optical flow)."""

from __future__ import annotations

from collections.abc import Iterator
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
class SurfaceDisplacements:
    """Cost 1/2 sum of weight rho(|R (project(x_other) - project(x) - observed)|^2 / sigma^2), coupling both
    frames. R is the identity, or says how much better a displacement is known one way than the other.
    """

    skin: Skin
    camera: Camera
    samples: SurfaceSamples
    """Points in the frames the motion starts from."""
    others: NDArray[np.integer]
    """(N,) the frame each point is followed to, at most two away. Points of one pair of frames stand
    together.
    """
    observed: NDArray
    """(N, 2) displacement, pixels."""
    weights: NDArray
    """(N,)."""
    sigma: NDArray | float
    """(N,) or one for all, pixels."""
    loss: Loss = field(default_factory=GemanMcClure)
    roots: NDArray | None = None
    """(N, 2, 2) R of every point, a root of its precision relative to 1 / sigma^2; None: the identity."""

    def cost(self, state: State) -> float:
        total = 0.0
        for frame, other, some in self._by_pair():
            here, there = (self._points(state, f, some) for f in (frame, other))
            moved = self.camera.project(there) - self.camera.project(here)
            away = self._rooted((moved - self.observed[some]) / self._sigma(some)[:, None], some)
            weights = self._weights((here, there), state, some)
            total += float((weights * self.loss.cost((away**2).sum(-1))).sum())
        return 0.5 * total

    def linearise(self, state: State, system: NormalEquations) -> float:
        total = 0.0
        for frame, other, some in self._by_pair():
            here, there = (self._points(state, f, some) for f in (frame, other))
            weights = self._weights((here, there), state, some)
            sigma = self._sigma(some)[:, None]
            (pixels, slopes), (other_pixels, other_slopes) = (
                self.camera.project_with_jacobian(points) for points in (here, there)
            )
            away = self._rooted((other_pixels - pixels - self.observed[some]) / sigma, some)
            slopes, other_slopes = (self._rooted(s, some) for s in (slopes, other_slopes))
            squared = (away**2).sum(-1)
            trust = np.sqrt(weights * self.loss.weight(squared))[:, None]
            scale = (trust / sigma)[..., None]
            rows = self._rows(state, frame, some, -slopes * scale)
            other_rows = self._rows(state, other, some, other_slopes * scale)
            system.add_geometric_pair(frame, other, rows, other_rows, (trust * away).reshape(-1))
            total += float((weights * self.loss.cost(squared)).sum())
        return 0.5 * total

    def _by_pair(self) -> Iterator[tuple[int, int, slice]]:
        """Every pair of frames and where its samples are."""
        pairs = np.stack([self.samples.frames, self.others])
        starts = np.append(0, 1 + np.nonzero((np.diff(pairs, axis=1) != 0).any(axis=0))[0])
        ends = np.append(starts[1:], len(self.others))
        for start, end in zip(starts, ends, strict=True):
            if end > start:
                yield int(pairs[0, start]), int(pairs[1, start]), slice(int(start), int(end))

    def _points(self, state: State, frame: int, some: slice) -> NDArray:
        surface = self.skin.at(state, frame)
        return surface.points(self.samples.triangles[some], self.samples.barycentric[some])

    def _rows(self, state: State, frame: int, some: slice, directions: NDArray) -> NDArray:
        surface = self.skin.at(state, frame)
        return surface.geometric_rows(
            self.samples.triangles[some], self.samples.barycentric[some], directions
        )

    def _rooted(self, values: NDArray, some: slice) -> NDArray:
        """R times residuals (N, 2) or their derivatives (N, 2, 3)."""
        if self.roots is None:
            return values
        if values.ndim == 2:
            return (self.roots[some] @ values[..., None])[..., 0]
        return self.roots[some] @ values

    def _sigma(self, some: slice) -> NDArray:
        return np.broadcast_to(self.sigma, (len(self.samples),))[some]

    def _weights(self, points: tuple[NDArray, NDArray], state: State, some: slice) -> NDArray:
        size = state.skeleton.size
        return (
            self.weights[some]
            * self.camera.is_before(points[0], size)
            * self.camera.is_before(points[1], size)
        )
