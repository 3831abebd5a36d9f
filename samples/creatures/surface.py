# SPDX-License-Identifier: GPL-3.0-or-later
"""The skin: a closed mesh of the flesh, by naive surface nets, drawn onto the exact surface.

Surface nets (Gibson 1998) put one vertex into every grid cell that the surface crosses and one quad around
every grid edge that it crosses: closed, evenly sized faces, which marching cubes does not give.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .flesh import Cone

Array = NDArray[np.float64]
FAR = 1e3


def smooth_minimum(a: NDArray, b: NDArray, width: float) -> NDArray:
    """Minimum that is rounded where a and b differ by less than ``width``."""
    blend = np.maximum(width - np.abs(a - b), 0.0) / width
    return np.minimum(a, b) - blend * blend * (width / 4.0)


class Body:
    """The smooth union of limbs.

    Args:
        cones: All flesh.
        blends: Fillet size of every limb where it meets the rest of the body.
    """

    def __init__(self, cones: Sequence[Cone], blends: Sequence[float]) -> None:
        self.cones = list(cones)
        self.blends = list(blends)

    def thickened(self, least: float) -> Body:
        """A body that a grid of about that spacing can hold."""
        return Body([cone.thickened(least) for cone in self.cones], self.blends)

    def distance(self, points: Array) -> Array:
        """(N, 3) -> (N,) about the distance to the surface, negative inside; left and right alike."""
        points = np.abs(points) * [1.0, 0.0, 0.0] + points * [0.0, 1.0, 1.0]
        total = np.full(len(points), FAR)
        for limb, blend in enumerate(self.blends):
            own = np.full(len(points), FAR)
            for cone in self.cones:
                if cone.limb != limb:
                    continue
                low, high = cone.bounds(2.0 * blend)
                near = ((points > low) & (points < high)).all(axis=1)
                if near.any():
                    own[near] = smooth_minimum(own[near], cone.distance(points[near]), _inner_blend(cone))
            total = smooth_minimum(total, own, blend)
        return total

    def grid(self, spacing: float) -> tuple[NDArray[np.float32], Array]:
        """Distances at the nodes of a grid, mirrored about x = 0, and the place of node (0, 0, 0)."""
        bounds = np.array([cone.bounds(2.5 * spacing) for cone in self.cones])
        low, high = bounds[:, 0].min(axis=0), bounds[:, 1].max(axis=0)
        columns = int(np.ceil(max(-low[0], high[0]) / spacing)) + 1
        counts = np.ceil((high - low) / spacing).astype(int) + 1
        origin = np.array([0.0, low[1], low[2]])
        shape = (columns, counts[1], counts[2])
        total = np.full(shape, FAR, np.float32)
        for limb, blend in enumerate(self.blends):
            own = np.full(shape, FAR, np.float32)
            touched = []
            for cone in self.cones:
                if cone.limb != limb:
                    continue
                box_low, box_high = cone.bounds(2.0 * blend + 2.0 * spacing)
                first = np.maximum(np.floor((box_low - origin) / spacing).astype(int), 0)
                last = np.minimum(np.ceil((box_high - origin) / spacing).astype(int) + 1, shape)
                if (last <= first).any():
                    continue
                box = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
                axes = [origin[k] + spacing * np.arange(first[k], last[k]) for k in range(3)]
                points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).astype(np.float32)
                own[box] = smooth_minimum(own[box], cone.distance(points), _inner_blend(cone))
                touched.append((first, last))
            if touched:
                first = np.min([a for a, _ in touched], axis=0)
                last = np.max([b for _, b in touched], axis=0)
                box = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
                total[box] = smooth_minimum(total[box], own[box], blend)
        whole = np.concatenate([total[:0:-1], total])
        return whole, origin - [spacing * (columns - 1), 0.0, 0.0]

    def project(self, points: Array, *, rounds: int = 2) -> Array:
        """Move points near the surface onto it along the gradient."""
        step = 1e-4
        for _ in range(rounds):
            value = self.distance(points)
            slope = np.stack(
                [
                    (self.distance(points + step * axis) - self.distance(points - step * axis)) / (2 * step)
                    for axis in np.eye(3)
                ],
                axis=1,
            )
            size = np.maximum((slope**2).sum(axis=1), 0.25)
            points = points - (value / size)[:, None] * slope
        return points


def _inner_blend(cone: Cone) -> float:
    return 0.4 * float(min(cone.start_radius.min(), cone.end_radius.min()))


def surface_nets(
    values: NDArray[np.floating], spacing: float, origin: Array
) -> tuple[Array, NDArray[np.int32]]:
    """Vertices (V, 3) and quads (Q, 4), counter-clockwise seen from outside, of the zero level of a grid."""
    inside = values < 0
    shape = np.array(values.shape) - 1
    corners = [(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)]

    def corner(array: NDArray, offset: tuple[int, int, int]) -> NDArray:
        return array[tuple(slice(o, o + n) for o, n in zip(offset, shape, strict=True))]

    count = sum(corner(inside, c).astype(np.int8) for c in corners)
    cells = np.argwhere((count > 0) & (count < 8))
    at_corner = np.stack(
        [values[tuple((cells + c).T)] for c in np.array(corners)],
        axis=1,
    ).astype(float)
    total = np.zeros((len(cells), 3))
    crossings = np.zeros(len(cells))
    for a in range(8):
        for b in range(a + 1, 8):
            difference = np.array(corners[b]) - np.array(corners[a])
            if np.abs(difference).sum() != 1:
                continue
            fa, fb = at_corner[:, a], at_corner[:, b]
            crossed = (fa < 0) != (fb < 0)
            t = np.where(crossed, fa / np.where(crossed, fa - fb, 1.0), 0.0)
            total += crossed[:, None] * (np.array(corners[a]) + t[:, None] * difference)
            crossings += crossed
    vertices = origin + spacing * (cells + total / crossings[:, None])
    number = np.full(shape, -1, np.int64)
    number[tuple(cells.T)] = np.arange(len(cells))
    quads = []
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        step = np.eye(3, dtype=int)
        length = values.shape[axis]
        here = np.take(inside, range(length - 1), axis=axis)
        there = np.take(inside, range(1, length), axis=axis)
        edges = np.argwhere(here != there)
        starts_inside = here[tuple(edges.T)]
        ring = np.stack(
            [
                number[tuple((edges - a * step[u] - b * step[v]).T)]
                for a, b in ((1, 1), (0, 1), (0, 0), (1, 0))
            ],
            axis=1,
        )
        ring[~starts_inside] = ring[~starts_inside, ::-1]
        quads.append(ring)
    return vertices, np.concatenate(quads).astype(np.int32)


def triangulate(vertices: Array, quads: NDArray[np.int32]) -> NDArray[np.int32]:
    """Split quads along the shorter diagonal."""
    a, b, c, d = (vertices[quads[:, i]] for i in range(4))
    first = np.linalg.norm(a - c, axis=1) <= np.linalg.norm(b - d, axis=1) + 1e-9
    one = np.where(first[:, None], quads[:, [0, 1, 2]], quads[:, [1, 2, 3]])
    two = np.where(first[:, None], quads[:, [0, 2, 3]], quads[:, [1, 3, 0]])
    return np.concatenate([one, two]).astype(np.int32)


def neighbour_mean(faces: NDArray[np.int32], values: NDArray[np.floating]) -> NDArray[np.floating]:
    """(V, K) mean of each vertex's neighbours along the sides of its faces (F, n)."""
    ones = np.zeros(len(values))
    total = np.zeros_like(values)
    corners = faces.shape[1]
    for i in range(corners):
        a, b = faces[:, i], faces[:, (i + 1) % corners]
        ones += np.bincount(a, minlength=len(values))
        ones += np.bincount(b, minlength=len(values))
        for k in range(values.shape[1]):
            total[:, k] += np.bincount(a, values[b, k], minlength=len(values))
            total[:, k] += np.bincount(b, values[a, k], minlength=len(values))
    return total / ones[:, None]


