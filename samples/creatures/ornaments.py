# SPDX-License-Identifier: GPL-3.0-or-later
"""Eyes, noses, beaks, claws: small closed shells, each fixed to one bone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .anatomy import MIRROR, Anatomy, to_armature
from .plan import Ornament
from .surface import Body

Array = NDArray[np.float64]
RINGS = 6
AROUND = 8


def sphere(rings: int = RINGS, around: int = AROUND) -> tuple[Array, NDArray[np.int32]]:
    """Unit sphere, poles on the first axis; triangles counter-clockwise seen from outside."""
    polar = np.pi * np.arange(1, rings) / rings
    angle = 2 * np.pi * np.arange(around) / around
    ring = np.stack(
        [
            np.broadcast_to(np.cos(polar)[:, None], (rings - 1, around)),
            np.sin(polar)[:, None] * np.cos(angle),
            np.sin(polar)[:, None] * np.sin(angle),
        ],
        axis=-1,
    ).reshape(-1, 3)
    vertices = np.vstack([ring, [[1, 0, 0], [-1, 0, 0]]])
    first, last = len(vertices) - 2, len(vertices) - 1
    faces = []
    for i in range(around):
        n = (i + 1) % around
        faces.append([first, i, n])
        faces.append([last, (rings - 2) * around + n, (rings - 2) * around + i])
        for r in range(rings - 2):
            a, b = r * around + i, r * around + n
            faces += [[a, a + around, b + around], [a, b + around, b]]
    return vertices, np.array(faces, np.int32)


def shape_ornament(
    ornament: Ornament, anatomy: Anatomy, body: Body, side: int
) -> tuple[int, Array, NDArray[np.int32]]:
    """Bone, vertices and triangles in armature space. Raises ValueError where its bone is missing."""
    suffix = {1: ".L", -1: ".R", 0: ""}[side]
    for name in (ornament.bone + suffix, ornament.bone):
        if name in anatomy.names:
            bone = anatomy.names.index(name)
            break
    else:
        raise ValueError(f'ornament on "{ornament.bone}"; the bones are {anatomy.names}')
    vertices, faces = sphere()
    if ornament.pointed:
        vertices = vertices * [[1.0, 0.0, 0.0]] + _cone_rings(vertices)
    out = ornament.direction
    left = np.array([-np.sin(np.radians(ornament.yaw)), np.cos(np.radians(ornament.yaw)), 0.0])
    frame = np.stack([out, left, np.cross(out, left)])
    mirror = MIRROR if side < 0 else np.ones(3)
    center = anatomy.heads[bone] + to_armature(ornament.offset) * mirror
    if ornament.on_skin:
        center = _leave_body(body, center, to_armature(out) * mirror)
    placed = center + to_armature((vertices * ornament.radii) @ frame) * mirror
    return bone, placed, faces[:, ::-1].copy() if side < 0 else faces


def _cone_rings(vertices: Array) -> Array:
    """The ball's rings, shrinking evenly towards the front."""
    forward = vertices[:, :1]
    width = np.sqrt(np.maximum(1.0 - forward**2, 1e-9))
    ring = np.where(forward > 0, 1.0 - forward, width)
    return vertices * [[0.0, 1.0, 1.0]] * ring / width


def _leave_body(body: Body, start: Array, direction: Array) -> Array:
    """Where a ray from inside first meets the skin (sphere tracing); the start itself if that is outside."""
    point = start
    for _ in range(40):
        depth = -float(body.distance(point[None])[0])
        if depth < 1e-5:
            break
        point = point + 0.8 * depth * direction
    return point
