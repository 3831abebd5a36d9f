# SPDX-License-Identifier: GPL-3.0-or-later
"""Joints rather stay where they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..kinematics import State
from ..linear.normal_equations import NormalEquations
from .rates import frame_intervals, turning_rates

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RotationVelocity:
    """Cost 1/2 sum of v W v with v = log(L_t^T L_t+1), the turn from one frame to the next."""

    precision: Array
    """(J, 3, 3) W, 1 / (radians per frame)^2; see :func:`~.precision.joint_precision`."""
    times: Array | None = None
    """(T,) of the frames; None: evenly spaced. Uneven steps are counted in units of their median."""

    def cost(self, state: State) -> float:
        velocity = turning_rates(state, frame_intervals(self.times, state.frame_count)).velocity
        pull = (self.precision[state.skeleton.moving] @ velocity[..., None])[..., 0]
        return 0.5 * float((velocity * pull).sum())

    def linearise(self, state: State, system: NormalEquations) -> float:
        count = state.frame_count - 1
        if count < 1:
            return 0.0
        rates = turning_rates(state, frame_intervals(self.times, state.frame_count))
        precision = self.precision[state.skeleton.moving]
        pull = (precision @ rates.velocity[..., None])[..., 0]
        slopes = (rates.by_this, rates.by_next)
        turns = state.skeleton.rotation_parameters
        for i, row in enumerate(slopes):
            across = np.swapaxes(row, -1, -2)
            system.gradient[i : i + count, turns] += (across @ pull[..., None]).reshape(count, -1)
            weighted = across @ precision
            for j in range(i, 2):
                blocks = np.zeros((count, state.skeleton.block_count, 3, 3))
                blocks[:, state.skeleton.rotation_blocks] = weighted @ slopes[j]
                system.add_joint_blocks(slice(i, i + count), j - i, blocks)
        return 0.5 * float((rates.velocity * pull).sum())
