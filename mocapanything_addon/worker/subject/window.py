# SPDX-License-Identifier: GPL-3.0-or-later
"""The square window that follows the subject without pumping."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from ...fit.crop import Crop

Homography = NDArray[np.float64]
"""(3, 3)."""

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


def borders_touched(
    mask: NDArray[np.uint8], crop: Crop, width: int, height: int, to_frame: Homography | None = None
) -> NDArray[np.bool_]:
    """(4,) whether the mask (n, n) in the window reaches the image's left, top, right, bottom border."""
    x, y = _own_pixels(crop, to_frame)
    # A single pixel may be noise: it takes three.
    band = max(1.5 / crop.scale, 1.5) - 0.5
    subject = (mask > 127) & _inside(x, y, width, height)
    near = (x < band, y < band, x > width - 1 - band, y > height - 1 - band)
    return np.array([np.count_nonzero(subject & n) >= 3 for n in near])


def cut_window(
    image: NDArray[np.uint8], crop: Crop, source_width: int, to_frame: Homography | None = None
) -> NDArray[np.uint8]:
    """(n, n, ...) of the window; ``image`` may be smaller than the source. Beyond the border it goes on as
    at it.

    Args:
        image: A frame.
        crop: The window, source pixels.
        source_width: Of the frame, source pixels.
        to_frame: (3, 3) from the window's pixels to the frame's own, where the camera turns.
    """
    factor = image.shape[1] / source_width
    if crop.scale / factor < 0.7:
        # Averaged down first: the warp below looks at four neighbours only.
        shrink = crop.scale / factor
        size = (max(1, round(image.shape[1] * shrink)), max(1, round(image.shape[0] * shrink)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        factor = image.shape[1] / source_width
    return np.asarray(_warped(image, crop, factor, to_frame), np.uint8)


def cut_hint(
    hint: NDArray[np.float32], crop: Crop, source_width: int, to_frame: Homography | None = None
) -> NDArray[np.float32]:
    """(n, n) the window of a hint (h, w) that may be smaller than the source; beyond the image nothing is."""
    factor = hint.shape[1] / source_width
    cut = _warped(hint, crop, factor, to_frame)
    if hint.any():
        height = hint.shape[0] / factor
        cut[~inside_image(crop, source_width, round(height), to_frame)] = -1.0
    return np.asarray(cut, np.float32)


def inside_image(
    crop: Crop, width: int, height: int, to_frame: Homography | None = None
) -> NDArray[np.bool_]:
    """(n, n) whether a pixel of the window lies on the image."""
    return _inside(*_own_pixels(crop, to_frame), width, height)


def boxes_in_plane(boxes: NDArray[np.float64], to_frame: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T, 4) boxes in the frames' own pixels as boxes in the scene's, T homographies (3, 3) from there."""
    result = np.full_like(boxes, np.nan)
    for t in np.flatnonzero(np.isfinite(boxes[:, 0])):
        left, top, right, bottom = boxes[t]
        corners = np.array([[[left, top], [right, top], [right, bottom], [left, bottom]]])
        placed = cv2.perspectiveTransform(corners, np.linalg.inv(to_frame[t]))[0]
        result[t] = [*placed.min(axis=0), *placed.max(axis=0)]
    return result


def scaled(crop: Crop, factor: float) -> Crop:
    """The same window on an image ``factor`` times as large."""
    return Crop(crop.left * factor, crop.top * factor, crop.side * factor, crop.size)


def _warped(
    image: NDArray[np.uint8] | NDArray[np.float32], crop: Crop, factor: float, to_frame: Homography | None
) -> NDArray[np.uint8] | NDArray[np.float32]:
    size, window = (crop.size, crop.size), scaled(crop, factor).affine_from_image()
    if to_frame is None:
        return cv2.warpAffine(image, window, size, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]
    resized = np.array(
        [[factor, 0.0, 0.5 * factor - 0.5], [0.0, factor, 0.5 * factor - 0.5], [0.0, 0.0, 1.0]]
    )
    from_frame = resized @ np.linalg.inv(to_frame) @ np.linalg.inv(resized)
    matrix = np.vstack([window, [0.0, 0.0, 1.0]]) @ from_frame
    return cv2.warpPerspective(image, matrix, size, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]


def _own_pixels(crop: Crop, to_frame: Homography | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n, n) x and y of the window's pixels in the frame's own."""
    at = np.stack(np.meshgrid(np.arange(crop.size), np.arange(crop.size)), axis=-1)
    places = crop.to_image(at.astype(np.float64))
    if to_frame is not None:
        places = np.asarray(cv2.perspectiveTransform(places, to_frame), np.float64)
    return places[..., 0], places[..., 1]


def _inside(x: NDArray[np.float64], y: NDArray[np.float64], width: int, height: int) -> NDArray[np.bool_]:
    return np.asarray((x > -0.5) & (x < width - 0.5) & (y > -0.5) & (y < height - 0.5), np.bool_)
