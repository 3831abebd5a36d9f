# SPDX-License-Identifier: GPL-3.0-or-later
"""The body keeps moving as it moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..kinematics import State
from ..linear.normal_equations import NormalEquations
from .rates import frame_intervals

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RootAcceleration:
    """Cost 1/2 sum of |a|^2 / sigma^2 with a the change of the root's displacement from one frame to the
    next.
    """

    sigma: float | Array
    """Armature units per frame^2, of all frames or (T - 2,)."""
    times: Array | None = None
    """(T,) of the frames; None: evenly spaced. Uneven steps are counted in units of their median."""

    def cost(self, state: State) -> float:
        return 0.5 * float((self._change(state) ** 2 * self._trust(state)).sum())

    def _trust(self, state: State) -> Array:
        """(T - 2, 1)."""
        count = max(state.frame_count - 2, 0)
        return np.broadcast_to(1.0 / np.square(self.sigma), (count,))[:, None]

    def _change(self, state: State) -> Array:
        intervals = frame_intervals(self.times, state.frame_count)
        return np.diff(np.diff(state.motion.root_translation, axis=0) / intervals[:, None], axis=0)

    def linearise(self, state: State, system: NormalEquations) -> float:
        count = state.frame_count - 2
        if count < 1:
            return 0.0
        rate = 1.0 / frame_intervals(self.times, state.frame_count)
        slopes = (rate[:-1], -rate[1:] - rate[:-1], rate[1:])
        trust = self._trust(state)
        change = self._change(state) * trust
        for i, row in enumerate(slopes):
            system.gradient[i : i + count, :3] += row[:, None] * change @ state.axes[0, 0]
            for j in range(i, 3):
                blocks = np.zeros((count, state.skeleton.block_count, 3, 3))
                blocks[:, 0] = (row * slopes[j])[:, None, None] * trust[..., None] * np.eye(3)
                system.add_joint_blocks(slice(i, i + count), j - i, blocks)
        return self.cost(state)
