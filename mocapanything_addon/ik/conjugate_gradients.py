# SPDX-License-Identifier: GPL-3.0-or-later
"""Preconditioned conjugate gradients (M. Hestenes, E. Stiefel, 1952)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def conjugate_gradients(
    multiply: Callable[[Array], Array],
    precondition: Callable[[Array], Array],
    right: Array,
    accuracy: float,
    most_steps: int,
) -> Array:
    """x with A x = right to an accuracy, for symmetric positive definite A of any shape.

    scipy's ``cg`` measures the residual as it is, which mixes units; here it is measured in the
    preconditioner's, where every unknown counts by its own uncertainty.

    Args:
        multiply: A x.
        precondition: M^-1 r for an M that is like A.
        right: the right side; what is 0 there and in all products stays 0.
        accuracy: share of the right side's length sqrt(r M^-1 r) that may be left.
        most_steps: then x is given as it is; every x on the way lowers 1/2 x A x - right x.
    """
    solution = np.zeros_like(right)
    left = right.copy()
    downhill = precondition(left)
    direction = downhill
    length = np.vdot(left, downhill)
    enough = accuracy**2 * length
    for number in range(most_steps):
        if not length > enough or length <= 0.0:
            break
        product = multiply(direction)
        stride = length / np.vdot(direction, product)
        solution += stride * direction
        if number + 1 == most_steps:
            break
        left -= stride * product
        downhill = precondition(left)
        before, length = length, np.vdot(left, downhill)
        direction = downhill + (length / before) * direction
    return solution
