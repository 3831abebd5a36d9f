# SPDX-License-Identifier: GPL-3.0-or-later
"""A target for a skeleton, checked and ready to be solved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import rotations
from .carried_points import CarriedPoints
from .settings import IKSettings
from .skeleton import Skeleton
from .skinning import Skin
from .target import CleanTarget, Target, clean
from .typical_poses import UsualRotations, usual_rotations

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ClipProblem:
    """A target for a skeleton, checked."""

    skeleton: Skeleton
    target: Target
    evidence: CleanTarget
    """Of all frames, or of some of them."""
    points: CarriedPoints | None
    """The target's surface points, bound to the skeleton; None where it has none."""
    usual: UsualRotations | None
    """Of the poses the rig is known to take."""
    fps: float
    settings: IKSettings

    @classmethod
    def checked(cls, skeleton: Skeleton, target: Target, fps: float, settings: IKSettings) -> ClipProblem:
        """Raises ValueError where a shape does not fit."""
        evidence, points = clean(target, skeleton), None
        if target.points is not None and evidence.observed.shape[1]:
            seen = target.points
            skin = Skin(seen.rest, np.zeros((0, 3)), seen.skin_joints, seen.skin_weights, skeleton)
            points = CarriedPoints(skin)
        usual = _usual_rotations(skeleton, target.poses)
        return cls(skeleton, target, evidence, points, usual, fps, settings)

    def expected_rotations(self) -> Array:
        """(T, J, 3, 3) local rotations expected by hints, else by the poses the rig takes, else rest."""
        hints = rotations.matrix_from_quaternion(self.evidence.rotations)
        if self.usual is None:
            return hints
        return np.where(self.evidence.rotation_weights[..., None, None] > 0.0, hints, self.usual.centers)

    def places_of_points(self) -> tuple[Array, Array]:
        """(T, N, 3) surface points in armature space and their weights (T, N), 0 where only a pixel is
        known.
        """
        evidence, camera = self.evidence, self.target.camera
        if evidence.observed.shape[-1] == 3:
            return evidence.observed, evidence.observed_weights
        assert camera is not None
        return camera.unproject(evidence.observed, evidence.depths), evidence.depth_weights


def _usual_rotations(skeleton: Skeleton, poses: ArrayLike | None) -> UsualRotations | None:
    if poses is None:
        return None
    known = np.array(poses, float)
    if known.ndim != 3 or known.shape[1:] != (skeleton.joint_count, 4):
        raise ValueError(f"poses have shape {known.shape}, expected (N, {skeleton.joint_count}, 4)")
    known = known[np.isfinite(known).all(axis=(1, 2)) & (np.linalg.norm(known, axis=-1) > 1e-12).all(axis=1)]
    # Which way the body faces and where it stands, its other motions do not tell.
    known[:, skeleton.roots] = [1.0, 0.0, 0.0, 0.0]
    return usual_rotations(known) if len(known) else None
