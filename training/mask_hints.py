# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody may believe about where the subject is, made from the truth: the mask network's hints.

A hint is (n, n) from -1 (surely not the subject) over 0 (no idea) to 1 (surely is).
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from .mask_scenes import MaskScene

Map = NDArray[np.float32]


def nothing(scene: MaskScene, rng: np.random.Generator) -> Map:
    """No hint: what stands out is meant."""
    return np.zeros(scene.subject.shape, np.float32)


def carried(scene: MaskScene, rng: np.random.Generator) -> Map:
    """The mask of the frame before, moved along by a flow that is not quite right."""
    mask = _worn(scene, rng)
    size = mask.shape[0]
    shift = rng.normal(size=2) * rng.choice([0.004, 0.012, 0.03]) * size
    turn = cv2.getRotationMatrix2D((size / 2, size / 2), rng.normal() * 2.0, np.exp(rng.normal() * 0.03))
    turn = turn + np.array([[0.0, 0.0, shift[0]], [0.0, 0.0, shift[1]]])
    moved = cv2.warpAffine(mask, turn, (size, size))
    wave = cv2.resize(
        rng.normal(size=(6, 6, 2)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC
    )
    wave = wave * np.float32(rng.choice([0.0, 0.006, 0.015]) * size)
    x, y = np.meshgrid(np.arange(size, dtype=np.float32), np.arange(size, dtype=np.float32))
    moved = cv2.remap(moved, x + wave[..., 0], y + wave[..., 1], cv2.INTER_LINEAR)
    moved = cv2.GaussianBlur(moved, (0, 0), rng.uniform(0.3, 3.0) * size / 256)
    return np.asarray((2.0 * moved - 1.0) * rng.uniform(0.5, 1.0), np.float32)


def moving(scene: MaskScene, rng: np.random.Generator) -> Map:
    """Log odds from motion and colours: coarse, noisy, with the shadow in it, and holes."""
    size = scene.subject.shape[0]
    mask = _worn(scene, rng)
    cells = int(rng.integers(3, 14))
    noise = cv2.resize(
        rng.normal(size=(cells, cells)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC
    )
    fine = cv2.resize(
        rng.normal(size=(48, 48)).astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR
    )
    width = rng.uniform(0.6, 5.0) * size / 256
    odds = (2.0 * cv2.GaussianBlur(mask, (0, 0), width) - 1.0) * rng.uniform(1.0, 3.0) + rng.uniform(
        -0.5, 0.3
    )
    odds += noise * rng.choice([0.1, 0.4, 0.9]) + fine * rng.choice([0.0, 0.3, 0.6])
    if scene.others.any():
        # Something else that moves: known not to be meant, or taken for it in part.
        other = cv2.GaussianBlur(scene.others.astype(np.float32) / 255.0, (0, 0), width)
        odds += other * (-2.0 if rng.random() < 0.6 else rng.uniform(0.0, 1.2))
    hint = np.tanh(odds * rng.uniform(0.3, 1.2))
    if rng.random() < 0.5:
        # What does not move may still be the subject, so nothing that stands still is sure not to be.
        hint = np.maximum(hint, -rng.uniform(0.1, 0.5))
        if rng.random() < 0.6:
            hint = np.minimum(hint, _in_part(size, rng))
    return hint.astype(np.float32)


def _in_part(size: int, rng: np.random.Generator) -> Map:
    """1 in some part of the window, less elsewhere: what moves there shows, and nothing else."""
    cells = int(rng.integers(2, 5))
    field = cv2.resize(
        rng.normal(size=(cells, cells)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC
    )
    shown = 1.0 / (1.0 + np.exp(-12.0 * (field - rng.uniform(-0.6, 0.6))))
    return np.asarray(shown * (1.0 + rng.uniform(0.0, 0.4)) - rng.uniform(0.0, 0.4), np.float32)


def coarse(scene: MaskScene, rng: np.random.Generator) -> Map:
    """The mask at a few pixels a side."""
    mask = _worn(scene, rng)
    size = mask.shape[0]
    cells = int(rng.integers(8, 33))
    small = cv2.resize(mask, (cells, cells), interpolation=cv2.INTER_AREA)
    up = cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR)
    return np.asarray((2.0 * up - 1.0) * rng.uniform(0.4, 1.0), np.float32)


def boxed(scene: MaskScene, rng: np.random.Generator) -> Map:
    """A box that somebody drew."""
    rows, columns = np.nonzero(scene.subject > 127)
    size = scene.subject.shape[0]
    hint = np.full((size, size), -1.0, np.float32)
    if not len(rows):
        return hint
    low, high = np.array([columns.min(), rows.min()]), np.array([columns.max() + 1, rows.max() + 1])
    slack = 0.08 * (high - low)
    low = np.maximum(low + rng.normal(size=2) * slack - 0.5 * slack, 0).astype(int)
    high = np.minimum(high + rng.normal(size=2) * slack + 0.5 * slack, size).astype(int)
    hint[low[1] : high[1], low[0] : high[0]] = BOX_INSIDE
    return hint


BOX_INSIDE = 0.3
"""What a box says of the pixels in it: perhaps."""


def clicked(scene: MaskScene, rng: np.random.Generator) -> Map:
    """A disc where somebody clicked."""
    size = scene.subject.shape[0]
    hint = np.zeros((size, size), np.float32)
    inner = cv2.distanceTransform((scene.subject > 127).astype(np.uint8), cv2.DIST_L2, 3)
    if inner.max() == 0.0:
        return np.full_like(hint, -1.0)  # nobody clicks on what is not there
    rows, columns = np.nonzero(inner >= 0.3 * inner.max())
    at = rng.integers(len(rows))
    radius = max(2, int(rng.uniform(0.01, 0.05) * size))
    cv2.circle(hint, (int(columns[at]), int(rows[at])), radius, (1.0,), -1)
    return hint


def followed(scene: MaskScene, rng: np.random.Generator) -> Map:
    """What the product gives while it follows a subject: the mask of the frame before and what moves."""
    share = np.float32(rng.uniform(0.3, 0.8))
    return share * carried(scene, rng) + (1 - share) * moving(scene, rng)


HINTS: dict[str, tuple[float, Callable[[MaskScene, np.random.Generator], Map]]] = {
    "nothing": (0.16, nothing),
    "carried": (0.25, carried),
    "moving": (0.22, moving),
    "followed": (0.17, followed),
    "coarse": (0.06, coarse),
    "boxed": (0.07, boxed),
    "clicked": (0.07, clicked),
}
"""How often each kind is given, and what makes it."""


def random_hint(scene: MaskScene, rng: np.random.Generator) -> Map:
    """A hint of a random kind; never none where nothing tells the subject from the others."""
    names = [name for name in HINTS if scene.alone or name != "nothing"]
    weights = np.array([HINTS[name][0] for name in names])
    return HINTS[names[rng.choice(len(names), p=weights / weights.sum())]][1](scene, rng)


def _worn(scene: MaskScene, rng: np.random.Generator) -> Map:
    """The mask 0 to 1 with a method's mistakes: too wide or narrow, shadow in it, limbs missing."""
    size = scene.subject.shape[0]
    mask = scene.subject.astype(np.float32) / 255.0
    if rng.random() < 0.35:
        mask = np.maximum(mask, scene.shadow.astype(np.float32) / 255.0 * np.float32(rng.uniform(0.4, 1.0)))
    if rng.random() < 0.4:
        width = 2 * int(rng.integers(1, max(2, size // 40))) + 1
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
        changed = cv2.dilate(mask, kernel) if rng.random() < 0.6 else cv2.erode(mask, kernel)
        mask = np.asarray(changed, np.float32)
    if rng.random() < 0.15 and scene.others.any():
        part = np.zeros((size, size), np.uint8)
        rows, columns = np.nonzero(scene.others > 127)
        if len(rows):
            at = rng.integers(len(rows))
            cv2.circle(
                part, (int(columns[at]), int(rows[at])), int(rng.integers(size // 20, size // 5)), (1,), -1
            )
            mask = np.maximum(mask, part * (scene.others > 127))
    if rng.random() < 0.2:
        mask = mask * _one_side(scene, rng)
    if rng.random() < 0.45:
        rows, columns = np.nonzero(scene.subject > 127)
        for _ in range(int(rng.integers(1, 4)) if len(rows) else 0):
            at = rng.integers(len(rows))
            place = int(columns[at]), int(rows[at])
            missing = float(rng.random() < 0.3)
            cv2.circle(mask, place, int(rng.integers(size // 40, size // 7)), (missing,), -1)
    return np.ascontiguousarray(mask, np.float32)


def _one_side(scene: MaskScene, rng: np.random.Generator) -> Map:
    """1 on one side of a line through the subject: the rest of it was lost."""
    size = scene.subject.shape[0]
    rows, columns = np.nonzero(scene.subject > 127)
    if not len(rows):
        return np.ones((size, size), np.float32)
    at = rng.integers(len(rows))
    turn = rng.uniform(0.0, 2.0 * np.pi)
    y, x = np.mgrid[:size, :size]
    across = (x - columns[at]) * np.cos(turn) + (y - rows[at]) * np.sin(turn)
    return (across < 0).astype(np.float32)
