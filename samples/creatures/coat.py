# SPDX-License-Identifier: GPL-3.0-or-later
"""Colours of the skin, one per vertex: markings, a light belly, coloured regions, fine mottling."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..noise import Noise
from .anatomy import Anatomy
from .plan import Coat

Array = NDArray[np.float64]


def paint(
    coat: Coat,
    anatomy: Anatomy,
    vertices: Array,
    normals: Array,
    bones: NDArray[np.int32],
    weights: NDArray[np.float32],
    seed: int,
) -> NDArray[np.uint8]:
    """(V, 3) sRGB."""
    palette = {name: np.array(color, float) for name, color in coat.palette.items()}
    noise = Noise(seed)
    size = coat.pattern_scale
    mark = _marks(coat.pattern, noise, anatomy, vertices, normals, bones, weights, size)
    colors = palette["base"] + mark[:, None] * (palette.get("pattern", palette["base"]) - palette["base"])
    if "belly" in palette:
        under = _step(-normals[:, 2] + 0.25 * noise(vertices / size, 2), -0.1, 0.7) * coat.countershade
        colors += under[:, None] * (palette["belly"] - colors)
    region = np.zeros((len(vertices), 3))
    share = np.zeros(len(vertices))
    for bone, name in enumerate(anatomy.names):
        wanted = next((color for start, color in coat.regions if name.startswith(start)), None)
        if wanted is None:
            continue
        here = (weights * (bones == bone)).sum(axis=1)
        region += here[:, None] * palette[wanted]
        share += here
    # A crisp border where two regions meet on the mesh.
    crisp = _step(share, 0.35, 0.65)
    colors += crisp[:, None] * (region / np.maximum(share, 1e-6)[:, None] - colors)
    colors *= 1.0 + coat.mottle * noise(vertices / (0.25 * size), 3)[:, None]
    return np.clip(colors, 0, 255).astype(np.uint8)


def _step(x: NDArray, low: float, high: float) -> Array:
    """0 below ``low``, 1 above ``high``, smooth between."""
    t = np.clip((np.asarray(x, float) - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def _marks(
    pattern: str,
    noise: Noise,
    anatomy: Anatomy,
    vertices: Array,
    normals: Array,
    bones: NDArray[np.int32],
    weights: NDArray[np.float32],
    size: float,
) -> Array:
    """(V,) how far each vertex wears the pattern's colour."""
    if pattern == "plain":
        return np.zeros(len(vertices))
    warp = noise(vertices / (1.6 * size), 2)
    if pattern == "stripes":
        phase = vertices[:, 1] / size + 0.25 * vertices[:, 2] / size + 0.5 * warp
        return _step(np.sin(2 * np.pi * phase) + 0.35 * normals[:, 2], 0.05, 0.5)
    if pattern == "rings":
        phase = _along(anatomy, vertices, bones, weights) / size + 0.12 * warp
        return _step(np.sin(2 * np.pi * phase), -0.1, 0.3)
    if pattern == "bands":
        return _step(np.sin(2 * np.pi * vertices[:, 2] / size) + 0.1 * warp, 0.1, 0.4)
    if pattern == "spots":
        return 1.0 - _step(_nearest_mark(vertices / size, noise) + 0.1 * warp, 0.28, 0.42)
    if pattern == "patches":
        return _step(noise(vertices / size + 5.0, 2), 0.02, 0.12)
    if pattern == "saddle":
        return _step(normals[:, 2] + 0.5 * warp, 0.1, 0.6)
    raise ValueError(
        f'no pattern "{pattern}"; there are plain, stripes, rings, bands, spots, patches, saddle'
    )


def _along(
    anatomy: Anatomy, vertices: Array, bones: NDArray[np.int32], weights: NDArray[np.float32]
) -> Array:
    """(V,) distance along the bones from the body root."""
    start = np.zeros(len(anatomy.names))
    lengths = np.linalg.norm(anatomy.tails - anatomy.heads, axis=1)
    for bone, parent in enumerate(anatomy.parents):
        if parent >= 0:
            from_tail = np.linalg.norm(anatomy.heads[bone] - anatomy.tails[parent])
            from_head = np.linalg.norm(anatomy.heads[bone] - anatomy.heads[parent])
            start[bone] = start[parent] + (lengths[parent] if from_tail <= from_head else 0.0)
    along = np.zeros(len(vertices))
    for k in range(bones.shape[1]):
        mover = bones[:, k]
        y = ((vertices - anatomy.heads[mover]) * anatomy.axes[mover][:, :, 1]).sum(axis=1)
        along += weights[:, k] * (start[mover] + y)
    return along


def _nearest_mark(points: Array, noise: Noise) -> Array:
    """(V,) distance to the nearest of a jittered lattice of points (Worley 1996)."""
    cell = np.floor(points)
    best = np.full(len(points), np.inf)
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            for k in (-1, 0, 1):
                corner = cell + np.array([i, j, k])
                jitter = np.stack([noise(corner + 31.7 * axis) for axis in range(3)], axis=1)
                best = np.minimum(best, np.linalg.norm(corner + 0.5 + 0.45 * jitter - points, axis=1))
    return best
