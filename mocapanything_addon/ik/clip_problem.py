# SPDX-License-Identifier: GPL-3.0-or-later
"""A target for a skeleton, checked and ready to be solved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .carried_points import CarriedPoints
from .settings import IKSettings
from .skeleton import Skeleton
from .skinning import Skin
from .target import CleanTarget, Target, clean

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
        return cls(skeleton, target, evidence, points, fps, settings)

    def places_of_points(self) -> tuple[Array, Array]:
        """(T, N, 3) surface points in armature space and their weights (T, N), 0 where only a pixel is
        known.
        """
        evidence, camera = self.evidence, self.target.camera
        if evidence.observed.shape[-1] == 3:
            return evidence.observed, evidence.observed_weights
        assert camera is not None
        return camera.unproject(evidence.observed, evidence.depths), evidence.depth_weights
