# SPDX-License-Identifier: GPL-3.0-or-later
"""A step that knows where the joints' ranges end.

Minimising the quadratic model within bounds by a projected Newton method (D. Bertsekas, "Projected Newton
methods for optimization problems with simple constraints", 1982): unknowns at a bound that would rather leave
it outwards are held, the rest is solved, so that the joints around take over what a joint at its end cannot
do, and the way there is bent along the bounds and gone as far as it leads downhill.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..kinematics import State
from ..linear.normal_equations import NormalEquations
from ..parameters import step_bounds

Array = NDArray[np.float64]
ROUNDS = 6
"""Solves a step at most."""
SHARES = (1.0, 0.5, 0.2)
"""Of the way to a solve's answer that are tried."""
AT_BOUND = 1e-4
WORTH_A_SOLVE = 0.02
"""Share of what was gained that a round must bring for another to follow."""


class BoundedStep(NamedTuple):
    """What the rounds came to."""

    step: Array
    """(T, P)."""
    settled: bool
    """Another round would hardly gain; otherwise a shorter, more damped step is easier to find."""


def bounded_step(
    state: State,
    system: NormalEquations,
    damping: Array,
    held: NDArray[np.bool_] | None = None,
    enough: float = 0.0,
) -> BoundedStep:
    """The step within the ranges of the skeleton.

    Args:
        state: inside its limits.
        system: linearised there.
        damping: (P,) added to the diagonal.
        held: (T, P) unknowns that keep their value.
        enough: a fall of the cost by less than this is not worth a solve.
    """
    fixed = np.broadcast_to(state.skeleton.locked_parameters, system.gradient.shape).copy()
    if held is not None:
        fixed |= held
    bounds = step_bounds(state.skeleton, state.motion)
    if bounds is None:
        return BoundedStep(system.solve(damping, fixed), True)
    lower, upper = bounds
    step = np.zeros_like(system.gradient)
    force, cost = -system.gradient, 0.0
    waiting = np.zeros_like(fixed)
    for number in range(ROUNDS):
        outwards = ((step < lower + AT_BOUND) & (force < 0.0)) | ((step > upper - AT_BOUND) & (force > 0.0))
        way = system.solve(damping, fixed | outwards | waiting, force, sketchy=number > 0)
        before, worth = cost, max(enough, -WORTH_A_SOLVE * cost)
        if number and 0.5 * np.vdot(force, way) < worth and not waiting.any():
            return BoundedStep(step, True)
        for share in SHARES:
            tried = np.clip(step + share * way, lower, upper)
            pull = system.multiply(tried) + damping * tried
            tried_cost = float((tried * (0.5 * pull + system.gradient)).sum())
            if tried_cost < cost:
                step, force, cost = tried, -system.gradient - pull, tried_cost
                break
        if cost == before:
            # Bent so much, the way leads uphill: first go without what bends it.
            blocking = (step + way < lower) | (step + way > upper)
            if not blocking.any():
                return BoundedStep(step, True)
            waiting |= blocking
        elif before - cost < worth and not waiting.any():
            return BoundedStep(step, True)
        else:
            waiting[:] = False
    return BoundedStep(step, False)
