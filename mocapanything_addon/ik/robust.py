# SPDX-License-Identifier: GPL-3.0-or-later
"""Losses that listen less to residuals that are far off.

A loss takes squared residuals s, in units of their standard deviation, to a cost rho(s) with rho(s) = s near
0. Its derivative is the weight of the residual in the next Gauss-Newton step (iteratively reweighted least
squares).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Loss(Protocol):
    """What a term needs of a loss."""

    def cost(self, squared: NDArray) -> NDArray:
        """rho(s)."""
        ...

    def weight(self, squared: NDArray) -> NDArray:
        """rho'(s), 1 at 0, never negative."""
        ...


@dataclass(frozen=True)
class Squared:
    """Plain least squares."""

    def cost(self, squared: NDArray) -> NDArray:
        return squared

    def weight(self, squared: NDArray) -> NDArray:
        return np.ones_like(squared)


@dataclass(frozen=True)
class Huber:
    """Quadratic up to ``threshold`` standard deviations, linear beyond: pulls on, but no harder."""

    threshold: float = 2.0

    def cost(self, squared: NDArray) -> NDArray:
        beyond = np.maximum(squared, self.threshold**2)
        return np.where(
            squared <= self.threshold**2, squared, 2.0 * self.threshold * np.sqrt(beyond) - self.threshold**2
        )

    def weight(self, squared: NDArray) -> NDArray:
        return self.threshold / np.sqrt(np.maximum(squared, self.threshold**2))


@dataclass(frozen=True)
class GemanMcClure:
    """Lets go of what is far beyond ``threshold`` standard deviations; the cost saturates at its square."""

    threshold: float = 2.0

    def cost(self, squared: NDArray) -> NDArray:
        return squared / (1.0 + squared / self.threshold**2)

    def weight(self, squared: NDArray) -> NDArray:
        return 1.0 / (1.0 + squared / self.threshold**2) ** 2


@dataclass(frozen=True)
class HeavyTail:
    """Least squares up to what ``size`` numbers of unit variance usually come to, beyond that Student's t: a
    whole that is far from its centre is unusual, and twice as far hardly more so.
    """

    size: int
    freedom: float
    """Degrees of freedom: the fewer, the less the tail costs."""

    def cost(self, squared: NDArray) -> NDArray:
        within = np.minimum(squared, self.size)
        beyond = (self.freedom + np.maximum(squared, self.size)) / (self.freedom + self.size)
        return within + (self.freedom + self.size) * np.log(beyond)

    def weight(self, squared: NDArray) -> NDArray:
        return (self.freedom + self.size) / (self.freedom + np.maximum(squared, self.size))
