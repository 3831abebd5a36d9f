# SPDX-License-Identifier: GPL-3.0-or-later
"""What a piece of evidence is: where surface points are in the image, or how they move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..sampling import MeshPoints


@dataclass(frozen=True, eq=False)
class PlaceObservations:
    """Surface points of one frame and where they should be seen."""

    points: MeshPoints
    targets: NDArray[np.float64]
    """(S, 2) source pixels."""
    weights: NDArray[np.float64]
    """(S,) non-negative."""
    normals: NDArray[np.float64] | None
    """(S, 2) only the distance along this unit vector counts; None: both directions do."""
    sigma: float
    """Robust width: a point farther away than this, in the fit's pixels, loses its say."""
    roots: NDArray[np.float64] | None = None
    """(S, 2, 2) roots of the precisions, relative to weight 1; None: known equally well all ways."""


@dataclass(frozen=True, eq=False)
class MotionObservations:
    """Surface points seen in one frame and how far they move in the image until another."""

    source: int
    """Frame in which the points are seen."""
    target: int
    """Frame to which they move."""
    points: MeshPoints
    displacements: NDArray[np.float64]
    """(S, 2) source pixels."""
    weights: NDArray[np.float64]
    """(S,) non-negative."""
    roots: NDArray[np.float64]
    """(S, 2, 2) roots of the precisions, relative to weight 1: how much better a displacement is known one
    way than the other."""
