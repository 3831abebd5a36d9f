# SPDX-License-Identifier: GPL-3.0-or-later
"""A step that knows where the joints' ranges end.

Minimising the quadratic model within bounds by an active set: unknowns at a bound that want to go beyond it
are held (D. Bertsekas, "Projected Newton methods", 1982), the others are solved for; those that then pass a
bound are held there and the rest is solved again, so that the joints around take over what a joint at its end
cannot do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..kinematics import State
from ..normal_equations import NormalEquations
from ..parameters import step_bounds

Array = NDArray[np.float64]
ROUNDS = 3
"""Solves a step; what still passes a bound after the last is cut off."""
AT_BOUND = 1e-9
"""Radians."""


def bounded_step(
    state: State, system: NormalEquations, damping: Array, held: NDArray[np.bool_] | None = None
) -> Array:
    """The step (T, P) within the ranges of the skeleton.

    Args:
        state: inside its limits.
        system: linearised there.
        damping: (P,) added to the diagonal.
        held: (T, P) unknowns that keep their value.
    """
    fixed = np.broadcast_to(state.skeleton.locked_parameters, system.gradient.shape).copy()
    if held is not None:
        fixed |= held
    bounds = step_bounds(state.skeleton, state.motion)
    if bounds is None:
        return system.solve(damping, fixed)
    lower, upper = bounds
    downhill = -system.gradient
    fixed |= ((lower > -AT_BOUND) & (downhill < 0.0)) | ((upper < AT_BOUND) & (downhill > 0.0))
    values = np.zeros_like(downhill)
    for _ in range(ROUNDS):
        step = system.solve(damping, fixed, values)
        beyond = ((step < lower) | (step > upper)) & ~fixed
        if not beyond.any():
            break
        values[beyond] = np.clip(step, lower, upper)[beyond]
        fixed |= beyond
    return np.clip(step, lower, upper)
