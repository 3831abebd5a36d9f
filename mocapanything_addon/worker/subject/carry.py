# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry what is known of one small frame along into the next, with the optical flow."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def grey(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(h, w) grey levels of an image (h, w, 3)."""
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)


class FlowCarrier:
    """Carries images from frame to frame (dense inverse search, Kroeger et al. 2016)."""

    def __init__(self, height: int, width: int) -> None:
        self._search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._no_flow = np.zeros((height, width, 2), np.float32)
        self._x, self._y = np.meshgrid(
            np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
        )

    def labels(
        self, image: NDArray[np.uint8], before: NDArray[np.uint8], after: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """Labels (h, w) of a frame as they are in the next; 0 comes in over the border.

        Args:
            image: The labels.
            before: (h, w) grey levels of the frame.
            after: (h, w) those of the next.
        """
        return np.asarray(self._carried(image, before, after, cv2.INTER_NEAREST, 0.0), np.uint8)

    def values(
        self, image: NDArray[np.float32], before: NDArray[np.uint8], after: NDArray[np.uint8], border: float
    ) -> NDArray[np.float32]:
        """As :meth:`labels` for values, which are interpolated; ``border`` comes in."""
        return np.asarray(self._carried(image, before, after, cv2.INTER_LINEAR, border), np.float32)

    def _carried(
        self,
        image: NDArray,
        before: NDArray[np.uint8],
        after: NDArray[np.uint8],
        interpolation: int,
        border: float,
    ) -> NDArray:
        flow = self._search.calc(after, before, self._no_flow)
        return cv2.remap(
            image,
            self._x + flow[:, :, 0],
            self._y + flow[:, :, 1],
            interpolation,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(border,),
        )
