# SPDX-License-Identifier: GPL-3.0-or-later
"""Optical flow between two frames of the subject, and what it says about the points of the surface."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..crop import Crop
from ..frames import Frames
from ..parts import PartMap
from ..sampling import MeshPoints
from .observations import MotionObservations
from .patches import follow_patches

UNIT = 2.0
"""The fit's pixels: standard deviation of a displacement of weight 1."""
ACCURACY = 0.5
"""The fit's pixels: no patch is found better than this, for it turns and is lit otherwise."""
MISFIT = 1.0
"""Of a patch that lost most of its weight."""
OFF_SUBJECT = 0.1
"""Weight left to a vector that ends off the subject."""
CACHED_PAIRS = 200


@dataclass(frozen=True, eq=False)
class Flow:
    """Flow from one frame to another in one common window."""

    crop: Crop
    vectors: NDArray[np.float32]
    """(n, n, 2) window pixels."""
    source: NDArray[np.uint8]
    target: NDArray[np.uint8]
    """(n, n) the two images."""

    def at(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Displacements (N, 2), window pixels, at window pixels (N, 2)."""
        x, y = points[None, :, 0].astype(np.float32), points[None, :, 1].astype(np.float32)
        vectors = cv2.remap(self.vectors, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(vectors.reshape(-1, 2), np.float64)


class FlowField:
    """Flow between the frames of a clip (dense inverse search, Kroeger et al. 2016), computed once a pair.

    Everything but the subject is painted one flat grey first: what moves behind it must not pull at it.
    """

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self._search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._pairs: OrderedDict[tuple[int, int], Flow] = OrderedDict()

    def between(self, source: int, target: int) -> Flow:
        """Flow from one frame to another."""
        if (source, target) not in self._pairs:
            crop = self._frames.union_window(source, target)
            first = self._frames.painted(source, crop)
            second = self._frames.painted(target, crop)
            forward = self._search.calc(first, second, None)  # type: ignore[call-overload]
            backward = self._search.calc(second, first, None)  # type: ignore[call-overload]
            self._pairs[source, target] = Flow(crop, forward, first, second)
            self._pairs[target, source] = Flow(crop, backward, second, first)
            while len(self._pairs) > 2 * CACHED_PAIRS:
                self._pairs.popitem(last=False)
        return self._pairs[source, target]


def flow_observations(
    frames: Frames,
    flow: FlowField,
    source: int,
    target: int,
    points: MeshPoints,
    pixels: NDArray[np.float64],
    parts: PartMap,
    *,
    total_weight: float,
    expected: NDArray[np.float64],
) -> MotionObservations:
    """Where the video says that visible points of one frame went in another.

    Patches around the points are found again, beginning where the dense flow leads and where the body is
    expected.

    Args:
        frames: The clip.
        flow: Its flow.
        source: Frame in which the points are seen.
        target: The other frame.
        points: The S points.
        pixels: (S, 2) where the camera sees them in ``source``, source pixels.
        parts: What the body shows in ``source``.
        total_weight: Of all points together.
        expected: (S, 2) displacements as the motion has them, source pixels.
    """
    dense = flow.between(source, target)
    crop = dense.crop
    places = crop.to_crop(pixels)
    guesses = [dense.at(places), expected * crop.scale]
    found = follow_patches(
        dense.source.astype(np.float32), dense.target.astype(np.float32), places, guesses, parts.within(crop)
    )
    displacements = found.displacements / crop.scale
    weights = np.exp(-np.square(found.misfit / MISFIT))
    weights *= np.where(frames.mask_at(target, pixels + displacements), 1.0, OFF_SUBJECT)
    weights *= total_weight / max(len(points), 1)
    unit = crop.scale * frames.pixel[source]
    return MotionObservations(
        source, target, points, displacements, weights, UNIT * _precision_roots(found.precision * unit**2)
    )


def _precision_roots(texture: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 2, 2) roots R of W = R R of the precision that texture (N, 2, 2) and ``ACCURACY`` leave."""
    values, vectors = np.linalg.eigh(texture)
    values = np.maximum(values, 0.0)
    roots = np.sqrt(values / (1.0 + ACCURACY**2 * values))
    return np.asarray((vectors * roots[:, None]) @ np.swapaxes(vectors, -1, -2))
