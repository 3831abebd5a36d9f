# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps of a differential IK, damped as they turn out: what mink and Pink leave to their user."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
LEAST_DAMPING = 1e-6
MOST_DAMPING = 10.0
FACTOR = 10.0
ITERATIONS = 40
ENOUGH = 1e-5
"""Metres of mean residual, in the 1 m cube: a step that gains less is the last."""


def descend(start: Array, aim: Callable[[Array], float], step: Callable[[float], Array]) -> Array:
    """The best configuration found (Levenberg-Marquardt with the plain rule of Numerical Recipes).

    Args:
        start: configuration of the frame before.
        aim: takes up a configuration and returns its mean residual.
        step: the configuration after one step from the one taken up last, with this damping.
    """
    damping, best, least = LEAST_DAMPING, start, aim(start)
    for _ in range(ITERATIONS):
        candidate = step(damping)
        residual = aim(candidate)
        if residual < least:
            gain, best, least = least - residual, candidate, residual
            if gain < ENOUGH:
                break
            damping = max(damping / FACTOR, LEAST_DAMPING)
            continue
        if damping >= MOST_DAMPING or residual - least < ENOUGH:
            break
        damping *= FACTOR
        aim(best)
    return best
