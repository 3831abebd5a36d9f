# SPDX-License-Identifier: GPL-3.0-or-later
"""A step that knows where the joints' ranges end.

Minimising the quadratic model within bounds by a primal-dual active set (M. Hintermüller, K. Ito, K. Kunisch,
"The primal-dual active set strategy as a semismooth Newton method", 2002): unknowns that pass a bound are
held at it and the rest is solved again, so that the joints around take over what a joint at its end cannot
do; unknowns that are held but would rather come back inside are let go.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..kinematics import State
from ..normal_equations import NormalEquations
from ..parameters import step_bounds

Array = NDArray[np.float64]
ROUNDS = 6
"""Solves a step at most; the best of what they gave, cut off at the bounds, is taken."""
AT_BOUND = 1e-9
NEAR_BOUND = 1e-4
"""Radians: a bound passed by less is not worth another solve."""
WORTH_A_SOLVE = 0.02
"""Share by which a solve must have improved on those before it for another to follow."""
LEAST_SHARE = 1e-6
"""Of a step, before it is given up."""


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
    active = ((lower > -AT_BOUND) & (downhill < 0.0)) | ((upper < AT_BOUND) & (downhill > 0.0))
    active &= ~fixed
    values = np.zeros_like(downhill)
    best, lowest = values, 0.0

    def gain(step: Array) -> tuple[float, Array]:
        pull = system.multiply(step) + damping * step
        return float((step * (0.5 * pull - downhill)).sum()), downhill - pull

    for number in range(ROUNDS):
        wanted = system.solve(damping, fixed | active, values)
        step = np.clip(wanted, lower, upper)
        cost, force = gain(step)
        improved = cost < lowest * (1.0 + WORTH_A_SOLVE) - 1e-300
        if number == 0:
            first = wanted
        if cost < lowest:
            best, lowest = step, cost
        beyond = (wanted < lower - NEAR_BOUND) | (wanted > upper + NEAR_BOUND)
        pressed = np.where(values <= lower, force < 0.0, force > 0.0)
        following = ((active & pressed) | beyond) & ~fixed
        if (number and not improved) or (following == active).all():
            break
        active = following
        values = np.where(active, step, 0.0)
    # Going the first way only a part of it is downhill, if only the part is small enough (Bertsekas).
    share = 1.0
    while lowest == 0.0 and share > LEAST_SHARE:
        share *= 0.25
        step = np.clip(share * first, lower, upper)
        best, lowest = step, min(gain(step)[0], 0.0)
    return best
