# SPDX-License-Identifier: GPL-3.0-or-later
"""Other ways to cut out a subject: frames (H, W, 3) and the true masks of some of them in, masks out.

The true masks only say which frames are wanted and, to GrabCut, the box around the subject.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.worker.subject.window import box_of

Mask = NDArray[np.bool_]
Frames = list[NDArray[np.uint8]]
Rival = Callable[[Frames, dict[int, Mask]], dict[int, Mask]]
WORKING_WIDTH = 480
SAMPLES = 31
DIFFERENCE = 30
"""Levels that tell a pixel from the background."""


def grabcut(frames: Frames, truth: dict[int, Mask]) -> dict[int, Mask]:
    """GrabCut (Rother et al. 2004) from the true box."""
    found = {}
    for index, mask in truth.items():
        small, factor = _small(frames[index])
        left, top, right, bottom = (round(float(v) * factor) if np.isfinite(v) else 0 for v in box_of(mask))
        labels = np.zeros(small.shape[:2], np.uint8)
        box = max(left, 1), max(top, 1), max(right - left - 1, 1), max(bottom - top - 1, 1)
        cv2.setRNGSeed(0)
        cv2.grabCut(small, labels, box, np.zeros((1, 65)), np.zeros((1, 65)), 5, cv2.GC_INIT_WITH_RECT)
        found[index] = _large(np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)), mask.shape)
    return found


def median_background(frames: Frames, truth: dict[int, Mask]) -> dict[int, Mask]:
    """What differs from the median of the clip; its largest part."""
    chosen = np.linspace(0, len(frames) - 1, min(SAMPLES, len(frames))).astype(int)
    background = np.median([_small(frames[i])[0] for i in chosen], axis=0)
    found = {}
    for index, mask in truth.items():
        difference = np.abs(_small(frames[index])[0] - background).max(axis=2)
        found[index] = _large(_largest(difference > DIFFERENCE), mask.shape)
    return found


def mog2(frames: Frames, truth: dict[int, Mask]) -> dict[int, Mask]:
    """Mixture of Gaussians (Zivkovic 2004), run over the clip twice; the largest part."""
    model = cv2.createBackgroundSubtractorMOG2(history=max(50, len(frames)), detectShadows=True)
    model.setBackgroundRatio(0.5)  # a subject that returns to a place in a short clip is still no background
    for frame in frames:
        model.apply(_small(frame)[0])
    found = {}
    for index, frame in enumerate(frames):
        moving = model.apply(_small(frame)[0], learningRate=0.002)
        if index in truth:
            found[index] = _large(_largest(np.asarray(moving) == 255), truth[index].shape)
    return found


RIVALS: dict[str, Rival] = {
    "GrabCut from the true box": grabcut,
    "median background": median_background,
    "MOG2": mog2,
}


def _small(frame: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    factor = min(1.0, WORKING_WIDTH / frame.shape[1])
    size = round(frame.shape[1] * factor), round(frame.shape[0] * factor)
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8), factor


def _large(mask: Mask, shape: tuple[int, ...]) -> Mask:
    up = cv2.resize(mask.astype(np.float32), shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(up > 0.5)


def _largest(mask: Mask) -> Mask:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, kernel)
    _, parts, stats, _ = cv2.connectedComponentsWithStats(closed)
    if len(stats) < 2:
        return mask
    return np.asarray(parts == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()))
