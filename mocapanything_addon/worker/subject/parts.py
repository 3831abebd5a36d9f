# SPDX-License-Identifier: GPL-3.0-or-later
"""Connected parts of masks, and distances from them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

LEAST_AREA = 0.001
"""Share of the image below which a part is no candidate for the subject."""

LEAST_POINTED = 0.0002
"""The same where the user points at the subject: that it is there is known, and it may be a ball."""

CRACK = 0.04
"""Width of a gap within one moving thing, share of the image's shorter side."""


def connected_parts(
    mask: NDArray[np.bool_],
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
    """Connected parts: (h, w) their numbers from 1, their boxes and areas, their centres."""
    _, parts, stats, centers = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return np.asarray(parts, np.int32), np.asarray(stats, np.int32), np.asarray(centers, np.float64)


def places_of(parts: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Areas (n,) in pixels and centres (n, 2) of numbered parts (h, w), those of number 0 included; NaN where
    a number has no pixels."""
    numbers = np.arange(int(parts.max()) + 1)
    with np.errstate(invalid="ignore"):
        centers = ndimage.center_of_mass(np.ones_like(parts), parts, numbers)
    return np.bincount(parts.ravel()), np.asarray(centers, np.float64)[:, ::-1]


def at_least(mask: NDArray[np.bool_], area: float) -> NDArray[np.bool_]:
    """The mask without parts smaller than ``area`` pixels."""
    parts, stats, _ = connected_parts(mask)
    keep = stats[:, cv2.CC_STAT_AREA] >= area
    keep[0] = False
    return keep[parts]


def joined(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask with its narrow gaps closed: of a body that covers its own place, only pieces seem to move."""
    size = max(3, round(min(mask.shape) * CRACK)) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, kernel) > 0)


def distance(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(h, w) pixels to the nearest True, very far where there is none."""
    if not mask.any():
        return np.full(mask.shape, 1e6, np.float32)
    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3), np.float32)
