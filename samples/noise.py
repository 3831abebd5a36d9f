# SPDX-License-Identifier: GPL-3.0-or-later
"""Smooth seeded noise for coats, ground and sky."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Noise:
    """Value noise: random numbers on a lattice, interpolated with a smooth step (Perlin 1985, lattice form).

    Args:
        seed: Same seed, same noise.
    """

    SIZE = 256

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._table = rng.permutation(self.SIZE)
        self._values = rng.uniform(-1.0, 1.0, self.SIZE).astype(np.float32)

    def __call__(self, points: NDArray[np.floating], octaves: int = 1) -> NDArray[np.float32]:
        """(..., D) points, lattice spacing 1 -> (...) about -1 to 1; each octave is twice as fine."""
        total = np.zeros(points.shape[:-1], np.float32)
        weight, norm = 1.0, 0.0
        for octave in range(octaves):
            total += weight * self._lattice(points * 2.0**octave + 17.3 * octave)
            norm += weight
            weight *= 0.5
        return total / norm

    def _lattice(self, points: NDArray[np.floating]) -> NDArray[np.float32]:
        cell = np.floor(points)
        fraction = (points - cell).astype(np.float32)
        smooth = fraction * fraction * (3.0 - 2.0 * fraction)
        corner = cell.astype(np.int64)
        dimensions = points.shape[-1]
        result = np.zeros(points.shape[:-1], np.float32)
        for bits in range(2**dimensions):
            weight = np.ones(points.shape[:-1], np.float32)
            key = np.zeros(points.shape[:-1], np.int64)
            for axis in range(dimensions):
                high = (bits >> axis) & 1
                weight *= smooth[..., axis] if high else 1.0 - smooth[..., axis]
                key = self._table[(key + corner[..., axis] + high) % self.SIZE]
            result += weight * self._values[key]
        return result
