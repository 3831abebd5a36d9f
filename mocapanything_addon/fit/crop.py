# SPDX-License-Identifier: GPL-3.0-or-later
"""A square window of the image, resampled to a fixed number of pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Crop:
    """Points are pixel centres (integers), as in Camera; only the corner is given at pixel borders."""

    left: float
    top: float
    """The corner in image pixels, where pixel 0 spans 0 to 1."""
    side: float
    """Length in image pixels."""
    size: int
    """Pixels a side after resampling."""

    @property
    def scale(self) -> float:
        """Crop pixels per image pixel."""
        return self.size / self.side

    def to_crop(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(..., 2) image pixels -> crop pixels."""
        return (points + 0.5 - [self.left, self.top]) * self.scale - 0.5

    def to_image(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(..., 2) crop pixels -> image pixels."""
        return (points + 0.5) / self.scale + [self.left, self.top] - 0.5

    def affine_from_image(self) -> NDArray[np.float64]:
        """(2, 3) matrix that takes image pixels to crop pixels, for cv2.warpAffine."""
        k = self.scale
        return np.array(
            [[k, 0.0, (0.5 - self.left) * k - 0.5], [0.0, k, (0.5 - self.top) * k - 0.5]],
        )

    def affine_to(self, other: Crop) -> NDArray[np.float64]:
        """(2, 3) matrix that takes this crop's pixels to those of another crop of the same image."""
        k = other.scale / self.scale
        return np.column_stack([k * np.eye(2), other.to_crop(self.to_image(np.zeros(2)))])
