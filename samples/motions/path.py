# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the body goes over the ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mocapanything_addon.ik.rotations import exp

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Path:
    """A straight line or a circle at constant speed; at time ``middle`` at the origin, looking along -y."""

    speed: float
    """Metres a second."""
    turn: float = 0.0
    """Radians a second, positive to the left."""
    middle: float = 0.0
    heading: float = 0.0
    """Radians to the left of -y at time ``middle``."""

    def headings(self, times: ArrayLike) -> Array:
        """(...,) radians to the left of -y."""
        return self.heading + self.turn * (np.asarray(times, float) - self.middle)

    def rotations(self, times: ArrayLike) -> Array:
        """(..., 3, 3)."""
        angle = self.headings(times)
        return exp(angle[..., None] * np.array([0.0, 0.0, 1.0]))

    def places(self, times: ArrayLike) -> Array:
        """(..., 3) on the ground."""
        elapsed = np.asarray(times, float) - self.middle
        if abs(self.turn) < 1e-6:
            ahead = elapsed * self.speed
            x, y = ahead * np.sin(self.heading), -ahead * np.cos(self.heading)
        else:
            # The heading's direction is (sin a, -cos a); its integral over time:
            radius, angle = self.speed / self.turn, self.headings(times)
            x = radius * (np.cos(self.heading) - np.cos(angle))
            y = radius * (np.sin(self.heading) - np.sin(angle))
        return np.stack([x, y, np.zeros_like(x)], axis=-1)
