# SPDX-License-Identifier: GPL-3.0-or-later
"""Triangles in plain numpy, for machines without OpenGL."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BEHIND = 1e-6
AT_ONCE = 400_000
"""Pairs of a triangle and a pixel of its window that are looked at together: bounds the memory."""


class PlainRasterizer:
    """See :class:`.renderer.Rasterizer`. All pixels of all triangles' windows at once; the nearest wins."""

    name = "plain"

    def draw(
        self,
        corners: NDArray[np.float32],
        corner_colors: NDArray[np.float32] | None,
        projection: NDArray[np.float64],
        size: int,
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8] | None]:
        ids = np.zeros((size * size, 4), np.float32)
        nearest = np.full(size * size, np.inf)
        points = corners.astype(np.float64)
        clip = points @ projection[:3, :3].T + projection[:3, 3]
        weight = points @ projection[3, :3]
        visible = (weight > BEHIND).all(1)
        pixels = (clip[..., :2] / np.maximum(weight, BEHIND)[..., None] + 1.0) * 0.5 * size - 0.5
        low = np.clip(np.ceil(pixels.min(1)), 0, size).astype(np.int64)
        high = np.clip(np.floor(pixels.max(1)) + 1, 0, size).astype(np.int64)
        (ax, ay), (bx, by), (cx, cy) = pixels.transpose(1, 2, 0)
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        drawn = np.flatnonzero(visible & (low < high).all(1) & (area != 0.0))
        windows = (high - low).prod(1)[drawn]
        parts = np.flatnonzero(np.diff(np.cumsum(windows) // AT_ONCE, prepend=0))
        for faces in np.split(drawn, parts):
            pixel, face, surface, depth = _covered(faces, pixels, area, weight, low, high, size)
            # The nearest of each pixel, of equally near ones the first, as if drawn one after the other.
            order = np.lexsort((depth, pixel))
            first = order[np.diff(pixel[order], prepend=-1) > 0]
            first = first[depth[first] < nearest[pixel[first]]]
            at = pixel[first]
            nearest[at] = depth[first]
            ids[at, 0] = face[first] + 1
            ids[at, 1:3] = surface[first, :2]
            ids[at, 3] = depth[first]
        whole = ids.reshape(size, size, 4)
        if corner_colors is None:
            return whole, None
        return whole, _colors(ids, corner_colors).reshape(size, size, 3)


def _covered(
    faces: NDArray[np.int64],
    pixels: NDArray[np.float64],
    area: NDArray[np.float64],
    weight: NDArray[np.float64],
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    size: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Every pixel that one of these faces covers, face by face: pixel, face, weights (N, 3), depth."""
    wide, tall = (high - low)[faces].T
    count = wide * tall
    face = np.repeat(faces, count)
    within = np.arange(len(face)) - np.repeat(np.cumsum(count) - count, count)
    row, column = np.divmod(within, np.repeat(wide, count))
    x, y = column + low[face, 0], row + low[face, 1]
    a, b, c = pixels[faces].transpose(1, 2, 0)
    # Weights are linear in the image: each is a plane over it, worked out once a face.
    planes = np.stack([(c[1] - a[1]), (a[0] - c[0]), (a[1] - b[1]), (b[0] - a[0])], -1) / area[faces, None]
    planes = np.repeat(planes, count, axis=0)
    away_x, away_y = x - pixels[face, 0, 0], y - pixels[face, 0, 1]
    second = planes[:, 0] * away_x + planes[:, 1] * away_y
    third = planes[:, 2] * away_x + planes[:, 3] * away_y
    inside = (second >= 0.0) & (third >= 0.0) & (second + third <= 1.0)
    face, second, third = face[inside], second[inside], third[inside]
    screen = np.stack([1.0 - second - third, second, third], -1)
    # Screen-space weights over depth are linear in the image; divide back for the surface's own.
    over_depth = screen / weight[face]
    depth = 1.0 / np.maximum(over_depth.sum(-1), BEHIND)
    return (y * size + x)[inside], face, over_depth * depth[:, None], depth


def _colors(ids: NDArray[np.float32], corner_colors: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(N, 3) the corners' colours mixed at each pixel, black where nothing is."""
    image = np.zeros((len(ids), 3), np.uint8)
    at = np.flatnonzero(ids[:, 0])
    first = ids[at, 1:3]
    weights = np.concatenate([first, 1.0 - first.sum(1, keepdims=True)], 1)
    mixed = (corner_colors[ids[at, 0].astype(np.int64) - 1] * weights[:, :, None]).sum(1)
    image[at] = np.clip(mixed * 255.0 + 0.5, 0, 255)
    return image
