# SPDX-License-Identifier: GPL-3.0-or-later
"""The coarse 4D mesh: where the points of a rig are in every frame, and how well that is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..fit.evidence.correspondence import Correspondences
from ..fit.sampling import MeshPoints

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FoundPoints:
    """Where the points of a reference are in T frames. Source pixels."""

    joint_count: int
    surface: MeshPoints
    """(S,) the surface points on the fit's mesh."""
    places: Array
    """(T, K, 2); NaN in frames without a subject."""
    sigma: Array
    """(T, K) standard deviation an axis; infinite in frames without a subject."""
    visibility: Array
    """(T, K) probability that the point itself is seen, not hidden behind the body or something else."""
    depth_shift: Array
    """(T, K) how much farther away than the estimate, armature units."""

    def at(self, frame: int, *, largest_sigma: float = np.inf, hidden_factor: float = 2.0) -> Correspondences:
        """One frame as evidence for the fit.

        Args:
            frame: Which.
            largest_sigma: Points known less well than this (source pixels) are left out.
            hidden_factor: A point that is surely hidden has its sigma multiplied by this.
        """
        hidden = 1.0 - self.visibility[frame]
        sigma = self.sigma[frame] * (1.0 + (hidden_factor - 1.0) * hidden)
        chosen = np.flatnonzero(np.isfinite(sigma) & (sigma <= largest_sigma))
        count = len(self.surface)
        joints = np.concatenate([np.arange(self.joint_count), np.full(count, -1)])
        # Joints have no place on the surface; the fit looks at `points` only where `joints` is -1.
        on_surface = np.where(chosen < self.joint_count, 0, chosen - self.joint_count)
        return Correspondences(
            frame=frame,
            joints=joints[chosen].astype(np.intp),
            points=self.surface[on_surface],
            places=self.places[frame, chosen],
            sigma=sigma[chosen],
        )


def corners_as_points(faces: NDArray[np.int32], vertices: NDArray[np.int32]) -> MeshPoints:
    """Vertices as points on the surface: a triangle each has them as a corner."""
    triangle = np.zeros(int(faces.max()) + 1, np.int32)
    corner = np.zeros(len(triangle), np.int32)
    for k in range(3):
        triangle[faces[:, k]], corner[faces[:, k]] = np.arange(len(faces)), k
    return MeshPoints(triangle[vertices], np.eye(3)[corner[vertices]])
