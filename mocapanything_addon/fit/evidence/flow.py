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
from ..sampling import MeshPoints
from .observations import MotionObservations

CONSISTENCY = 2.0
"""Forward-backward error, in the fit's pixels, at which a flow vector loses most of its weight."""
OFF_SUBJECT = 0.1
"""Weight left to a vector that ends off the subject."""
CACHED_PAIRS = 200


@dataclass(frozen=True, eq=False)
class Flow:
    """Flow from one frame to another in one common window."""

    crop: Crop
    vectors: NDArray[np.float32]
    """(n, n, 2) window pixels."""
    error: NDArray[np.float32]
    """(n, n) forward-backward error, window pixels."""

    def at(self, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Displacement (N, 2) and its forward-backward error (N,), source pixels, at source pixels (N, 2).

        Outside the window the error is infinite.
        """
        local = self.crop.to_crop(points)
        x, y = local[None, :, 0].astype(np.float32), local[None, :, 1].astype(np.float32)
        vectors = cv2.remap(self.vectors, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
        error = cv2.remap(self.error, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
        inside = ((local > 1.0) & (local < self.crop.size - 2.0)).all(1)
        error = np.where(inside, error.reshape(-1), np.inf)
        return vectors.reshape(-1, 2) / self.crop.scale, error / self.crop.scale


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
            self._pairs[source, target] = Flow(crop, forward, _disagreement(forward, backward))
            self._pairs[target, source] = Flow(crop, backward, _disagreement(backward, forward))
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
    *,
    total_weight: float,
) -> MotionObservations:
    """Where the video says that visible points of one frame went in another.

    Args:
        frames: The clip.
        flow: Its flow.
        source: Frame in which the points are seen.
        target: The other frame.
        points: The S points.
        pixels: (S, 2) where the camera sees them in ``source``, source pixels.
        total_weight: Of all points together.
    """
    displacements, error = flow.between(source, target).at(pixels)
    weights = np.exp(-((error / (CONSISTENCY * frames.pixel[source])) ** 2))
    weights *= np.where(frames.mask_at(target, pixels + displacements), 1.0, OFF_SUBJECT)
    weights *= total_weight / max(len(points), 1)
    return MotionObservations(source, target, points, displacements, weights)


def _disagreement(forward: NDArray[np.float32], backward: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, n) how far a pixel ends from where it began when it follows both flows."""
    height, width = forward.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    back = cv2.remap(
        backward, x + forward[..., 0], y + forward[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.linalg.norm(forward + back, axis=-1).astype(np.float32)
