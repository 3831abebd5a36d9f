# SPDX-License-Identifier: GPL-3.0-or-later
"""How the scene behind the subject moves through the image, because the camera pans."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .frames import Frames

MOST_CORNERS = 80
FEWEST_CORNERS = 8
QUALITY = 0.02
SPACING = 5
"""Clip pixels between corners."""
HALO = 9
"""Clip pixels around the subject that may still be it, or its shadow."""
PATCH = 15
MOST_PAIRS = 32
AGREEMENT = 0.3
"""Scatter of the corners, in lengths of their median motion (or pixels, the larger), beyond which they tell
nothing."""


def scene_places(frames: Frames, chosen: NDArray[np.intp]) -> NDArray[np.float64]:
    """Where the scene went in the image since the first of the chosen frames.

    Only neighbouring frames are compared, and between those the motion is taken to be steady.

    Args:
        frames: The clip.
        chosen: (K,) ascending frames.

    Returns:
        (K, 2) source pixels; zero where the background shows nothing to follow.
    """
    times = frames.clip.times
    last = frames.count - 1
    if len(chosen) < 2 or last < 1:
        return np.zeros((len(chosen), 2))
    pick = np.unique(np.linspace(0, len(chosen) - 1, MOST_PAIRS).astype(int))
    speeds, at = [], []
    for t in chosen[pick]:
        first = int(min(t, last - 1))
        shift = _shift(frames, first, first + 1)
        if shift is not None:
            speeds.append(shift / max(float(times[first + 1] - times[first]), 1e-3))
            at.append(float(times[first]))
    if not speeds:
        return np.zeros((len(chosen), 2))
    now = times[chosen]
    speed = np.stack([np.interp(now, at, np.array(speeds)[:, k]) for k in (0, 1)], axis=1)
    steps = 0.5 * (speed[1:] + speed[:-1]) * np.diff(now)[:, None]
    return np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])


def _shift(frames: Frames, first: int, second: int) -> NDArray[np.float64] | None:
    """(2,) median motion of the corners around the subject, source pixels; None where they do not agree."""
    clip = frames.clip
    crop, other = clip.crops[first], clip.crops[second]
    grey = [cv2.cvtColor(np.ascontiguousarray(clip.color[t]), cv2.COLOR_RGB2GRAY) for t in (first, second)]
    kernel = np.ones((2 * HALO + 1, 2 * HALO + 1), np.uint8)
    subject = [cv2.dilate((clip.mask[t] > 127).astype(np.uint8), kernel) for t in (first, second)]
    at = np.stack(np.meshgrid(np.arange(crop.size), np.arange(crop.size)), axis=-1)
    x, y = np.moveaxis(clip.own_pixels(first, crop.to_image(at.astype(np.float64))), -1, 0)
    inside = (y >= 0) & (y < clip.height) & (x >= 0) & (x < clip.width)
    free = (inside & (subject[0] == 0)).astype(np.uint8)
    free = cv2.erode(free, np.ones((PATCH // 2, PATCH // 2), np.uint8))
    corners = cv2.goodFeaturesToTrack(grey[0], MOST_CORNERS, QUALITY, SPACING, mask=free)
    if corners is None or len(corners) < FEWEST_CORNERS:
        return None
    points = corners.reshape(-1, 2)
    guess = other.to_crop(crop.to_image(points.astype(np.float64))).astype(np.float32)
    found, status, _ = cv2.calcOpticalFlowPyrLK(
        grey[0], grey[1], points, guess.copy(), winSize=(PATCH, PATCH), flags=cv2.OPTFLOW_USE_INITIAL_FLOW
    )
    place = np.clip(np.round(found), 0, crop.size - 1).astype(int)
    good = (status.reshape(-1) > 0) & (subject[1][place[:, 1], place[:, 0]] == 0)
    if good.sum() < FEWEST_CORNERS:
        return None
    moved = other.to_image(found[good].astype(np.float64)) - crop.to_image(points[good].astype(np.float64))
    middle = np.median(moved, axis=0)
    scatter = float(np.median(np.linalg.norm(moved - middle, axis=1)))
    if scatter > AGREEMENT * max(float(np.linalg.norm(middle)), 1.0 / crop.scale):
        return None
    return np.asarray(middle, np.float64)
