# SPDX-License-Identifier: GPL-3.0-or-later
"""A segmenter that finds whatever stands out, told by a hint which of it is meant."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

LEFT_OUT = -0.5
"""Hint of what is doubted only; below it something else is known to be there."""

RIVAL_ODDS = 12.0
"""Log odds against a pixel that surely is something else: more than any segmenter's for it."""

SUBJECT_ODDS = 2.0
"""Log odds for a pixel that surely is the subject: where a segmenter is in doubt, it is kept."""

HINTED = 0.1
"""Share of a part that the hint points at, or of the hint that the part covers, if it is the subject's."""

DOUBTED = -0.2
"""Hint below which a pixel is none of the subject, if it is far from it."""

REACH = 0.5
"""How far that is, share of the root of the area that the hint points at: a limb's length."""

NOTHING = -8.0
"""Log odds of what was left out."""


class Segmenter(Protocol):
    """Finds what stands out."""

    def logit(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(H, W) log odds of what stands out in a picture (H, W, 3)."""


class HintedSegmenter:
    """Cuts the subject out of square windows as the network that ships does."""

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter = segmenter

    def logit(self, rgb: NDArray[np.uint8], hint: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, n) log odds of the subject that is meant.

        Args:
            rgb: (n, n, 3).
            hint: (n, n) from -1 (surely not the subject) over 0 (no idea) to 1 (surely is).
        """
        return meant(self._segmenter.logit(rgb), hint)


def meant(odds: NDArray[np.float32], hint: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of what stands out, what the hint points at.

    Pixels that surely are something else go, then connected parts that the hint does not point at, then what
    is far from where it points and doubted by it. A hint that points nowhere leaves all that it does not
    doubt.

    Args:
        odds: (n, n) log odds of what stands out.
        hint: (n, n) from -1 (surely not the subject) over 0 (no idea) to 1 (surely is).

    Returns:
        (n, n) log odds of the subject.
    """
    against = np.minimum(hint - LEFT_OUT, 0.0) * (RIVAL_ODDS / (1.0 + LEFT_OUT))
    result = np.asarray(odds + SUBJECT_ODDS * np.maximum(hint, 0.0) + against, np.float32)
    pointed = hint > 0
    found = result > 0
    _, parts, stats, _ = cv2.connectedComponentsWithStats(found.astype(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA].astype(float)
    if pointed.any():
        hinted = np.bincount(parts[pointed], minlength=len(stats)).astype(float)
        stays = (hinted > HINTED * areas) | (hinted > HINTED * pointed.sum())
        away = cv2.distanceTransform((~pointed).astype(np.uint8), cv2.DIST_L2, 3)
        far = (away > REACH * float(pointed.sum()) ** 0.5) & (hint < DOUBTED)
    else:
        stays = np.bincount(parts.ravel(), hint.ravel(), len(stats)) > DOUBTED * areas
        far = np.zeros_like(found)
    dropped = found & (~stays[parts] | far)
    return np.where(dropped, np.float32(NOTHING), result).astype(np.float32)
