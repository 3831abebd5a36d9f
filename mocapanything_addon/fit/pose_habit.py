# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rig's own Actions tell of its poses: where every joint usually is, how far it leaves that, and
which joints do so together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..ik import rotations
from ..ik.kinematics import State
from ..ik.linear.normal_equations import NormalEquations
from ..ik.motion import Motion
from ..ik.robust import HeavyTail
from .body import Body

FEWEST_POSES = 8
"""Fewer poses than this tell little."""
MOST_POSES = 2000
TOGETHER = 0.7
"""Share of the poses' correlations between joints that is believed: other motions have others."""
BEYOND = 0.6
"""What other motions do besides, in standard deviations of a joint of which nothing is known."""


NO_SHARE = 1e-4
FREEDOM = 0.25
"""Degrees of freedom of the tails, over the numbers of a pose. A Gaussian would hold a runner's arms down."""


def pose_loss(joint_count: int) -> HeavyTail:
    """Of the squared Mahalanobis distance of a whole pose of so many joints."""
    size = 3 * max(joint_count, 1)
    return HeavyTail(size, FREEDOM * size)


@dataclass(frozen=True, eq=False)
class PoseHabit:
    """A Gaussian over the local rotations of all N joints that move, the root excepted.

    It is one of the rotation vectors log(center^T L), armature axes, of all joints side by side.
    """

    joints: NDArray[np.intp]
    """(N,)."""
    centers: NDArray[np.float64]
    """(J, 3, 3) mean local rotations, the identity for other joints."""
    precision: NDArray[np.float64]
    """(3 N, 3 N) inverse covariance, 1 / radians^2."""

    @classmethod
    def of_body(cls, body: Body) -> PoseHabit | None:
        """From the rig's own Actions; None where there are too few poses in them.

        The covariance is that of the poses and their mirror images, their correlations between joints shrunk,
        plus a share of what holds for any body (stiffness.py).
        """
        poses = body.rig.example_rotations
        joints = body.skeleton.moving[1:]
        if len(poses) < FEWEST_POSES or not len(joints):
            return None
        some = np.unique(np.linspace(0, len(poses) - 1, MOST_POSES).astype(int))
        turned = rotations.matrix_from_quaternion(poses[some].astype(np.float64))
        if body.symmetry is not None:
            # What one side does, the other can do.
            turned = np.concatenate([turned, body.symmetry.mirror_rotations(turned)])
        turned = turned[:, joints]
        means = rotations.nearest_rotation(turned.mean(axis=0))
        away = rotations.log(np.swapaxes(means, -1, -2) @ turned).reshape(len(turned), -1)
        covariance = away.T @ away / len(away)
        own = np.kron(np.eye(len(joints)), np.ones((3, 3)))
        covariance *= own + TOGETHER * (1.0 - own)
        anybody = np.linalg.inv(body.stiffness.precision()[joints])
        blocks = np.einsum("nanb->nab", covariance.reshape(len(joints), 3, len(joints), 3))
        blocks += BEYOND**2 * anybody
        centers = np.tile(np.eye(3), (body.skeleton.joint_count, 1, 1))
        centers[joints] = means
        return cls(joints, centers, np.linalg.inv(covariance))

    @classmethod
    def of_anybody(cls, body: Body) -> PoseHabit:
        """About the rest pose, every joint for itself (stiffness.py)."""
        joints = body.skeleton.moving[1:]
        precision = np.zeros((len(joints), 3, len(joints), 3))
        each = np.arange(len(joints))
        precision[each, :, each] = body.stiffness.precision()[joints]
        centers = np.tile(np.eye(3), (body.skeleton.joint_count, 1, 1))
        return cls(joints, centers, precision.reshape(3 * len(joints), -1))

    @cached_property
    def root(self) -> NDArray[np.float64]:
        """(3 N, 3 N) R with R^T R the precision."""
        return np.ascontiguousarray(np.linalg.cholesky(self.precision).T)

    @cached_property
    def log_scale(self) -> float:
        """Half the log determinant of the precision: how far a narrow Gaussian is ahead at its centre."""
        return 0.5 * float(np.linalg.slogdet(self.precision)[1])


@dataclass(frozen=True, eq=False)
class HabitPrior:
    """Minus the logarithm of a mixture in every frame: the rig does what it does in its Actions, or whatever
    any body does. Which of the two, each pose says itself; and both have heavy tails, for a creature that
    runs for once bends far more than it ever did (:func:`pose_loss`).
    """

    habits: tuple[PoseHabit, ...]
    """Over the same joints."""
    stiffer: float = 1.0
    """Factor on the cost."""

    def costs(self, motion: Motion) -> NDArray[np.float64]:
        """(T,)."""
        return self.stiffer * self._mixed(np.stack([self._away(motion, h) for h in self.habits]))[0]

    def cost(self, state: State) -> float:
        return float(self.costs(state.motion).sum())

    def linearise(self, state: State, system: NormalEquations) -> float:
        skeleton, joints = state.skeleton, self.habits[0].joints
        count = len(joints)
        aways = np.stack([self._away(state.motion, h) for h in self.habits])
        costs, shares = self._mixed(aways)
        places = np.searchsorted(skeleton.moving, joints)
        blocks = np.arange(skeleton.block_count)[skeleton.rotation_blocks][places]
        columns = (3 * blocks[:, None] + np.arange(3)).reshape(-1)
        rows = np.zeros((3 * count, system.parameter_count))
        for habit, away, share in zip(self.habits, aways, shares, strict=True):
            slopes = rotations.inverse_right_jacobian(away) @ state.body_axes[:, places]
            root = np.sqrt(self.stiffer) * habit.root
            by_joint = np.ascontiguousarray(root.reshape(3 * count, count, 3).swapaxes(0, 1))
            for frame in np.flatnonzero(share > NO_SHARE):
                part = np.sqrt(share[frame])
                rows[:, columns] = part * (by_joint @ slopes[frame]).swapaxes(0, 1).reshape(3 * count, -1)
                system.add(int(frame), rows, part * (root @ away[frame].reshape(-1)))
        return self.stiffer * float(costs.sum())

    def _mixed(self, aways: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Cost of every frame (T,) and the weight (K, T) that each habit's squares have in it, from
        (K, T, N, 3)."""
        flat = aways.reshape(*aways.shape[:2], -1)
        squared = np.stack(
            [((x @ h.precision) * x).sum(axis=1) for x, h in zip(flat, self.habits, strict=True)]
        )
        loss = pose_loss(len(self.habits[0].joints))
        each = 0.5 * loss.cost(squared) - np.array([[h.log_scale] for h in self.habits])
        likeliest = each.min(axis=0)
        odds = np.exp(likeliest - each)
        total = odds.sum(axis=0)
        # A pose at the centre of the first costs nothing.
        costs = likeliest - np.log(total) + self.habits[0].log_scale
        return costs, odds / total * loss.weight(squared)

    def _away(self, motion: Motion, habit: PoseHabit) -> NDArray[np.float64]:
        """(T, N, 3)."""
        joints = habit.joints
        return rotations.log(np.swapaxes(habit.centers[joints], -1, -2) @ motion.local_rotations[:, joints])
