# SPDX-License-Identifier: GPL-3.0-or-later
"""Shadows that the subject casts: they move as it does, but show the background, darker."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

DARKEST, LIGHTEST = 0.25, 0.95
"""Brightness in a shadow over that of the same place in the light."""

TINT = 0.15
"""Difference between the colour channels' brightness, at most, share of their mean: the sky still shines into
a shadow, and it is blue."""

SAME_PATTERN = 0.5
"""Correlation with the background's pattern from which it is seen in the shadow."""

WINDOW = 7
"""Pixels a side of the places compared."""

GRAIN = 2.5
"""Film grain, levels: a pattern weaker than this proves nothing."""

BLACK = 6.0
"""Levels added before brightness is divided."""

GAPS, RIM = 7, 5
"""Pixels a side by which holes in a shadow are closed; and by which it grows to its blurred border."""

LEAST_AREA = 0.0005
"""Share of the image below which a shadow is chance."""

Channels = NDArray[np.float32]


def cast_shadow(
    rgb: NDArray[np.uint8], behind: NDArray[np.uint8], moving: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """(h, w) what of a frame's moving pixels is shadow.

    Within a shadow all channels are darker by about the same factor, and the ground's pattern goes on; a dark
    creature has another colour or another pattern.

    Args:
        rgb: (h, w, 3) frame, slightly blurred.
        behind: (h, w, 3) the background at the same place, as blurred.
        moving: (h, w) pixels that disagree with the background.
    """
    now, before = rgb.astype(np.float32), behind.astype(np.float32)
    factor = (_mean(now) + BLACK) / (_mean(before) + BLACK)
    brightness = factor.mean(axis=2)
    tint = np.abs(factor - brightness[..., None]).max(axis=2) / brightness
    is_darker = (brightness > DARKEST) & (brightness < LIGHTEST) & (tint < TINT)
    certain = moving & is_darker & (_correlation(now.mean(axis=2), before.mean(axis=2)) > SAME_PATTERN)
    if certain.sum() < LEAST_AREA * certain.size:
        return np.zeros_like(certain)
    closed = cv2.morphologyEx(certain.astype(np.uint8), cv2.MORPH_CLOSE, _disc(GAPS))
    # Single windows of a dark creature may look alike by chance; a shadow is a place.
    placed = cv2.morphologyEx(closed, cv2.MORPH_OPEN, _disc(GAPS))
    grown = cv2.dilate(placed, _disc(RIM)) > 0
    return np.asarray(moving & is_darker & grown, np.bool_)


def _correlation(first: Channels, second: Channels) -> Channels:
    """(h, w) of the logarithms of two brightnesses, in the window around each pixel."""
    a, b = np.log(first + BLACK), np.log(second + BLACK)
    mean_a, mean_b = _mean(a), _mean(b)
    # A logarithm's grain is the smaller, the brighter it is.
    variance_a = _mean(a * a) - mean_a**2 + (GRAIN * np.exp(-mean_a)) ** 2
    variance_b = _mean(b * b) - mean_b**2 + (GRAIN * np.exp(-mean_b)) ** 2
    return np.asarray((_mean(a * b) - mean_a * mean_b) / np.sqrt(variance_a * variance_b), np.float32)


def _mean(image: Channels) -> Channels:
    return np.asarray(cv2.blur(image, (WINDOW, WINDOW)), np.float32)


def _disc(size: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)
