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
        """rho'(s), never negative, 1 at 0 (but see StudentT)."""
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
class StudentT:
    """Minus twice the logarithm of Student's t density of ``size`` numbers: heavy tails, for what is mostly
    near its centre and sometimes far from it. Unlike the others it pulls harder than least squares near 0.
    """

    freedom: float
    """Degrees of freedom: the fewer, the heavier the tails."""
    size: int

    def cost(self, squared: NDArray) -> NDArray:
        return (self.freedom + self.size) * np.log1p(squared / self.freedom)

    def weight(self, squared: NDArray) -> NDArray:
        return (self.freedom + self.size) / (self.freedom + squared)
