# SPDX-License-Identifier: GPL-3.0-or-later
"""Bend one limb towards goals, all frames at once: damped Gauss-Newton on Euler angles in their ranges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik.kinematics import Pose, forward
from mocapanything_addon.ik.limits import euler
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.ik.rotations import exp
from mocapanything_addon.ik.skeleton import Skeleton

Array = NDArray[np.float64]
ROUNDS = 14
FINAL_ROUNDS = 10
FIRST_DAMPING, LAST_DAMPING = 0.05, 1e-4
LARGEST_STEP = 0.4
FOLDS = 17
"""How many ways of folding the limb are tried for the first guess."""
FREE_ANGLE = 2.0 * np.pi


@dataclass(frozen=True, eq=False)
class Goal:
    """A joint of the limb (or the joint at its end) and where it should be."""

    joint: int
    positions: Array
    """(T, 3) armature space."""
    weight: Array
    """(T,) 0 to 1."""


@dataclass(frozen=True, eq=False)
class Chain:
    """n bones in a row, each the parent of the next, on a body that does not move with them."""

    skeleton: Skeleton
    bones: list[int]
    axes: Array
    """(n, 3, 3) bone axes at rest."""
    lowest: Array
    """(n, 3) Euler angles."""
    highest: Array
    base: Array
    """(T, 3, 3) D of the first bone's parent."""
    origin: Array
    """(T, 3) place of the first joint."""

    @classmethod
    def of(cls, skeleton: Skeleton, bones: Sequence[int], pose: Pose) -> Chain:
        chosen = list(bones)
        return cls(
            skeleton,
            chosen,
            skeleton.bone_axes[chosen],
            np.maximum(skeleton.lowest_angles[chosen], -FREE_ANGLE),
            np.minimum(skeleton.highest_angles[chosen], FREE_ANGLE),
            pose.global_rotations[:, skeleton.parents[chosen[0]]],
            pose.positions[:, chosen[0]],
        )

    @property
    def length(self) -> float:
        """From the first joint to the last bone's head, stretched out."""
        return float(np.linalg.norm(self.skeleton.offsets[self.bones[1:]], axis=1).sum())

    def points(self, angles: Array, joints: Sequence[int]) -> Array:
        """(T, G, 3) places of joints of the chain or at its end."""
        places, _ = self._forward(angles, joints)
        return np.stack([places[j] for j in joints], axis=1)

    def points_and_jacobian(self, angles: Array, joints: Sequence[int]) -> tuple[Array, Array]:
        """The same, and (T, 3 G, 3 n) their derivative by the angles (T, n, 3)."""
        places, turned = self._forward(angles, joints)
        local_axes = self.axes @ euler.axes(angles)
        jacobian = np.zeros((len(angles), len(joints), 3, len(self.bones), 3))
        for g, joint in enumerate(joints):
            if joint in self.bones:
                below = self.bones.index(joint)
            else:
                below = self.bones.index(int(self.skeleton.parents[joint])) + 1
            for i in range(below):
                arm = places[joint] - places[self.bones[i]]
                # The columns are axes of rotation: the point's velocity is axis x arm.
                axis = turned[i] @ local_axes[:, i]
                jacobian[:, g, :, i] = np.cross(axis, arm[:, :, None], axisa=1, axisb=1, axisc=1)
        points = np.stack([places[j] for j in joints], axis=1)
        return points, jacobian.reshape(len(angles), 3 * len(joints), 3 * len(self.bones))

    def _forward(self, angles: Array, joints: Sequence[int]) -> tuple[dict[int, Array], list[Array]]:
        """Places of the bones' heads and of ``joints``; the rotation that each bone's parent carries."""
        turns = self.axes @ euler.matrix_from_angles(angles) @ np.swapaxes(self.axes, -1, -2)
        places = {self.bones[0]: self.origin}
        turned = [self.base]
        for i, bone in enumerate(self.bones):
            turned.append(turned[-1] @ turns[:, i])
            for joint in {*self.bones[i + 1 : i + 2], *joints}:
                if self.skeleton.parents[joint] == bone:
                    places[joint] = places[bone] + turned[-1] @ self.skeleton.offsets[joint]
        return places, turned


