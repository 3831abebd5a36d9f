# SPDX-License-Identifier: GPL-3.0-or-later
"""How readily each joint leaves its expected rotation, from where it sits in the body."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..ik.skeleton import Skeleton
from .decimate import FitMesh
from .symmetry import Symmetry

LIMB_SIGMA = 0.3
"""Radians about the rest pose. Weaker pulls raise the outline overlap and make the 3D pose worse."""
TRUNK_SHARE = 0.35
"""A joint that carries this share of the surface belongs to the trunk."""
TRUNK_FACTOR = 0.25
LEAF_SHARE = 0.004
"""A joint that carries less than this (toes, ears, fingers) is too small to be seen well."""
LEAF_FACTOR = 0.25
TWIST_FACTOR = 0.35
"""Turning about its own length barely changes how a limb looks."""
SIDEWAYS_FACTOR = 0.4
"""Limbs swing about the body's left-right axis more than out of its plane."""
TRUNK_TEMPORAL_FACTOR = 0.35
TWIST_TEMPORAL_FACTOR = 0.5


@dataclass(frozen=True, eq=False)
class Stiffness:
    """Widths of every joint's pull towards the expected pose."""

    sigma: NDArray[np.float64]
    """(J,) radians, for swings about the left-right axis."""
    shape: NDArray[np.float64]
    """(J, 3, 3) precision relative to 1 / sigma^2, armature axes at rest."""
    temporal: NDArray[np.float64]
    """(J,) factor on temporal widths: the trunk moves slower than limbs."""
    carries_surface: NDArray[np.bool_]
    """(J,) some of the surface hangs on the joint."""

    def precision(self, sigma: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """(J, 3, 3) precision of the rotation vector from the expected pose, armature axes.

        Args:
            sigma: (J,) other widths, radians; the trunk, twist and leaf factors shape them too.
        """
        width = self.sigma if sigma is None else sigma
        return self.shape / np.square(width)[:, None, None]


def find_stiffness(skeleton: Skeleton, mesh: FitMesh, symmetry: Symmetry | None) -> Stiffness:
    """From the share of the surface that hangs on each joint, its length axis and the body's symmetry."""
    share = np.minimum(skeleton.is_ancestor @ mesh.joint_share, 1.0)
    sigma = LIMB_SIGMA * np.clip(1.0 - share / TRUNK_SHARE, TRUNK_FACTOR, 1.0)
    sigma *= np.clip(share / LEAF_SHARE, LEAF_FACTOR, 1.0)
    shape = np.tile(np.eye(3), (skeleton.joint_count, 1, 1))
    along = skeleton.twist_axes
    shape += (1.0 / TWIST_FACTOR**2 - 1.0) * along[:, :, None] * along[:, None, :]
    if symmetry is not None:
        shape += (1.0 / SIDEWAYS_FACTOR**2 - 1.0) * (np.eye(3) - np.outer(symmetry.axis, symmetry.axis))
    return Stiffness(
        sigma=sigma,
        shape=shape,
        temporal=np.clip(1.0 - share / TRUNK_SHARE, TRUNK_TEMPORAL_FACTOR, 1.0),
        carries_surface=share > 1e-6,
    )
