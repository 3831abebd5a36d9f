# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a pose is pulled to when the pixels do not say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class PosePrior:
    """A centre and a width for every joint's local rotation L_j. T frames, or T = 1 for the whole clip."""

    local_rotations: NDArray[np.float64]
    """(T, J, 4) quaternions (w, x, y, z)."""
    sigma: NDArray[np.float64]
    """(T, J) standard deviation about the centre, radians."""
