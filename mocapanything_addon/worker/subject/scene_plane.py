# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the camera turns: one image of the scene that all frames are part of.

What the background does from frame to frame is the camera's doing. Told in the pixels of one frame of the
shot, whose image is thought to go on in all directions, the background stands still, and a subject moves as
it does in the scene: the fit may take the camera for still. A camera that turns about its own place sees
exactly that (Hartley and Zisserman, Multiple View Geometry, 8.4.2); one that travels does as far as the
background is far away.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
STILL = 1.5
"""Analysis pixels: a camera that moves the image's corners less, over the whole shot, stands still."""
WIDEST = 1.5
"""Image widths from the reference to the middle of a frame: planes beyond stretch too much."""
MOST_STRETCH = 1.8
"""Of a frame's area, in the plane."""


def scene_plane(to_frame: Array, width: int, height: int, factor: float) -> Array | None:
    """Homographies from the middle frame's pixels to every frame's.

    Where the camera turns so far that no plane holds all frames, each frame is only shifted, as on an
    unrolled cylinder.

    Args:
        to_frame: (T, 3, 3) from the shot's first frame to each, pixels at analysis size.
        width, height: At analysis size.
        factor: Source pixels an analysis pixel.

    Returns:
        (T, 3, 3) in source pixels; None where the camera stands still.
    """
    count = len(to_frame)
    if count < 2 or not np.isfinite(to_frame).all():
        return None
    from_frame = np.linalg.inv(to_frame)
    plane = to_frame @ from_frame[count // 2]
    corners = np.array([[[0.0, 0.0], [width, 0.0], [width, height], [0.0, height]]])
    seen = np.stack([cv2.perspectiveTransform(corners, h)[0] for h in np.linalg.inv(plane)])
    if np.abs(seen - corners).max() < STILL:
        return None
    if not _is_flat(seen, corners[0], width):
        plane = _shifts(to_frame, from_frame, width, height)
    to_source = np.array(
        [[factor, 0.0, 0.5 * factor - 0.5], [0.0, factor, 0.5 * factor - 0.5], [0.0, 0.0, 1.0]]
    )
    plane = to_source @ plane @ np.linalg.inv(to_source)
    return np.asarray(plane / plane[:, 2:, 2:], np.float64)


def _is_flat(seen: Array, corners: Array, width: int) -> bool:
    """Whether the frames' corners (T, 4, 2) are near enough in the plane, and no frame is stretched."""
    away = np.linalg.norm(seen.mean(axis=1) - corners.mean(axis=0), axis=1)
    x, y = np.moveaxis(seen, -1, 0)
    area = 0.5 * (x * np.roll(y, -1, axis=1) - np.roll(x, -1, axis=1) * y).sum(axis=1)
    whole = float(np.prod(corners[2]))
    stretch = area / whole
    return bool(
        away.max() < WIDEST * width and stretch.min() > 1.0 / MOST_STRETCH and stretch.max() < MOST_STRETCH
    )


def _shifts(to_frame: Array, from_frame: Array, width: int, height: int) -> Array:
    """(T, 3, 3) translations: the steps of each frame's middle, one after the other."""
    middle = np.array([[[0.5 * width, 0.5 * height]]])
    steps = [
        (cv2.perspectiveTransform(middle, before @ back) - middle)[0, 0]
        for before, back in zip(to_frame[:-1], from_frame[1:], strict=True)
    ]
    places = np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])
    shifts = np.tile(np.eye(3), (len(places), 1, 1))
    shifts[:, :2, 2] = places[len(places) // 2] - places
    return shifts
