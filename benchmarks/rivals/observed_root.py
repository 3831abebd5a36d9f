# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the root was seen: the start, or the answer, of methods that have no term for it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik import Skeleton

Array = NDArray[np.float64]


def observed_root_translation(skeleton: Skeleton, positions: Array, weights: Array) -> Array:
    """(T, 3) of the root from rest; frames where it was not seen lie on a line between the others."""
    frames = np.arange(len(positions))
    seen = weights[:, skeleton.root] > 0.0
    if not seen.any():
        return np.zeros((len(positions), 3))
    moved = positions[seen, skeleton.root] - skeleton.rest_positions[skeleton.root]
    return np.stack([np.interp(frames, frames[seen], moved[:, axis]) for axis in range(3)], axis=1)
