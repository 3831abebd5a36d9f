# SPDX-License-Identifier: GPL-3.0-or-later
"""A focal length that nobody knows is found from perspective."""

from __future__ import annotations

import numpy as np
import pytest

from mocapanything_addon.fit.find_focal import find_focal, with_focal
from mocapanything_addon.fit.fit import prepare
from mocapanything_addon.fit.problem import Problem
from mocapanything_addon.ik.kinematics import forward
from mocapanything_addon.ik.motion import Motion
from tests.fit import filmed_tubes
from tests.fit.filmed_tubes import camera_at, film, long_necked_rig

RIG = long_necked_rig()
FRAMES = 20
CAMERA = camera_at(0.2, distance=3.2)


def ignored(*_: object) -> None:
    """No one is told."""


def walking() -> Motion:
    """Turns round, so that either end comes nearer."""
    return filmed_tubes.walking(RIG, np.radians(np.linspace(10.0, 130.0, FRAMES)), period=8.0, swing=0.4)


@pytest.fixture(scope="module")
def problem() -> Problem:
    return prepare(RIG, film(RIG, walking(), CAMERA, frame_rate=24.0), camera=CAMERA)


@pytest.mark.parametrize("wrong", [0.7, 1.45])
def test_focal_length_is_found(problem: Problem, wrong: float) -> None:
    guessed, motion = with_focal(problem, walking(), wrong * CAMERA.focal)
    found, moved = find_focal(guessed, motion, ignored)
    assert found.camera.focal == pytest.approx(CAMERA.focal, rel=0.2)
    true = forward(problem.body.skeleton, walking()).positions
    away = np.linalg.norm(forward(problem.body.skeleton, moved).positions - true, axis=-1)
    assert away.mean() < 0.2 * np.linalg.norm(true.mean((0, 1)) - CAMERA.position)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_another_focal_length_shows_the_body_as_large(problem: Problem, factor: float) -> None:
    other, moved = with_focal(problem, walking(), factor * CAMERA.focal)
    root = problem.body.skeleton.root
    before, after = (
        camera.project(forward(problem.body.skeleton, m).positions)
        for camera, m in ((CAMERA, walking()), (other.camera, moved))
    )
    assert after[:, root] == pytest.approx(before[:, root], abs=1e-6)
    spread = [np.ptp(points[0], axis=0).max() for points in (before, after)]
    assert spread[1] == pytest.approx(spread[0], rel=0.35)


def test_known_cameras_are_left_alone() -> None:
    clip = film(RIG, walking()[:2], CAMERA)
    assert prepare(RIG, clip, camera=CAMERA).focal_known
    assert prepare(RIG, clip, fov_degrees=40.0).focal_known
    assert not prepare(RIG, clip).focal_known
