# SPDX-License-Identifier: GPL-3.0-or-later
"""This project's solver on one frame after the other, expecting what it found in the frame before.

What solving the whole clip at once is worth. Where hints are given, they are expected instead.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik import Skeleton

from . import Answer, ours

Array = NDArray[np.float64]


def solve(skeleton: Skeleton, positions: Array, weights: Array, hints: Array | None, fps: float) -> Answer:
    """See the package."""
    turned, moved = [], []
    expected = None
    for frame in range(len(positions)):
        now = slice(frame, frame + 1)
        if hints is not None:
            expected = hints[now]
        answer = ours.solve(skeleton, positions[now], weights[now], expected, fps)
        expected = answer.local_rotations
        turned.append(answer.local_rotations)
        moved.append(answer.root_translation)
    return Answer(np.concatenate(turned), np.concatenate(moved))
