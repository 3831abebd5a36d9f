# SPDX-License-Identifier: GPL-3.0-or-later
"""Points of the posed surface that the camera sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .crop import Crop
from .renderer import Rendering


@dataclass(frozen=True, eq=False)
class MeshPoints:
    """S points that stick to the mesh: a triangle and the weights of its corners."""

    faces: NDArray[np.int32]
    """(S,) triangle indices."""
    barycentric: NDArray[np.float64]
    """(S, 3) non-negative, each row sums to 1."""

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, index: NDArray[np.bool_] | NDArray[np.intp] | slice) -> MeshPoints:
        return MeshPoints(self.faces[index], self.barycentric[index])

    def on(self, vertices: NDArray[np.float64], triangles: NDArray[np.int32]) -> NDArray[np.float64]:
        """(S, 3) the points on a mesh of the given vertices (V, 3) and triangles (F, 3)."""
        corners = vertices[triangles[self.faces]]
        return np.einsum("sk,skd->sd", self.barycentric, corners)


def points_at(rendering: Rendering, pixels: NDArray[np.intp]) -> tuple[MeshPoints, NDArray[np.bool_]]:
    """The surface under pixels (N, 2) as x, y. Returns the points and which pixels (N,) had any."""
    faces = rendering.triangles[pixels[:, 1], pixels[:, 0]]
    hit = faces >= 0
    weights = np.clip(rendering.weights_at(pixels[hit, 1], pixels[hit, 0]), 0.0, 1.0)
    weights /= np.maximum(weights.sum(1, keepdims=True), 1e-9)
    return MeshPoints(faces[hit], weights), hit


def draw_visible(
    rendering: Rendering,
    face_joints: NDArray[np.int32],
    count: int,
    rng: np.random.Generator,
) -> tuple[MeshPoints, NDArray[np.intp]]:
    """Draw visible surface points so that thin limbs count: probability 1 / sqrt(pixels of their joint).

    Args:
        rendering: Where the surface is seen.
        face_joints: (F,) the joint that each triangle moves with.
        count: How many points at most.
        rng: Source of chance.

    Returns:
        The points, and the pixels (S, 2) as x, y where they were drawn.
    """
    rows, columns = np.nonzero(rendering.mask)
    if not len(rows):
        return MeshPoints(np.zeros(0, np.int32), np.zeros((0, 3))), np.zeros((0, 2), np.intp)
    joints = face_joints[rendering.triangles[rows, columns]]
    pixels = np.bincount(joints)
    if len(rows) > count:
        # Weighted draw without replacement: the smallest exponential waiting times (Efraimidis, Spirakis
        # 2006).
        waiting = rng.exponential(size=len(rows)) * np.sqrt(pixels[joints])
        chosen = np.sort(np.argpartition(waiting, count)[:count])
        rows, columns = rows[chosen], columns[chosen]
    at = np.stack([columns, rows], axis=-1)
    points, _ = points_at(rendering, at)
    return points, at


def to_source(pixels: NDArray[np.intp], crop: Crop) -> NDArray[np.float64]:
    """(N, 2) window pixels -> source pixels."""
    return crop.to_image(pixels.astype(np.float64))
