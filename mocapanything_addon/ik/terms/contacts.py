# SPDX-License-Identifier: GPL-3.0-or-later
"""Joints that stand still on the world for a run of frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .ground import Ground
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
    point: Array | None = None
    """(3,) armature space; None: wherever the joint turns out to stand."""


def placed(contacts: Sequence[Contact], positions: Array, ground: Ground | None = None) -> list[Contact]:
    """The contacts with a point each: those that have none stand where the joint is on average, and what is
    below the ground stands on it. Those wholly outside the clip are left out.

    Args:
        contacts: runs of frames of the clip.
        positions: (T, J, 3) of a motion in which those without points are free.
        ground: where the floor is.
    """
    result = []
    for contact in contacts:
        point = contact.point
        if point is None:
            stand = positions[max(contact.first, 0) : contact.last + 1, contact.joint]
            if len(stand) == 0:
                continue
            point = stand.mean(axis=0)
            if ground is not None:
                point = point - min(float(ground.heights(point)), 0.0) * ground.unit_normal
        result.append(replace(contact, point=point))
    return result


class Contacts(HeldPoints):
    """All contacts of a clip, see :class:`HeldPoints`."""

    def __init__(self, contacts: Sequence[Contact], sigma: float) -> None:
        """``contacts``: with points; ``sigma``: how far a held joint may slip, armature units."""
        runs = [np.arange(c.first, c.last + 1) for c in contacts]
        lengths = [len(run) for run in runs]
        super().__init__(
            np.concatenate([np.zeros(0, np.int64), *runs]),
            np.repeat([c.joint for c in contacts], lengths).astype(np.int64),
            np.repeat(np.reshape([c.point for c in contacts], (-1, 3)), lengths, axis=0),
            sigma,
        )
