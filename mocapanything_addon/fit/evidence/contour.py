# SPDX-License-Identifier: GPL-3.0-or-later
"""Outlines as points with directions, and the nearest point on another outline."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

NORMAL_WEIGHT = 12.0
"""Pixels that an outline point may lie away for one unit of difference in direction."""
SMOOTHING = 2.0
SHORTEST = 8
"""Closed curves with fewer points are specks."""
WINDOW_EDGE = 2


@dataclass(frozen=True, eq=False)
class Contour:
    """C outline points of a mask."""

    points: NDArray[np.intp]
    """(C, 2) x, y, window pixels; each lies on the mask."""
    normals: NDArray[np.float64]
    """(C, 2) unit vectors into the mask."""
    support: NDArray[np.float64] | None = None
    """(C,) 0 to 1, how much the picture speaks for an outline there; None: not asked."""

    def __len__(self) -> int:
        return len(self.points)

    @property
    def features(self) -> NDArray[np.float64]:
        """(C, 4) what nearness is measured in."""
        return np.concatenate([self.points, NORMAL_WEIGHT * self.normals], axis=1)

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.features)

    def nearest(self, features: NDArray[np.float64]) -> NDArray[np.intp]:
        """(N,) index of the outline point nearest to each feature (N, 4)."""
        return np.asarray(self._tree.query(features)[1], np.intp)


def trace(mask: NDArray[np.bool_], trusted: NDArray[np.bool_]) -> Contour:
    """The outline of a mask, without the parts that the image border or the window makes.

    Args:
        mask: (n, n).
        trusted: (n, n) where an outline is the subject's own.
    """
    curves, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    if not curves:
        return Contour(np.zeros((0, 2), np.intp), np.zeros((0, 2)))
    long_enough = [c[:, 0] for c in curves if len(c) > SHORTEST]
    points = np.concatenate(long_enough or [max(curves, key=len)[:, 0]]).astype(np.intp)
    n = mask.shape[0]
    inside = (points.min(1) >= WINDOW_EDGE) & (points.max(1) < n - WINDOW_EDGE)
    points = points[inside & trusted[points[:, 1], points[:, 0]]]
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    pad = int(4 * SMOOTHING)
    x0, y0 = max(left - pad, 0), max(top - pad, 0)
    patch = mask[y0 : top + height + pad, x0 : left + width + pad]
    blurred = cv2.GaussianBlur(patch.astype(np.float32), (0, 0), SMOOTHING, borderType=cv2.BORDER_REPLICATE)
    slope_x = cv2.Sobel(blurred, cv2.CV_32F, 1, 0)
    slope_y = cv2.Sobel(blurred, cv2.CV_32F, 0, 1)
    rows, columns = points[:, 1] - y0, points[:, 0] - x0
    normals = np.stack([slope_x[rows, columns], slope_y[rows, columns]], axis=-1).astype(np.float64)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return Contour(points, normals / np.maximum(length, 1e-6))
