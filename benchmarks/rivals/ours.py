# SPDX-License-Identifier: GPL-3.0-or-later
"""This project's solver: the whole clip at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik import Skeleton, Target, solve_clip

from . import Answer

Array = NDArray[np.float64]


def solve(skeleton: Skeleton, positions: Array, weights: Array, hints: Array | None, fps: float) -> Answer:
    """See the package."""
    target = Target(
        positions=np.where(weights[..., None] > 0.0, positions, np.nan), weights=weights, rotations=hints
    )
    solution = solve_clip(skeleton, target, fps)
    return Answer(solution.local_rotations, solution.root_translation)
