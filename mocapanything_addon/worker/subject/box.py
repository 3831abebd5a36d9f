# SPDX-License-Identifier: GPL-3.0-or-later
"""The subject as the user points at it: a box in one frame."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .track import OTHER, SUBJECT

LEAST_FILLED = 0.1
"""Share of the box that must be moving for motion to tell the subject in it."""


@dataclass(frozen=True)
class SubjectBox:
    """A box around the subject in source pixels, at a time in seconds since the video's first frame."""

    left: float
    top: float
    right: float
    bottom: float
    time: float = 0.0


def labels_in_box(
    rgb: NDArray[np.uint8], logit: NDArray[np.float32], box: tuple[float, float, float, float]
) -> NDArray[np.uint8]:
    """(h, w) SUBJECT, OTHER or 0: what moves in the box is the subject; if little does, what GrabCut finds
    in it.

    Args:
        rgb: (h, w, 3) frame at analysis size.
        logit: (h, w) its log odds.
        box: Left, top, right, bottom in pixels of the same frame.
    """
    height, width = logit.shape
    left, top = max(0, int(box[0])), max(0, int(box[1]))
    right, bottom = min(width, int(np.ceil(box[2]))), min(height, int(np.ceil(box[3])))
    inside = np.zeros(logit.shape, bool)
    inside[top:bottom, left:right] = True
    moving = logit > 0
    subject = moving & inside
    if subject.sum() < LEAST_FILLED * inside.sum():
        seeds = np.zeros(logit.shape, np.uint8)
        rectangle = (left, top, max(1, right - left), max(1, bottom - top))
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.setRNGSeed(0)
        cv2.grabCut(rgb, seeds, rectangle, *models, 4, cv2.GC_INIT_WITH_RECT)
        subject = np.isin(seeds, (cv2.GC_FGD, cv2.GC_PR_FGD)) & inside
    return np.where(subject, SUBJECT, np.where(moving, OTHER, 0)).astype(np.uint8)
