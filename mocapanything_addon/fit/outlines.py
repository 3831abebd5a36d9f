# SPDX-License-Identifier: GPL-3.0-or-later
"""Outlines brought to one size and place, so that thousands can be compared at once.

Centre and spread (root mean square distance of the pixels from their centre) are made equal; the area would
not do, because a snake's is tiny for its length. What is compared is the overlap, and how far each outline
runs
from the other, both ways: a leg hardly adds to the overlap, but much to the length of the outline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 56
SPREAD = 12.0
"""Pixels of the normalised image."""
FAR = 6.0
"""Normalised pixels from which on outlines are just far apart."""
DISTANCE_WEIGHT = 1.0
SCALES = (0.92, 1.0, 1.09)
SHIFTS = ((0.0, 0.0), (2.0, 0.0), (-2.0, 0.0), (0.0, 2.0), (0.0, -2.0))
FEWEST_PIXELS = 6


@dataclass(frozen=True, eq=False)
class Outlines:
    """N normalised masks, flattened (P pixels), in the forms that :func:`likeness` multiplies."""

    masks: NDArray[np.float32]
    """(N, P) 0 or 1."""
    edges: NDArray[np.float32]
    """(N, P) pixels on the outline; each row sums to 1."""
    distances: NDArray[np.float32]
    """(N, P) how far the outline is, 0 to 1 (``FAR`` and more)."""

    def __len__(self) -> int:
        return len(self.masks)

    def joined(self, others: Outlines) -> Outlines:
        """These and others."""
        return Outlines(
            np.concatenate([self.masks, others.masks]),
            np.concatenate([self.edges, others.edges]),
            np.concatenate([self.distances, others.distances]),
        )

    @classmethod
    def of(cls, images: Sequence[NDArray[np.uint8]]) -> Outlines:
        """From normalised images (n, n), nonzero on the body."""
        count = len(images)
        masks = np.zeros((count, SIDE, SIDE), np.float32)
        edges, distances = np.zeros_like(masks), np.ones_like(masks)
        kernel = np.ones((3, 3), np.uint8)
        for k, image in enumerate(images):
            solid = (image > 127).astype(np.uint8)
            edge = solid - cv2.erode(solid, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=(0,))
            masks[k] = solid
            total = int(edge.sum())
            if total:
                edges[k] = edge / total
                distances[k] = np.minimum(cv2.distanceTransform(1 - edge, cv2.DIST_L2, 3) / FAR, 1.0)
        return cls(masks.reshape(count, -1), edges.reshape(count, -1), distances.reshape(count, -1))


def center_and_spread(mask: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float] | None:
    """Centre (2,) and root mean square distance from it, pixels of the mask; None where it is empty."""
    rows, columns = np.nonzero(mask)
    if len(rows) < FEWEST_PIXELS:
        return None
    center = np.array([columns.mean(), rows.mean()])
    spread = float(np.sqrt(np.var(columns) + np.var(rows)))
    return center, max(spread, 1e-3)


def normalised(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """(SIDE, SIDE) the mask (n, n) at the common size and place; empty where it is."""
    found = center_and_spread(mask)
    if found is None:
        return np.zeros((SIDE, SIDE), np.uint8)
    return _resampled(mask, *found, 1.0, (0.0, 0.0))


def variants(mask: NDArray[np.bool_]) -> list[NDArray[np.uint8]]:
    """The mask normalised, and a little larger, smaller and shifted: limbs that are elsewhere move the
    centre."""
    found = center_and_spread(mask)
    if found is None:
        return [np.zeros((SIDE, SIDE), np.uint8)]
    return [_resampled(mask, *found, scale, shift) for scale in SCALES for shift in SHIFTS]


def likeness(drawn: Outlines, seen: Outlines) -> NDArray[np.float32]:
    """(N, M) overlap less distance of every drawn outline and every seen one; 1 where they are equal."""
    both = drawn.masks @ seen.masks.T
    union = drawn.masks.sum(1)[:, None] + seen.masks.sum(1) - both
    apart = drawn.edges @ seen.distances.T + drawn.distances @ seen.edges.T
    return both / np.maximum(union, 1.0) - 0.5 * DISTANCE_WEIGHT * apart


def _resampled(
    mask: NDArray[np.bool_],
    center: NDArray[np.float64],
    spread: float,
    scale: float,
    shift: tuple[float, float],
) -> NDArray[np.uint8]:
    k = SPREAD * scale / spread
    middle = 0.5 * (SIDE - 1)
    matrix = np.array(
        [[k, 0.0, middle - k * center[0] + shift[0]], [0.0, k, middle - k * center[1] + shift[1]]]
    )
    image = mask.astype(np.uint8) * 255
    if k < 0.7:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 / k), np.uint8)
    return np.asarray(cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR), np.uint8)
