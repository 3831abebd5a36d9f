# SPDX-License-Identifier: GPL-3.0-or-later
"""The left-right plane of a body, found from its surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..ik.mirror import partners_across
from ..ik.skeleton import Skeleton
from ..jobs.rig import Rig
from .decimate import FitMesh

DIRECTIONS = 36
TOLERANCE = 0.02
"""Mean distance, in the mesh's longest side, that a mirrored vertex may lie off the surface."""
CLEARLY_BETTER = 0.95


@dataclass(frozen=True, eq=False)
class Symmetry:
    """A plane that the rest pose is mirrored in."""

    axis: NDArray[np.float64]
    """(3,) unit normal of the plane, horizontal: the body's left-right direction, either way round."""
    offset: float
    """The plane is axis . x = offset."""
    partners: NDArray[np.intp]
    """(J,) the joint on the other side; a joint on the plane, or without partner, is its own."""

    def mirror_rotations(self, local_rotations: NDArray[np.float64]) -> NDArray[np.float64]:
        """(..., J, 3, 3) the same pose with left and right exchanged."""
        reflect = np.eye(3) - 2.0 * np.outer(self.axis, self.axis)
        return reflect @ local_rotations[..., self.partners, :, :] @ reflect


def find_symmetry(rig: Rig, mesh: FitMesh) -> Symmetry | None:
    """The upright plane that maps the mesh onto itself best; None where none does."""
    up = rig.up / np.linalg.norm(rig.up)
    side = float(np.ptp(mesh.vertices, axis=0).max()) or 1.0
    tree = cKDTree(mesh.vertices)
    first = np.cross(up, np.eye(3)[np.argmin(np.abs(up))])
    first /= np.linalg.norm(first)
    # Characters look along an axis of their object: those come first, others must be clearly better.
    second = np.cross(up, first)
    angles = np.arange(DIRECTIONS) * np.pi / DIRECTIONS
    angles = np.concatenate([[0.0, np.pi / 2.0], angles])
    best: tuple[float, NDArray[np.float64], float] | None = None
    for angle in angles:
        axis = np.cos(angle) * first + np.sin(angle) * second
        heights = mesh.vertices @ axis
        for offset in (0.5 * (heights.min() + heights.max()), float(rig.rest_positions[0] @ axis)):
            mirrored = mesh.vertices - 2.0 * (heights - offset)[:, None] * axis
            error = float(np.mean(tree.query(mirrored)[0])) / side
            if best is None or error < CLEARLY_BETTER * best[0]:
                best = (error, axis, float(offset))
    if best is None or best[0] > TOLERANCE:
        return None
    _, axis, offset = best
    partners = partners_across(Skeleton.from_rig(rig), axis, offset)
    return Symmetry(axis, offset, np.where(partners < 0, np.arange(rig.joint_count), partners))
