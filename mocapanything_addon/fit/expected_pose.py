# SPDX-License-Identifier: GPL-3.0-or-later
"""The pose that joints are pulled to where the pixels say nothing: rest, the rig's own habit, or a
network's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..ik import rotations
from ..ik.motion import Motion
from ..ik.solve import Term
from ..ik.terms.rotation_prior import RotationPrior
from ..jobs.rig import Rig
from .pose_habit import HabitPrior, PoseHabit, pose_loss
from .prior import PosePrior
from .stiffness import Stiffness


@dataclass(frozen=True, eq=False)
class ExpectedPose:
    """Centre and precision of every joint's local rotation, for the whole clip or for each of its frames."""

    centers: NDArray[np.float64]
    """(T or 1, J, 3, 3)."""
    precisions: NDArray[np.float64]
    """(T or 1, J, 3, 3) of the rotation vector log(center^T L), armature axes."""
    habits: tuple[PoseHabit, ...] = ()
    """What the rig's own Actions show of all joints together, and what else may be; takes the place of the
    other two."""

    def center(self, frame: int) -> NDArray[np.float64]:
        """(J, 3, 3)."""
        return self.centers[min(frame, len(self.centers) - 1)]

    def precision(self, frame: int) -> NDArray[np.float64]:
        """(J, 3, 3)."""
        return self.precisions[min(frame, len(self.precisions) - 1)]

    def term(self, frames: NDArray[np.intp], moving: NDArray[np.intp], stiffer: float = 1.0) -> Term:
        """The pull to the pose in some frames of the clip, on the joints ``moving``."""
        if self.habits:
            return HabitPrior(self.habits, stiffer)
        centers = np.stack([self.center(int(f)) for f in frames])
        precisions = np.zeros_like(centers)
        precisions[:, moving] = np.stack([self.precision(int(f))[moving] for f in frames])
        return RotationPrior(centers, precisions * stiffer, pose_loss(len(moving)), together=True)

    def costs(self, motion: Motion, moving: NDArray[np.intp], first: int = 0) -> NDArray[np.float64]:
        """(T,) cost of the pull in every frame of a motion that begins at the clip's frame ``first``."""
        if self.habits:
            return HabitPrior(self.habits).costs(motion)
        frames = range(first, first + motion.frame_count)
        centers = np.stack([self.center(t)[moving] for t in frames])
        precisions = np.stack([self.precision(t)[moving] for t in frames])
        away = rotations.log(np.swapaxes(centers, -1, -2) @ motion.local_rotations[:, moving])
        squared = np.einsum("tja,tjab,tjb->t", away, precisions, away)
        return np.asarray(0.5 * pose_loss(len(moving)).cost(squared), np.float64)

    def around(self, center: NDArray[np.float64]) -> ExpectedPose:
        """The same widths about another pose (J, 3, 3), for the whole clip."""
        return ExpectedPose(center[None], self.precisions)

    @classmethod
    def at_rest(cls, stiffness: Stiffness) -> ExpectedPose:
        """The rest pose."""
        count = len(stiffness.sigma)
        return cls(np.tile(np.eye(3), (1, count, 1, 1)), stiffness.precision()[None])

    @classmethod
    def from_prior(cls, prior: PosePrior, stiffness: Stiffness) -> ExpectedPose:
        """A network's pose with its own widths, nowhere wider than those of any body."""
        centers = rotations.matrix_from_quaternion(prior.local_rotations)
        sigma = np.clip(np.nan_to_num(prior.sigma, nan=1.0), 0.02, 2.0)
        frames = max(len(centers), len(sigma))
        centers = np.broadcast_to(centers, (frames, *centers.shape[1:]))
        widths = np.minimum(np.broadcast_to(sigma, (frames, sigma.shape[1])), stiffness.sigma)
        precisions = np.stack([stiffness.precision(w) for w in widths])
        return cls(centers, precisions)

    @classmethod
    def of_rig(cls, rig: Rig, stiffness: Stiffness) -> ExpectedPose:
        """The mean of the rig's own Actions where it has any, else the rest pose."""
        rest = cls.at_rest(stiffness)
        if len(rig.example_rotations) == 0:
            return rest
        examples = rotations.matrix_from_quaternion(rig.example_rotations)
        return rest.around(rotations.nearest_rotation(examples.mean(axis=0)))
