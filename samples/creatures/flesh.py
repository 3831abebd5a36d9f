# SPDX-License-Identifier: GPL-3.0-or-later
"""The soft parts: elliptic cones along the bones and beside them, and how near a point is to each.

The body's surface is the zero level of the smooth union of all of them (a plain form of Bloomenthal and
Shoemake's skeletal implicit surfaces; the smooth minimum is Quilez' polynomial one).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .anatomy import MIRROR, Anatomy, to_armature
from .plan import BodyPlan, Part

Array = NDArray[np.float64]
PIECES = 4
"""Cones per bone: enough for a bulge and a bend to look round."""


@dataclass(frozen=True, eq=False)
class Cone:
    """An elliptic capsule from ``start`` to ``end``."""

    start: Array
    end: Array
    wide: Array
    """(3,) unit vector of the width, perpendicular to the axis."""
    start_radius: Array
    """(2,) half width and half thickness."""
    end_radius: Array
    bone: int
    limb: int

    def thickened(self, least: float) -> Cone:
        """The same, nowhere thinner than ``least``."""
        return Cone(
            self.start,
            self.end,
            self.wide,
            np.maximum(self.start_radius, least),
            np.maximum(self.end_radius, least),
            self.bone,
            self.limb,
        )

    def bounds(self, margin: float) -> tuple[Array, Array]:
        """Lowest and highest corner of a box that holds it with a margin."""
        reach = float(np.maximum(self.start_radius, self.end_radius).max()) + margin
        return np.minimum(self.start, self.end) - reach, np.maximum(self.start, self.end) + reach

    def distance(self, points: NDArray[np.floating]) -> NDArray[np.floating]:
        """(..., 3) -> (...) first-order distance to the surface, negative inside.

        In the frame of the cone, with q scaled by the local half sizes to k = |q / h|, the distance of an
        ellipsoid is about k (k - 1) / |q / h^2| (Quilez, "ellipsoid").
        """
        dtype = points.dtype
        axis = self.end - self.start
        length = max(float(np.linalg.norm(axis)), 1e-9)
        along = axis / length
        across = np.cross(self.wide, along)
        local = points - self.start.astype(dtype)
        y = local @ along.astype(dtype)
        t = np.clip(y / length, 0.0, 1.0).astype(dtype)
        half = self.start_radius.astype(dtype) + t[..., None] * (self.end_radius - self.start_radius).astype(
            dtype
        )
        x = local @ self.wide.astype(dtype) / half[..., 0]
        z = local @ across.astype(dtype) / half[..., 1]
        cap = half.min(axis=-1)
        y = (y - t * dtype.type(length)) / cap
        k = np.sqrt(x * x + y * y + z * z)
        slope = np.sqrt((x / half[..., 0]) ** 2 + (y / cap) ** 2 + (z / half[..., 1]) ** 2)
        # On the axis itself k and the slope vanish together.
        return np.where(slope > 1e-9, k * (k - 1.0) / np.maximum(slope, 1e-9), -cap)


def put_on_flesh(plan: BodyPlan, anatomy: Anatomy) -> list[Cone]:
    """All cones of a creature, limb by limb."""
    cones: list[Cone] = []
    for limb_index, limb in enumerate(anatomy.limbs):
        part = plan.parts[limb.part]
        cones += _along_bones(part, anatomy, limb.bones, limb_index)
        mirror = MIRROR if limb.side < 0 else np.ones(3)
        for lobe in part.lobes:
            bone = limb.bones[lobe.segment]
            start = anatomy.heads[bone] + to_armature(lobe.start) * mirror
            end = anatomy.heads[bone] + to_armature(lobe.end) * mirror
            cones.append(
                Cone(
                    start,
                    end,
                    _perpendicular(to_armature(lobe.wide) * mirror, end - start),
                    np.array(lobe.start_radius),
                    np.array(lobe.end_radius),
                    bone,
                    limb_index,
                )
            )
    return cones


def _along_bones(part: Part, anatomy: Anatomy, bones: tuple[int, ...], limb_index: int) -> list[Cone]:
    ends = np.vstack([anatomy.heads[bones[0]], anatomy.tails[list(bones)]])
    radii = np.array([part.start_radius, *(s.radius for s in part.segments)])
    cones = []
    for i, (bone, segment) in enumerate(zip(bones, part.segments, strict=True)):
        t = np.linspace(0.0, 1.0, PIECES + 1)
        line = _spline(ends, i, t) if part.curved else ends[i] + t[:, None] * (ends[i + 1] - ends[i])
        thickness = np.maximum(_spline(radii, i, t), 0.5 * np.minimum(radii[i], radii[i + 1]))
        thickness = thickness * (1.0 + (segment.bulge - 1.0) * np.sin(np.pi * t)[:, None])
        wide = anatomy.axes[bone][:, 0]
        for k in range(PIECES):
            axis = line[k + 1] - line[k]
            cones.append(
                Cone(
                    line[k],
                    line[k + 1],
                    _perpendicular(wide, axis),
                    thickness[k],
                    thickness[k + 1],
                    bone,
                    limb_index,
                )
            )
    return cones


def _spline(values: Array, i: int, t: Array) -> Array:
    """Catmull-Rom curve through the rows of ``values`` between rows i and i + 1."""
    before = values[i - 1] if i > 0 else 2 * values[i] - values[i + 1]
    after = values[i + 2] if i + 2 < len(values) else 2 * values[i + 1] - values[i]
    a, b = values[i], values[i + 1]
    t = t[:, None]
    return 0.5 * (
        2 * a
        + (b - before) * t
        + (2 * before - 5 * a + 4 * b - after) * t**2
        + (3 * a - before - 3 * b + after) * t**3
    )


def _perpendicular(vector: Array, axis: Array) -> Array:
    """Unit vector near ``vector``, perpendicular to ``axis``."""
    along = axis / np.linalg.norm(axis)
    flat = vector - along * (vector @ along)
    if np.linalg.norm(flat) < 1e-6:
        flat = np.cross(along, [0.3, 0.5, 0.8])
    return flat / np.linalg.norm(flat)
