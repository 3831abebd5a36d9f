# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rig's own poses tell of joints that nothing shows: around which rotation they move, and how far."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import rotations

Array = NDArray[np.float64]
BEYOND = 0.2
"""Radians, standard deviation of what other motions do that the poses do not show."""
FIRST_GUESS = 0.5
"""Radians, standard deviation of a joint of which no pose is known."""
GUESS_WEIGHT = 3.0
"""Poses that the first guess counts as."""


class UsualRotations(NamedTuple):
    """A Gaussian for every joint, in the rotation vector from its mean."""

    centers: Array
    """(J, 3, 3) mean local rotations."""
    precision: Array
    """(J, 3, 3) inverse covariance, 1 / radians^2, armature axes at rest."""


def usual_rotations(poses: Array) -> UsualRotations:
    """From N poses (N, J, 4) of local rotations L_j (w, x, y, z), N > 0.

    The covariance is that of the poses, shrunk towards a first guess where they are few, and widened by what
    other motions may do besides.
    """
    turned = rotations.matrix_from_quaternion(poses)
    centers = rotations.nearest_rotation(turned.mean(axis=0))
    away = rotations.log(np.swapaxes(centers, -1, -2) @ turned)
    count = len(away)
    spread = np.einsum("nja,njb->jab", away, away) + GUESS_WEIGHT * FIRST_GUESS**2 * np.eye(3)
    return UsualRotations(centers, np.linalg.inv(spread / (count + GUESS_WEIGHT) + BEYOND**2 * np.eye(3)))
