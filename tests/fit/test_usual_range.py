# SPDX-License-Identifier: GPL-3.0-or-later
"""Joints do not turn farther than joints do, unless the rig itself says how far they turn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mocapanything_addon.fit.fit import prepare
from mocapanything_addon.fit.pose_habit import PoseHabit
from mocapanything_addon.fit.problem import Problem
from mocapanything_addon.fit.usual_range import (
    FROM_EXPECTED,
    FROM_REST,
    usual_range_costs,
    usual_range_terms,
)
from mocapanything_addon.ik import rotations
from mocapanything_addon.ik.kinematics import State
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.ik.solve import step
from mocapanything_addon.jobs.rig import Rig
from tests.fit.filmed_tubes import camera_at, film, long_necked_rig, standing

LEG = 3
FRAMES = 4


def problem_of(rig: Rig) -> Problem:
    camera = camera_at(0.1)
    return prepare(rig, film(rig, standing(rig, np.zeros(FRAMES)), camera), camera=camera)


@pytest.fixture(scope="module")
def problem() -> Problem:
    return problem_of(long_necked_rig())


def swung(problem: Problem, angle: float, frames: int = 2) -> Motion:
    """A leg turned by ``angle`` radians."""
    motion = Motion.rest(problem.body.skeleton.joint_count, frames)
    motion.local_rotations[:, LEG] = rotations.exp(np.array([-angle, 0.0, 0.0]))
    return motion


def term_costs(problem: Problem, motion: Motion, first: int = 0) -> list[float]:
    skeleton = problem.body.skeleton
    return [
        sum(
            term.cost(State(skeleton, motion[t : t + 1]))
            for term in usual_range_terms(problem, np.array([first + t]))
        )
        for t in range(motion.frame_count)
    ]


def test_nothing_is_asked_within_the_usual_range(problem: Problem) -> None:
    motion = swung(problem, min(FROM_REST, FROM_EXPECTED) - 0.01)
    assert usual_range_costs(problem, motion, 0).tolist() == term_costs(problem, motion) == [0.0, 0.0]


def test_the_wall_costs_what_its_terms_do_in_the_clips_own_frames(problem: Problem) -> None:
    expected = problem.expected.centers[[0] * FRAMES].copy()
    expected[2, LEG] = rotations.exp(np.array([-2.5, 0.0, 0.0]))
    by_frame = problem.with_expected(replace(problem.expected, centers=expected))
    motion = swung(problem, 2.0)
    cost = usual_range_costs(by_frame, motion, 2)
    assert cost == pytest.approx(term_costs(by_frame, motion, 2))
    # In the first of the two the leg is expected nearly there: only the way from rest is too far.
    assert 0.0 < cost[0] < cost[1]


def test_a_leg_that_is_folded_away_is_brought_back_and_no_farther(problem: Problem) -> None:
    motion = swung(problem, 2.6, frames=1)
    for _ in range(6):
        motion, _report = step(problem.body.skeleton, motion, usual_range_terms(problem, np.array([0])))
    angle = float(rotations.angle_between(motion.local_rotations[0, LEG], np.eye(3)))
    assert angle == pytest.approx(min(FROM_REST, FROM_EXPECTED), abs=np.radians(3.0))


def test_a_rig_with_limits_or_actions_is_asked_itself(problem: Problem) -> None:
    rig = long_necked_rig()
    limits = rig.limits.copy()
    limits[LEG] = [[-3.0, 3.0]] * 3
    limited = problem_of(replace(rig, limits=limits))
    assert usual_range_costs(limited, swung(limited, 2.6), 0).tolist() == [0.0, 0.0]
    assert usual_range_costs(problem, swung(problem, 2.6), 0).min() > 0.0

    habit = PoseHabit.of_anybody(problem.body)
    known = problem.with_expected(replace(problem.expected, habits=(habit,)))
    assert usual_range_terms(known, np.array([0])) == []
    assert usual_range_costs(known, swung(known, 2.6), 0).tolist() == [0.0, 0.0]
