# SPDX-License-Identifier: GPL-3.0-or-later
"""Preconditioned conjugate gradients (M. Hestenes, E. Stiefel, 1952)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def conjugate_gradients(
    solve: Callable[[Array], Array],
    couple: Callable[[Array], Array],
    right: Array,
    accuracy: float,
    most_steps: int,
) -> Array:
    """x with (M + C) x = right to an accuracy, for arrays of any shape.

    M is solved exactly, and being the preconditioner its products come with the solves for nothing (S.
    Eisenstat, "Efficient implementation of a class of preconditioned conjugate gradient methods", 1981). The
    residual is measured as M measures it, sqrt(r M^-1 r), where every unknown counts by its own uncertainty;
    scipy's ``cg`` would mix the units.

    Args:
        solve: M^-1 r; M and M + C symmetric and positive definite.
        couple: C x.
        right: the right side.
        accuracy: share of the right side's length that may be left.
        most_steps: then x is given as it is; every x on the way lowers 1/2 x (M + C) x - right x.
    """
    solution = np.zeros_like(right)
    left = right.copy()
    downhill = solve(left)
    direction, product = downhill, left.copy()
    length = np.vdot(left, downhill)
    enough = accuracy**2 * length
    for number in range(most_steps):
        if not length > enough:
            break
        coupled = product + couple(direction)
        stride = length / np.vdot(direction, coupled)
        solution += stride * direction
        if number + 1 == most_steps:
            break
        left -= stride * coupled
        downhill = solve(left)
        before, length = length, np.vdot(left, downhill)
        direction = downhill + (length / before) * direction
        product = left + (length / before) * product
    return solution
