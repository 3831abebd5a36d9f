# SPDX-License-Identifier: GPL-3.0-or-later
"""Joints that may leave their place stay near it and move evenly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..kinematics import State
from ..linear.normal_equations import NormalEquations
from ..parameters import translation_axes

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class JointTranslations:
    """Cost 1/2 sum of |t|^2 / sigma^2 + |t_t-1 - 2 t_t + t_t+1|^2 / acceleration_sigma^2 over the
    translations t of ``skeleton.translating``. A further root has no place of its own: only its acceleration
    counts.
    """

    sigma: float
    """Armature units."""
    acceleration_sigma: float
    """Armature units per frame^2."""

    def _parts(self, state: State) -> tuple[Array, Array, Array]:
        """(T, N, 3) translations, (N,) their precision, (T - 2, N, 3) changes of velocity."""
        skeleton = state.skeleton
        moved = state.motion.all_joint_translations[:, skeleton.translating]
        precision = np.where(skeleton.parents[skeleton.translating] < 0, 0.0, 1.0 / self.sigma**2)
        return moved, precision, np.diff(moved, n=2, axis=0)

    def cost(self, state: State) -> float:
        moved, precision, change = self._parts(state)
        pull = float((precision * (moved**2).sum(-1)).sum())
        return 0.5 * (pull + float((change**2).sum()) / self.acceleration_sigma**2)

    def linearise(self, state: State, system: NormalEquations) -> float:
        skeleton = state.skeleton
        moved, precision, change = self._parts(state)
        columns = slice(3 * (1 + len(skeleton.moving)), None)
        places = slice(1 + len(skeleton.moving), None)
        back = np.swapaxes(translation_axes(skeleton)[1:], -1, -2)

        def by_unknowns(gradient: Array) -> Array:
            return (back @ gradient[..., None])[..., 0].reshape(len(gradient), -1)

        def blocks(count: int, strength: Array) -> Array:
            # The axes are orthonormal, so the blocks are multiples of the identity whatever they are.
            result = np.zeros((count, skeleton.block_count, 3, 3))
            result[:, places] = strength[..., None, None] * np.eye(3)
            return result

        system.gradient[:, columns] += by_unknowns(precision[:, None] * moved)
        system.add_joint_blocks(slice(None), 0, blocks(state.frame_count, precision))
        count = len(change)
        slopes = np.array([1.0, -2.0, 1.0])
        for i in range(3 if count > 0 else 0):
            pull = slopes[i] * change / self.acceleration_sigma**2
            system.gradient[i : i + count, columns] += by_unknowns(pull)
            for j in range(i, 3):
                strength = slopes[i] * slopes[j] / self.acceleration_sigma**2 * np.ones(len(precision))
                system.add_joint_blocks(slice(i, i + count), j - i, blocks(count, strength))
        return self.cost(state)
