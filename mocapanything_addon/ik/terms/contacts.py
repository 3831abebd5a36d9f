# SPDX-License-Identifier: GPL-3.0-or-later
"""Joints that stand still on the world for a run of frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..kinematics import State, add_joint_information
from ..normal_equations import NormalEquations

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


class Contacts:
    """Cost 1/2 sum of |p - point|^2 / sigma^2 over the frames of all contacts."""

    def __init__(self, contacts: Sequence[Contact], sigma: float) -> None:
        """``sigma``: how far a held joint may slip, armature units."""
        self.sigma = sigma
        runs = [np.arange(c.first, c.last + 1) for c in contacts]
        self.frames = np.concatenate(runs) if runs else np.zeros(0, int)
        lengths = [len(r) for r in runs]
        self.joints = np.repeat([c.joint for c in contacts], lengths).astype(int)
        self.points = np.repeat(np.reshape([c.point for c in contacts], (-1, 3)), lengths, axis=0)

    def _away(self, state: State) -> Array:
        return (state.pose.positions[self.frames, self.joints] - self.points) / self.sigma

    def cost(self, state: State) -> float:
        return 0.5 * float((self._away(state) ** 2).sum())

    def linearise(self, state: State, system: NormalEquations) -> float:
        away = self._away(state)
        shape = (state.frame_count, state.skeleton.joint_count, 3)
        information, gradient = np.zeros((*shape, 3)), np.zeros(shape)
        place = (self.frames, self.joints)
        np.add.at(information, place, np.eye(3) / self.sigma**2)
        np.add.at(gradient, place, away / self.sigma)
        add_joint_information(state, system, information, gradient)
        return 0.5 * float((away**2).sum())