def reach(
    skeleton: Skeleton, motion: Motion, bones: Sequence[int], goals: Sequence[Goal], *, hold: float
) -> Motion:
    """The motion with the limb bent towards the goals.

    Args:
        skeleton: Of the whole creature.
        motion: The pose that undecided joints keep.
        bones: The limb's joints from the body outwards, each the parent of the next.
        goals: What should be where; the first is the one the limb is folded for.
        hold: How strongly the first guess is kept in the first rounds; the last rounds keep it only where the
            goals leave a choice.
    """
    chain = Chain.of(skeleton, bones, forward(skeleton, motion))
    scale = max(chain.length, 1e-6)
    turns = np.swapaxes(chain.axes, -1, -2) @ motion.local_rotations[:, chain.bones] @ chain.axes
    start = euler.angles_from_matrix(turns, chain.lowest, chain.highest)
    angles = _folded(chain, np.clip(start, chain.lowest, chain.highest), goals[0])
    joints = [g.joint for g in goals]
    targets = np.stack([g.positions for g in goals], axis=1)
    weights = np.repeat(np.stack([np.sqrt(g.weight) for g in goals], axis=1), 3, axis=1)
    low, high = chain.lowest.reshape(-1), chain.highest.reshape(-1)
    home = angles.reshape(len(angles), -1)
    for step in range(ROUNDS + FINAL_ROUNDS):
        keep = hold if step < ROUNDS else 1e-3 * hold
        damping = FIRST_DAMPING * (LAST_DAMPING / FIRST_DAMPING) ** min(step / ROUNDS, 1.0)
        points, jacobian = chain.points_and_jacobian(angles, joints)
        residual = weights * (targets - points).reshape(len(angles), -1) / scale
        jacobian = weights[..., None] * jacobian / scale
        flat = angles.reshape(len(angles), -1)
        left = np.swapaxes(jacobian, -1, -2)
        gradient = (left @ residual[..., None])[..., 0] + keep * (home - flat)
        normal = left @ jacobian + (keep + damping) * np.eye(len(low))
        stuck = ((flat <= low) & (gradient < 0)) | ((flat >= high) & (gradient > 0))
        # An angle at the end of its range that wants to go beyond takes no part in this round.
        normal[stuck[:, :, None] | stuck[:, None, :]] = 0.0
        normal += stuck[:, :, None] * np.eye(len(low))
        change = np.linalg.solve(normal, np.where(stuck, 0.0, gradient)[..., None])[..., 0]
        angles = np.clip(flat + np.clip(change, -LARGEST_STEP, LARGEST_STEP), low, high).reshape(angles.shape)
    result = motion.local_rotations.copy()
    result[:, chain.bones] = chain.axes @ euler.matrix_from_angles(angles) @ np.swapaxes(chain.axes, -1, -2)
    return Motion(motion.root_translation, result)


def _folded(chain: Chain, start: Array, goal: Goal) -> Array:
    """First guess (T, n, 3): the limb folded until it is as long as the goal is far, then turned towards it.

    Gauss-Newton alone may leave a straight leg straight: there, bending either way shortens it by nothing.
    """
    aims = [goal.joint]
    frames = np.arange(len(start))

    def length(angles: Array) -> Array:
        return np.linalg.norm(chain.points(angles, aims)[:, 0] - chain.origin, axis=1)

    now = length(start)
    ends = np.zeros((len(start), len(chain.bones)))
    for i in range(1, len(chain.bones) - 1):
        room = np.stack([chain.lowest[i, 0] - start[:, i, 0], chain.highest[i, 0] - start[:, i, 0]])
        shortened = []
        for side in room:
            tried = start.copy()
            tried[:, i, 0] += 0.6 * side
            shortened.append(length(tried))
        best = np.argmin(shortened, axis=0)
        shorter = np.min(shortened, axis=0) < now
        ends[:, i] = np.where(shorter, room[best, frames], 0.0)
    wanted = np.linalg.norm(goal.positions - chain.origin, axis=1)
    guess, error = start.copy(), np.abs(now - wanted)
    for share in np.linspace(0.0, 0.8, FOLDS)[1:]:
        tried = start.copy()
        tried[..., 0] += share * ends
        miss = np.abs(length(tried) - wanted)
        guess[miss < error] = tried[miss < error]
        error = np.minimum(miss, error)
    reached = chain.points(guess, aims)[:, 0] - chain.origin
    turn = _shortest_turn(reached, goal.positions - chain.origin)
    first = chain.axes[0]
    carried = np.swapaxes(chain.base, -1, -2) @ turn @ chain.base
    turned = np.swapaxes(first, -1, -2) @ carried @ first @ euler.matrix_from_angles(guess[:, 0])
    guess[:, 0] = euler.angles_from_matrix(turned, chain.lowest[0], chain.highest[0])
    return np.clip(guess, chain.lowest, chain.highest)


def _shortest_turn(first: Array, second: Array) -> Array:
    """(T, 3, 3) rotations that bring the directions (T, 3) of one onto the other's."""
    a = first / np.maximum(np.linalg.norm(first, axis=1, keepdims=True), 1e-9)
    b = second / np.maximum(np.linalg.norm(second, axis=1, keepdims=True), 1e-9)
    axis = np.cross(a, b)
    sine = np.linalg.norm(axis, axis=1, keepdims=True)
    angle = np.arctan2(sine, (a * b).sum(axis=1, keepdims=True))
    return exp(axis / np.maximum(sine, 1e-9) * angle)
