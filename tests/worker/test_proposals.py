# SPDX-License-Identifier: GPL-3.0-or-later
"""The decoder's poses are expected, and pixels have the last word."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from mocapanything_addon.fit.fit import prepare
from mocapanything_addon.fit.prior import PosePrior
from mocapanything_addon.fit.problem import Problem
from mocapanything_addon.fit.track import Track
from mocapanything_addon.ik import rotations
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.worker.proposals import solve_as_proposed
from tests.fit.filmed_tubes import UPPER_LEGS, camera_at, film, long_necked_rig, standing

FRAMES = 4
HEADING = np.full(FRAMES, np.radians(90.0))
LEG = UPPER_LEGS[0]
TWIST, SWING = np.array([0.0, 0.0, 0.5]), np.array([0.5, 0.0, 0.0])


class Proposes:
    """Networks that propose the truth with one joint turned, and keep what they were told of the picture."""

    def __init__(self, turn: np.ndarray, sigma: float) -> None:
        self.turn, self.sigma = turn, sigma

    def encode(self, rig, views=None, mesh=None):
        return rig

    def decode(self, rig, times, pose, camera, points, sigma, *, progress):
        self.known = np.isfinite(sigma).any()
        local = truth().local_rotations.copy()
        local[:, LEG] = rotations.exp(self.turn)
        quaternions = rotations.quaternion_from_matrix(local)
        return SimpleNamespace(prior=PosePrior(quaternions, np.full(local.shape[:2], self.sigma)))


def truth() -> Motion:
    return standing(long_necked_rig(), HEADING)


@pytest.fixture(scope="module")
def problem() -> Problem:
    rig, camera = long_necked_rig(), camera_at(0.1)
    return prepare(rig, film(rig, truth(), camera), camera=camera)


def solved(problem: Problem, networks: Proposes) -> np.ndarray:
    """(T, 3) how far the leg is turned after the solve."""
    after, track = solve_as_proposed(networks, problem, Track(truth(), np.ones(FRAMES)), lambda *_: None)
    assert after.expected is not problem.expected
    assert track.overlap.shape == (FRAMES,)
    return rotations.log(track.motion.local_rotations[:, LEG])


def test_what_pixels_do_not_show_follows_the_proposal(problem):
    networks = Proposes(TWIST, 0.1)
    assert solved(problem, networks)[:, 2].mean() > 0.5 * TWIST[2]  # a leg looks alike however it is twisted
    assert not networks.known


def test_what_pixels_show_does_not(problem):
    assert solved(problem, Proposes(SWING, 0.3))[:, 0].mean() < 0.25 * SWING[0]


def test_an_unsure_proposal_moves_less(problem):
    sure, unsure = solved(problem, Proposes(SWING, 0.02)), solved(problem, Proposes(SWING, 0.5))
    assert np.abs(unsure[:, 0]).mean() < 0.5 * np.abs(sure[:, 0]).mean()
