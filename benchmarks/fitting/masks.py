# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks as segmenters make them: too small, too large, with holes, different in every frame."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Masks = NDArray[np.uint8]
WORN = 4
"""Pixels of a 256 window, about 2 % of the subject."""
HOLES = 3
HOLE = 0.12
"""Radius of a hole over the longer side of the subject."""
SHADOW = 0.14, 0.6
"""Height of a shadow over that of the subject's box, and its half width over the box's width."""
GONE = 0.06
"""Share of flickering frames that have no mask at all."""


def true(masks: Masks, rng: np.random.Generator) -> Masks:
    """(T, n, n) as it is."""
    return masks


def eroded(masks: Masks, rng: np.random.Generator) -> Masks:
    """Thin parts vanish."""
    return np.stack([np.asarray(cv2.erode(mask, _disc(WORN), iterations=1), np.uint8) for mask in masks])


def dilated(masks: Masks, rng: np.random.Generator) -> Masks:
    """Gaps between limbs close."""
    return np.stack([np.asarray(cv2.dilate(mask, _disc(WORN), iterations=1), np.uint8) for mask in masks])


def holed(masks: Masks, rng: np.random.Generator) -> Masks:
    """Round holes that stay on their part of the subject's box."""
    places = rng.uniform(0.15, 0.85, (HOLES, 2))
    result = masks.copy()
    for mask in result:
        left, top, width, height = cv2.boundingRect(mask)
        for x, y in places:
            at = int(left + x * width), int(top + y * height)
            cv2.circle(mask, at, max(1, round(HOLE * max(width, height))), (0.0,), -1)
    return result


def shadowed(masks: Masks, rng: np.random.Generator) -> Masks:
    """The shadow on the ground is taken for a part of the subject."""
    aside = rng.uniform(-0.2, 0.2)
    result = masks.copy()
    for mask in result:
        left, top, width, height = cv2.boundingRect(mask)
        center = int(left + (0.5 + aside) * width), int(top + (1.0 - 0.5 * SHADOW[0]) * height)
        axes = max(1, int(SHADOW[1] * width)), max(1, int(0.5 * SHADOW[0] * height))
        cv2.ellipse(mask, center, axes, 0.0, 0.0, 360.0, (255.0,), -1)
    return result


def flickering(masks: Masks, rng: np.random.Generator) -> Masks:
    """Each frame is worn another way: grown, shrunk, a part bitten off, or gone."""
    result = []
    for mask in masks:
        amount = int(rng.integers(-WORN, WORN + 1))
        change = cv2.dilate if amount > 0 else cv2.erode
        worn = np.asarray(change(mask, _disc(abs(amount))), np.uint8) if amount else mask.copy()
        left, top, width, height = cv2.boundingRect(mask)
        if rng.random() < 0.3:
            at = int(left + rng.random() * width), int(top + rng.random() * height)
            cv2.circle(worn, at, max(1, round(rng.uniform(0.5, 1.5) * HOLE * max(width, height))), (0.0,), -1)
        if rng.random() < GONE:
            worn[:] = 0
        result.append(worn)
    return np.stack(result)


def _disc(radius: int) -> NDArray[np.uint8]:
    size = 2 * radius + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)


MASKS: dict[str, Callable[[Masks, np.random.Generator], Masks]] = {
    "true": true,
    "eroded": eroded,
    "dilated": dilated,
    "holed": holed,
    "shadowed": shadowed,
    "flickering": flickering,
}
