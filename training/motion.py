# SPDX-License-Identifier: GPL-3.0-or-later
"""Forward kinematics of raw arrays, batched over frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def forward_kinematics(
    parents: NDArray[np.int32], offsets: Array, local: Array, root: Array
) -> tuple[Array, Array]:
    """Local rotations (..., J, 3, 3), offsets (J, 3), root (..., 3) -> global rotations D and positions p.

    D_j = D_parent L_j, p_j = p_parent + D_parent o_j.
    """
    rotations = np.empty_like(local)
    positions = np.empty((*local.shape[:-2], 3))
    rotations[..., 0, :, :] = local[..., 0, :, :]
    positions[..., 0, :] = root
    for j in range(1, len(parents)):
        p = parents[j]
        rotations[..., j, :, :] = rotations[..., p, :, :] @ local[..., j, :, :]
        positions[..., j, :] = positions[..., p, :] + rotations[..., p, :, :] @ offsets[j]
    return rotations, positions


def local_rotations(parents: NDArray[np.int32], rotations: Array) -> Array:
    """Global D (..., J, 3, 3) -> local L_j = D_parent^-1 D_j; the root's is its global rotation."""
    local = np.swapaxes(rotations[..., np.maximum(parents, 0), :, :], -1, -2) @ rotations
    local[..., 0, :, :] = rotations[..., 0, :, :]
    return local
