# SPDX-License-Identifier: GPL-3.0-or-later
"""How well a mask agrees with the true one."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
TOLERANCE = 0.008
"""Distance at which two outlines agree, share of the image's diagonal (Perazzi et al. 2016, DAVIS)."""

LARGE = 0.15
"""Area of a part that counts as another creature, share of the largest part's."""


def overlap(found: Mask, truth: Mask) -> float:
    """Intersection over union; 1 where both are empty."""
    union = int((found | truth).sum())
    return float((found & truth).sum()) / union if union else 1.0


def part_meant(found: Mask, truth: Mask) -> Mask:
    """The truth, or the one of its large connected parts that a mask agrees with most: the teacher marks
    everything that stands out, and which creature is captured is another question."""
    _, parts, stats, _ = cv2.connectedComponentsWithStats(truth.astype(np.uint8), connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    large = 1 + np.flatnonzero(areas > LARGE * areas.max(initial=0))
    if len(large) < 2:
        return truth
    rest = ~np.isin(parts, large) & truth
    choices = [truth, *(np.asarray((parts == part) | rest) for part in large)]
    return max(choices, key=lambda choice: overlap(found, choice))


def boundary_score(found: Mask, truth: Mask) -> float:
    """Harmonic mean of precision and recall of the outlines."""
    reach = max(1, round(TOLERANCE * float(np.hypot(truth.shape[0], truth.shape[1]))))
    ours, theirs = outline(found), outline(truth)
    if not ours.any() or not theirs.any():
        return float(ours.any() == theirs.any())
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    precision = float((cv2.dilate(theirs, kernel)[ours > 0] > 0).mean())
    recall = float((cv2.dilate(ours, kernel)[theirs > 0] > 0).mean())
    return 2.0 * precision * recall / max(precision + recall, 1e-9)


def outline(mask: Mask) -> NDArray[np.uint8]:
    """1 on the mask's pixels that touch what is outside; the border of the image is no outline."""
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    inner = cv2.erode(padded, np.ones((3, 3), np.uint8))[1:-1, 1:-1]
    return (mask & (inner == 0)).astype(np.uint8)
