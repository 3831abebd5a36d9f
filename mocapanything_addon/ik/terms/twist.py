# SPDX-License-Identifier: GPL-3.0-or-later
"""Bones are expected not to roll about their length."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..skeleton import Skeleton
from .rotation_prior import RotationPrior

Array = NDArray[np.float64]


class Twist(RotationPrior):
    """Only the part of the rotation vector along the bone's length counts.

    Cost 1/2 sum of (a . log(center^T L))^2 / sigma^2 with a the bone's direction: the twist penalty of
    MoCapAnything (arXiv 2512.10881, supplement B), about an expected rotation.
    """

    def __init__(self, skeleton: Skeleton, sigma: ArrayLike, centers: Array | None = None) -> None:
        """``sigma``: (J,) or a number, radians; ``centers``: (T or 1, J, 3, 3), rest where None."""
        if centers is None:
            centers = np.tile(np.eye(3), (1, skeleton.joint_count, 1, 1))
        axes = skeleton.twist_axes
        widths = np.broadcast_to(np.asarray(sigma, float), (skeleton.joint_count,))
        precision = axes[:, :, None] * axes[:, None, :] / np.square(widths)[:, None, None]
        super().__init__(centers, precision)
