# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks that were cut too small or too large: how much, as the edges in the picture tell, and undone.

A segmenter's outline often runs a few pixels inside or outside of the subject's, in all frames or in some.
In the picture the subject's own outline is an edge. Where along the outline's normals the edges lie on
average is how much the mask must grow or shrink. What was too thin to survive does not come back: limbs
narrower than twice the offset are gone from a mask that was too small, gaps as narrow are closed in one that
was too large, and a drawn body must lose the same before the two are compared.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .evidence.contour import Contour, trace

REACH = 10
"""Clip pixels to either side that edges are looked for."""
BLUR = 0.8
FLAT = 5.0
"""Grey levels: outlines across which the picture changes less in all have little say."""
FEWEST = 20
"""Outline points."""
CLEARLY = 1.25
"""Edges at another place must be so many times as strong as those where the mask has its outline."""
CLIP_SHARE = 0.3
"""What the average frame says of a frame."""
ON_MASK = 0.5
"""Outline points are pixels of the mask; the edge runs beside them."""
NEAR = 2
"""Pixels to either side of an outline where the picture may change."""
HALF = 0.3
"""Of the usual change: where less changes, the outline loses its say."""
LEAST_SUPPORT = 0.1
SMALLEST = 0.75
"""Clip pixels: smaller offsets are none."""

Profile = NDArray[np.float64]


def edge_profile(color: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Profile | None:
    """How strongly the picture changes along the normals of a mask's outline.

    Args:
        color: (n, n, 3) RGB.
        mask: (n, n).

    Returns:
        (2 REACH + 1,) mean share of a point's change, from outside to inside; None without an outline.
    """
    contour = trace(mask, np.ones_like(mask))
    if len(contour) < FEWEST:
        return None
    change = _change_across(color, contour, np.arange(-REACH, REACH + 1))
    return np.asarray((change / (change.sum(axis=1, keepdims=True) + FLAT)).mean(axis=0), np.float64)


def edge_support(color: NDArray[np.uint8], contour: Contour) -> NDArray[np.float64]:
    """(C,) how much the picture speaks for each point of an outline: little where a mask has a hole, or ends
    within the body, because nothing changes there."""
    if not len(contour):
        return np.zeros(0)
    change = _change_across(color, contour, np.arange(-NEAR - 1, NEAR + 1)).max(axis=1)
    return np.clip(change / max(HALF * float(np.median(change)), 1e-6), LEAST_SUPPORT, 1.0)


def _change_across(
    color: NDArray[np.uint8], contour: Contour, steps: NDArray[np.intp]
) -> NDArray[np.float32]:
    """(C, K) change of colour a pixel along the normals, at some steps (K,) inwards from the outline."""
    places = contour.points[:, None] + steps[None, :, None] * contour.normals[:, None]
    image = cv2.GaussianBlur(color.astype(np.float32), (0, 0), BLUR)
    x, y = places[..., 0].astype(np.float32), places[..., 1].astype(np.float32)
    values = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(np.linalg.norm(np.gradient(values, axis=1), axis=2), np.float32)


def mask_offset(profile: Profile | None, usual: Profile) -> float:
    """Clip pixels that the mask is too large (or, negative, too small) where the picture clearly says so.

    Args:
        profile: Of the frame.
        usual: Of the clip.
    """
    if profile is None:
        return 0.0
    both = np.convolve(profile + CLIP_SHARE * usual, [0.25, 0.5, 0.25], "same")
    peak = int(both.argmax())
    if both[peak] < CLEARLY * both[REACH - 1 : REACH + 1].max():
        return 0.0
    near = np.arange(max(peak - 2, 0), min(peak + 3, len(both)))
    excess = np.maximum(both[near] - np.median(both), 0.0)
    offset = float(excess @ (near - REACH) / max(excess.sum(), 1e-9)) + ON_MASK
    return offset if abs(offset) >= SMALLEST else 0.0


def without_offset(mask: NDArray[np.bool_], offset: float) -> NDArray[np.bool_]:
    """The mask (n, n) shrunk by ``offset`` pixels, or grown by as many where it is negative."""
    if offset == 0.0:
        return mask
    if offset > 0.0:
        return _distance(mask) > offset
    return _distance(~mask) <= -offset


def with_losses(mask: NDArray[np.bool_], offset: float) -> NDArray[np.bool_]:
    """What is left of a mask (n, n) that was cut ``offset`` pixels too large (or too small) and mended."""
    return without_offset(without_offset(mask, -offset), offset)


def _distance(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(n, n) pixels to the nearest one that is not in the mask."""
    return np.asarray(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5), np.float32)
