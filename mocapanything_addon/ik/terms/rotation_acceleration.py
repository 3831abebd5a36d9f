# SPDX-License-Identifier: GPL-3.0-or-later
"""Joints keep turning as they turn."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..kinematics import State
from ..linear.normal_equations import NormalEquations
from ..robust import Loss, Squared
from .rates import Rates, frame_intervals, turning_rates

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RotationAcceleration:
    """Cost 1/2 sum of a W a with a = v_t - v_t-1, the change of the turn from one frame to the next."""

    precision: Array
    """(J, 3, 3) or (T - 2, J, 3, 3) W, 1 / (radians per frame^2)^2, see
    :func:`~.precision.joint_precision`.
    """
    times: Array | None = None
    """(T,) of the frames; None: evenly spaced. Uneven steps are counted in units of their median."""
    loss: Loss = field(default_factory=Squared)
    """Of a W a, for every joint and frame."""

    def _rates(self, state: State) -> Rates:
        return turning_rates(state, frame_intervals(self.times, state.frame_count))

    def _pull(self, state: State, velocity: Array) -> tuple[Array, Array, Array]:
        """Change, W change, and what it costs, (T - 2, moving[, 3])."""
        change = np.diff(velocity, axis=0)
        pull = (self.precision[..., state.skeleton.moving, :, :] @ change[..., None])[..., 0]
        return change, pull, (change * pull).sum(-1)

    def cost(self, state: State) -> float:
        _, _, squared = self._pull(state, self._rates(state).velocity)
        return 0.5 * float(self.loss.cost(squared).sum())

    def linearise(self, state: State, system: NormalEquations) -> float:
        count = state.frame_count - 2
        if count < 1:
            return 0.0
        rates = self._rates(state)
        _, pull, squared = self._pull(state, rates.velocity)
        weight = self.loss.weight(squared)
        pull = weight[..., None] * pull
        precision = weight[..., None, None] * self.precision[..., state.skeleton.moving, :, :]
        slopes = (-rates.by_this[:-1], rates.by_this[1:] - rates.by_next[:-1], rates.by_next[1:])
        turns = state.skeleton.rotation_parameters
        for i, row in enumerate(slopes):
            across = np.swapaxes(row, -1, -2)
            system.gradient[i : i + count, turns] += (across @ pull[..., None]).reshape(count, -1)
            weighted = across @ precision
            for j in range(i, 3):
                blocks = np.zeros((count, state.skeleton.block_count, 3, 3))
                blocks[:, state.skeleton.rotation_blocks] = weighted @ slopes[j]
                system.add_joint_blocks(slice(i, i + count), j - i, blocks)
        return 0.5 * float(self.loss.cost(squared).sum())
