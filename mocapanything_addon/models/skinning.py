# SPDX-License-Identifier: GPL-3.0-or-later
"""Linear blend skinning of many frames at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def skinned(
    points: NDArray[np.floating],
    joints: NDArray[np.int32],
    weights: NDArray[np.floating],
    rest_positions: NDArray[np.float64],
    rotations: NDArray[np.float64],
    positions: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Surface points under a pose.

    Args:
        points: (V, 3) rest places.
        joints: (V, 4) that move them.
        weights: (V, 4).
        rest_positions: (J, 3).
        rotations: (..., J, 3, 3) global rest-relative D_j.
        positions: (..., J, 3).

    Returns:
        (..., V, 3).
    """
    shift = positions - np.einsum("...jab,jb->...ja", rotations, rest_positions)
    blended_rotation = np.zeros((*positions.shape[:-2], len(points), 3, 3))
    blended_shift = np.zeros((*positions.shape[:-2], len(points), 3))
    for k in range(joints.shape[1]):
        j = joints[:, k]
        blended_rotation += weights[:, k, None, None] * rotations[..., j, :, :]
        blended_shift += weights[:, k, None] * shift[..., j, :]
    return np.einsum("...vab,vb->...va", blended_rotation, points) + blended_shift
