# SPDX-License-Identifier: GPL-3.0-or-later
"""The subject's outline, drawn along the edges of the picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

WORKING_SIDE = 192
"""Side of the window at which the outline is cut, pixels."""

SURE = 3.0
"""Log odds beyond which a pixel is not up for discussion."""

LEAST_PIXELS = 60
"""Subject or background pixels without which no colours can be learned."""


def refine_mask(
    color: NDArray[np.uint8], logit: NDArray[np.float32], other: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """(n, n) 255 on the subject: a graph cut between the colours of this frame's subject and surroundings
    (GrabCut, Rother et al. 2004), started from the log odds and held to them where they are sure.

    Args:
        color: (n, n, 3) RGB window.
        logit: (n, n) log odds of the subject.
        other: (n, n) what moves too but is not the subject.
    """
    size = (WORKING_SIDE, WORKING_SIDE)
    image = np.asarray(cv2.resize(color, size, interpolation=cv2.INTER_AREA), np.uint8)
    odds = cv2.resize(logit, size, interpolation=cv2.INTER_LINEAR)
    likely = odds > 0
    core = cv2.erode(likely.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    seeds = np.where(likely, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    seeds[odds < -SURE] = cv2.GC_BGD
    seeds[(odds > SURE) & core] = cv2.GC_FGD
    seeds[cv2.resize(other.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0] = cv2.GC_BGD
    subject = np.isin(seeds, (cv2.GC_FGD, cv2.GC_PR_FGD))
    if min(subject.sum(), (~subject).sum()) < LEAST_PIXELS:
        return np.where(logit > 0, 255, 0).astype(np.uint8)
    cv2.setRNGSeed(0)  # the colour clusters start from random ones
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(image, seeds, (0, 0, 1, 1), *models, 1, cv2.GC_INIT_WITH_MASK)  # the box is not used
    cut = np.isin(seeds, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    # The network's odds keep what is too thin for the cut; both count, the cut more.
    blended = cut - 0.5 + 0.15 * np.clip(odds / SURE, -1.0, 1.0)
    smooth = cv2.resize(blended, color.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return np.where(smooth > 0, 255, 0).astype(np.uint8)
