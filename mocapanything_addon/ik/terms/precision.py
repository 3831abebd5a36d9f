# SPDX-License-Identifier: GPL-3.0-or-later
"""How sure a pull on rotations is, axis by axis."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..skeleton import Skeleton

Array = NDArray[np.float64]


def joint_precision(skeleton: Skeleton, sigma: ArrayLike, twist_factor: float = 1.0) -> Array:
    """1 / sigma^2 about axes across the bone, 1 / (twist_factor sigma)^2 about its length.

    Args:
        skeleton: its ``twist_axes`` are the bones' lengths.
        sigma: (..., J) or a number, radians; inf gives no pull.
        twist_factor: below 1, twist is held more firmly than swing.

    Returns:
        (..., J, 3, 3) in the joints' own frames, armature axes at rest.
    """
    sigma = np.broadcast_to(np.asarray(sigma, float), (*np.shape(sigma)[:-1], skeleton.joint_count))
    axes = skeleton.twist_axes
    shape = np.eye(3) + (1.0 / twist_factor**2 - 1.0) * axes[:, :, None] * axes[:, None, :]
    return shape / np.square(sigma)[..., None, None]
