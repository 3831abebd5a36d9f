# SPDX-License-Identifier: GPL-3.0-or-later
"""The square window that follows the subject without pumping."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from ...fit.crop import Crop

MARGIN = 1.4
"""Side of the window over the longer side of the subject's box."""

LEAST_MARGIN = 1.1
"""What is left of it at least when the window lags behind."""

SMOOTHING_SECONDS = 0.25
"""Width (standard deviation) of the Gaussian over time."""

STRAY = 0.1
"""Parts of a mask smaller than this share of its largest part do not widen the window."""

NOTHING = (np.nan,) * 4
"""Box of a frame without subject."""


def box_of(mask: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom edge of what is set, but for stray specks, in pixels of the mask.

    ``NOTHING`` if nothing is set.
    """
    count, _, parts, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count < 2:
        return NOTHING
    parts = parts[1:]
    parts = parts[parts[:, cv2.CC_STAT_AREA] >= STRAY * parts[:, cv2.CC_STAT_AREA].max()]
    low = parts[:, [cv2.CC_STAT_LEFT, cv2.CC_STAT_TOP]]
    high = low + parts[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]]
    return (*low.min(axis=0).astype(float).tolist(), *high.max(axis=0).astype(float).tolist())


def follow_boxes(
    boxes: NDArray[np.float64], frame_rate: float, width: int, height: int, size: int
) -> list[Crop]:
    """A window for every frame.

    Args:
        boxes: (T, 4) left, top, right, bottom in source pixels, NaN where there is no subject.
        frame_rate: Frames per second.
        width, height: Of the source image: the window where no frame has a subject.
        size: Pixels a side after resampling.
    """
    count = len(boxes)
    known = np.flatnonzero(np.isfinite(boxes[:, 0]))
    if not len(known):
        boxes = np.tile([0.0, 0.0, width, height], (count, 1)).astype(np.float64)
        known = np.arange(count)
    frames = np.arange(count)
    filled = np.stack([np.interp(frames, known, boxes[known, k]) for k in range(4)], axis=1)
    center = 0.5 * (filled[:, :2] + filled[:, 2:])
    longest = np.maximum(filled[:, 2] - filled[:, 0], filled[:, 3] - filled[:, 1])
    sigma = SMOOTHING_SECONDS * frame_rate
    span = 2 * round(2 * sigma) + 1
    center = gaussian_filter1d(center, sigma, axis=0, mode="nearest")
    side = MARGIN * gaussian_filter1d(
        maximum_filter1d(longest, span, mode="nearest"), 2 * sigma, mode="nearest"
    )
    reach = np.maximum(filled[:, 2:] - center, center - filled[:, :2]).max(axis=1)
    side = np.maximum(np.maximum(side, 2.0 * LEAST_MARGIN * reach), 8.0)
    return [
        Crop(float(x - 0.5 * s), float(y - 0.5 * s), float(s), size)
        for (x, y), s in zip(center, side, strict=True)
    ]


def borders_touched(mask: NDArray[np.uint8], crop: Crop, width: int, height: int) -> NDArray[np.bool_]:
    """(4,) whether the mask (n, n) in the window reaches the image's left, top, right, bottom border."""
    set_ = mask > 127
    left, top = crop.to_crop(np.array([-0.5, -0.5])) + 0.5
    right, bottom = crop.to_crop(np.array([width - 0.5, height - 0.5])) + 0.5
    band = max(1.5, 1.5 * crop.scale)

    def reached(lines: NDArray[np.bool_], low: float, high: float) -> bool:
        if high <= 0 or low >= len(lines):
            return False
        return bool(lines[max(0, int(np.floor(low))) : int(np.ceil(high))].any())

    # A single pixel may be noise: it takes three in a line.
    columns, rows = set_.sum(axis=0) >= 3, set_.sum(axis=1) >= 3
    return np.array(
        [
            reached(columns, left, left + band),
            reached(rows, top, top + band),
            reached(columns, right - band, right),
            reached(rows, bottom - band, bottom),
        ]
    )


def cut_window(image: NDArray[np.uint8], crop: Crop, source_width: int) -> NDArray[np.uint8]:
    """(n, n, ...) of the window; ``image`` may be smaller than the source. Beyond the border it goes on as
    at it."""
    window = scaled(crop, image.shape[1] / source_width)
    if window.scale < 0.7:
        # Averaged down first: the warp below looks at four neighbours only.
        size = (max(1, round(image.shape[1] * window.scale)), max(1, round(image.shape[0] * window.scale)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        window = scaled(crop, image.shape[1] / source_width)
    warped = cv2.warpAffine(
        image, window.affine_from_image(), (crop.size, crop.size), borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(warped, np.uint8)


def inside_image(crop: Crop, width: int, height: int) -> NDArray[np.bool_]:
    """(n, n) whether a pixel of the window lies on the image."""
    pixels = np.arange(crop.size, dtype=np.float64)
    x = crop.to_image(np.stack([pixels, pixels], axis=1))
    across = (x[:, 0] > -0.5) & (x[:, 0] < width - 0.5)
    down = (x[:, 1] > -0.5) & (x[:, 1] < height - 0.5)
    return down[:, None] & across[None, :]


def scaled(crop: Crop, factor: float) -> Crop:
    """The same window on an image ``factor`` times as large."""
    return Crop(crop.left * factor, crop.top * factor, crop.side * factor, crop.size)
