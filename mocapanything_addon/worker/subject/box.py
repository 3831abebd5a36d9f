# SPDX-License-Identifier: GPL-3.0-or-later
"""The subject as the user points at it: a box in one frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PERHAPS = 0.3
"""What a box says of the pixels in it, as a hint for the mask network; outside it, nothing is the subject."""


@dataclass(frozen=True)
class SubjectBox:
    """A box around the subject in source pixels, at a time in seconds since the video's first frame."""

    left: float
    top: float
    right: float
    bottom: float
    time: float = 0.0

    def hint(self, height: int, width: int, factor: float) -> NDArray[np.float32]:
        """(h, w) the box in a frame whose pixels are ``factor`` source pixels wide."""
        hint = np.full((height, width), -1.0, np.float32)
        rows = slice(max(0, int(self.top / factor)), int(np.ceil(self.bottom / factor)))
        columns = slice(max(0, int(self.left / factor)), int(np.ceil(self.right / factor)))
        hint[rows, columns] = PERHAPS
        return hint