def skin_surface(body: Body, vertex_count: int) -> tuple[Array, NDArray[np.int32]]:
    """A closed mesh of about ``vertex_count`` vertices; triangles counter-clockwise seen from outside."""
    bounds = np.array([cone.bounds(0.0) for cone in body.cones])
    side = float(np.max(bounds[:, 1].max(axis=0) - bounds[:, 0].min(axis=0)))
    spacing = side / 40.0
    # The number of vertices grows with the inverse square of the spacing, but thin limbs are thickened less.
    for rounds in range(3):
        vertices, quads = surface_nets(*_grid(body, spacing))
        if rounds == 2 or 0.9 < len(vertices) / vertex_count < 1.1:
            break
        spacing *= float(np.sqrt(len(vertices) / vertex_count))
    thick = body.thickened(_least_radius(spacing))
    for _ in range(3):
        relaxed = vertices + 0.5 * (neighbour_mean(quads, vertices) - vertices)
        vertices = thick.project(relaxed, rounds=1)
    return thick.project(vertices, rounds=1), triangulate(vertices, quads)


def _least_radius(spacing: float) -> float:
    """A sheet thinner than a cell falls into pieces on the grid."""
    return 0.85 * spacing


def _grid(body: Body, spacing: float) -> tuple[NDArray[np.float32], float, Array]:
    values, origin = body.thickened(_least_radius(spacing)).grid(spacing)
    return values, spacing, origin
