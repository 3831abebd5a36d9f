# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples made while training, each used a few times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import numpy as np

Sample = TypeVar("Sample")


class Pool(Generic[Sample]):
    """Keeps the newest samples; as many new ones are made as are due.

    Args:
        make: Makes some new samples, at least one.
        rng: Chooses.
        size: Samples kept; the oldest make room for new ones.
        uses: How often a sample is drawn on average before it is replaced.
    """

    def __init__(
        self, make: Callable[[], Sequence[Sample]], rng: np.random.Generator, *, size: int, uses: int
    ) -> None:
        self.make, self.rng, self.size, self.uses = make, rng, size, uses
        self.samples: list[Sample] = []
        self._next = 0
        self._owed = 0.0

    def draw(self, count: int) -> list[Sample]:
        """So many different samples."""
        self._owed += count / self.uses
        while self._owed >= 1.0 or len(self.samples) < count:
            for sample in self.make():
                self._owed -= 1.0
                self._add(sample)
        chosen = self.rng.choice(len(self.samples), count, replace=False)
        return [self.samples[i] for i in chosen]

    def _add(self, sample: Sample) -> None:
        if len(self.samples) < self.size:
            self.samples.append(sample)
        else:
            self.samples[self._next] = sample
            self._next = (self._next + 1) % self.size
