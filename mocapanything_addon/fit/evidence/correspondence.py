# SPDX-License-Identifier: GPL-3.0-or-later
"""Points whose place in the image a network or a user knows: joints, or points of the surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..sampling import MeshPoints

SIGMA = 2.0
"""The fit's pixels: a point known as well as this weighs as much as one silhouette or flow sample."""
TOTAL_WEIGHT = 200.0
"""Most that all points of one frame weigh together, as flow does."""


@dataclass(frozen=True, eq=False)
class Correspondences:
    """N points in one frame."""

    frame: int
    joints: NDArray[np.intp]
    """(N,) a joint each; -1 where the point lies on the surface instead."""
    points: MeshPoints
    """(N,) on the fit's mesh (see :func:`on_mesh`); unused where ``joints`` is not -1."""
    places: NDArray[np.float64]
    """(N, 2) where it is seen, source pixels."""
    sigma: NDArray[np.float64]
    """(N,) standard deviation of the place, source pixels; infinite where nothing is known."""

    def weights(self, pixel: float) -> NDArray[np.float64]:
        """(N,) their say, in the units of the other evidence; ``pixel``: the fit's unit in source pixels."""
        finite = np.isfinite(self.places).all(1) & np.isfinite(self.sigma) & (self.sigma > 0)
        sigma = np.where(finite, np.maximum(self.sigma, 0.25 * pixel), np.inf)
        weights = np.square(SIGMA * pixel / sigma)
        return weights * min(1.0, TOTAL_WEIGHT / max(float(weights.sum()), 1e-9))


def on_mesh(
    vertices: NDArray[np.float64], faces: NDArray[np.int32], points: NDArray[np.float64]
) -> MeshPoints:
    """The surface points of a mesh (V, 3), (F, 3) nearest to points (N, 3): the nearest corner's triangle."""
    corners = vertices[faces]
    centers = corners.mean(1)
    _, candidates = cKDTree(centers).query(points, k=min(8, len(faces)))
    candidates = np.asarray(candidates).reshape(len(points), -1)
    best = np.full(len(points), np.inf)
    found_face = np.zeros(len(points), np.int32)
    found_weights = np.zeros((len(points), 3))
    for column in candidates.T:
        weights = _closest(corners[column], points)
        on = np.einsum("nk,nkd->nd", weights, corners[column])
        distance = np.linalg.norm(on - points, axis=1)
        nearer = distance < best
        best[nearer], found_face[nearer], found_weights[nearer] = (
            distance[nearer],
            column[nearer],
            weights[nearer],
        )
    return MeshPoints(found_face, found_weights)


def _closest(corners: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 3) barycentric weights of the projection onto each triangle's plane, clamped to the triangle."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    ab, ac, ap = b - a, c - a, points - a
    d00, d01, d11 = (ab * ab).sum(1), (ab * ac).sum(1), (ac * ac).sum(1)
    d20, d21 = (ap * ab).sum(1), (ap * ac).sum(1)
    area = np.maximum(d00 * d11 - d01 * d01, 1e-18)
    v, w = (d11 * d20 - d01 * d21) / area, (d00 * d21 - d01 * d20) / area
    weights = np.clip(np.stack([1.0 - v - w, v, w], -1), 0.0, None)
    return weights / np.maximum(weights.sum(1, keepdims=True), 1e-12)
