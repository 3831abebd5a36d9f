# SPDX-License-Identifier: GPL-3.0-or-later
"""Joints that stand still on the world for a run of frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .held_points import HeldPoints

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Contact:
    """One joint at one place."""

    joint: int
    first: int
    """First frame."""
    last: int
    """Last frame, included."""
    point: Array
    """(3,) armature space."""


class Contacts(HeldPoints):
    """All contacts of a clip, see :class:`HeldPoints`."""

    def __init__(self, contacts: Sequence[Contact], sigma: float) -> None:
        """``sigma``: how far a held joint may slip, armature units."""
        runs = [np.arange(c.first, c.last + 1) for c in contacts]
        lengths = [len(run) for run in runs]
        super().__init__(
            np.concatenate([np.zeros(0, np.int64), *runs]),
            np.repeat([c.joint for c in contacts], lengths).astype(np.int64),
            np.repeat(np.reshape([c.point for c in contacts], (-1, 3)), lengths, axis=0),
            sigma,
        )
