# SPDX-License-Identifier: GPL-3.0-or-later
"""Triangles in plain numpy, for machines without OpenGL."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BEHIND = 1e-6


class PlainRasterizer:
    """See :class:`.renderer.Rasterizer`. A depth buffer and one small window of pixels a triangle."""

    name = "plain"

    def draw(
        self,
        corners: NDArray[np.float32],
        corner_colors: NDArray[np.float32] | None,
        projection: NDArray[np.float64],
        size: int,
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8] | None]:
        ids = np.zeros((size, size, 4), np.float32)
        nearest = np.full((size, size), np.inf)
        image = None if corner_colors is None else np.zeros((size, size, 3), np.float32)
        points = corners.astype(np.float64)
        clip = points @ projection[:3, :3].T + projection[:3, 3]
        weight = points @ projection[3, :3]
        visible = (weight > BEHIND).all(1)
        pixels = (clip[..., :2] / np.maximum(weight, BEHIND)[..., None] + 1.0) * 0.5 * size - 0.5
        low = np.clip(np.ceil(pixels.min(1)), 0, size).astype(int)
        high = np.clip(np.floor(pixels.max(1)) + 1, 0, size).astype(int)
        for f in np.nonzero(visible & (low < high).all(1))[0]:
            (x0, y0), (x1, y1) = low[f], high[f]
            (ax, ay), (bx, by), (cx, cy) = pixels[f]
            area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
            if area == 0.0:
                continue
            x, y = np.meshgrid(np.arange(x0, x1), np.arange(y0, y1))
            b = ((x - ax) * (cy - ay) - (cx - ax) * (y - ay)) / area
            c = ((bx - ax) * (y - ay) - (x - ax) * (by - ay)) / area
            screen = np.stack([1.0 - b - c, b, c], -1)
            inside = (screen >= 0.0).all(-1)
            # Screen-space weights over depth are linear in the image; divide back for the surface's own.
            over_depth = screen / weight[f]
            depth = 1.0 / np.maximum(over_depth.sum(-1), BEHIND)
            surface = over_depth * depth[..., None]
            window = (slice(y0, y1), slice(x0, x1))
            drawn = inside & (depth < nearest[window])
            nearest[window][drawn] = depth[drawn]
            values = np.concatenate(
                [np.full((*depth.shape, 1), f + 1.0), surface[..., :2], depth[..., None]], -1
            ).astype(np.float32)
            ids[window][drawn] = values[drawn]
            if image is not None and corner_colors is not None:
                image[window][drawn] = (surface @ corner_colors[f])[drawn]
        if image is None:
            return ids, None
        return ids, np.clip(image * 255.0 + 0.5, 0, 255).astype(np.uint8)
