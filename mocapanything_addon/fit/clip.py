# SPDX-License-Identifier: GPL-3.0-or-later
"""What the fit sees of the video: the subject, cut out, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from .crop import Crop

FEWEST_STOPPED = 12
"""Pixels of an outline that must stop at something for it to count."""


@dataclass(frozen=True, eq=False)
class SubjectClip:
    """T frames of n x n pixels around the subject. Long clips stay on disk: the arrays may be memory maps."""

    times: NDArray[np.float64]
    """(T,) true presentation times, seconds since the first frame."""
    frame_rate: float
    """The video's nominal frames per second."""
    width: int
    height: int
    """Of the source image after its rotation flag, pixels."""
    crops: Sequence[Crop]
    """(T,) window of every frame in source pixels; all of the same size n."""
    color: NDArray[np.uint8]
    """(T, n, n, 3) RGB, the scene as filmed."""
    mask: NDArray[np.uint8]
    """(T, n, n) 255 on the subject, 0 elsewhere; 0 beyond the image border."""
    cut_off: NDArray[np.bool_]
    """(T, 4) the subject reaches the left, top, right, bottom border of the image."""
    to_frame: NDArray[np.float64] | None = None
    """(T, 3, 3) where the camera turns: homographies from source pixels, then those of one frame whose
    image goes on in all directions, to each frame's own pixels. None: the camera stands still."""
    hidden: NDArray[np.uint8] | None = None
    """(T, n, n) 255 where something stands before whatever may be there of the subject, and on the outline
    that it makes; None: nothing is known to stand in front."""

    @property
    def frame_count(self) -> int:
        return len(self.times)

    def part(self, frames: slice) -> SubjectClip:
        """Some of its frames."""
        return replace(
            self,
            times=self.times[frames],
            crops=self.crops[frames],
            color=self.color[frames],
            mask=self.mask[frames],
            cut_off=self.cut_off[frames],
            to_frame=None if self.to_frame is None else self.to_frame[frames],
            hidden=None if self.hidden is None else self.hidden[frames],
        )

    def stops_at_something(self, frame: int) -> bool:
        """Whether the subject's outline stops at something that stands in front of it."""
        if self.hidden is None:
            return False
        return np.count_nonzero((self.hidden[frame] > 127) & (self.mask[frame] > 127)) >= FEWEST_STOPPED

    def own_pixels(self, frame: int, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Source pixels (h, w, 2) as pixels of the frame's own image."""
        if self.to_frame is None:
            return points
        return np.asarray(cv2.perspectiveTransform(points, self.to_frame[frame]), np.float64)
