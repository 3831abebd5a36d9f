# SPDX-License-Identifier: GPL-3.0-or-later
"""A clip that stays badly explained is solved again, and what costs least is kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mocapanything_addon.fit.clip_cost import ClipCost
from mocapanything_addon.fit.problem import Problem
from mocapanything_addon.fit.restart import restarted
from mocapanything_addon.ik import rotations
from mocapanything_addon.ik.motion import Motion
from tests.fit.walking_tubes import cost_of, ignored, joints_off, walk_problem, walking


@pytest.fixture(scope="module")
def problem() -> Problem:
    return walk_problem()


def stiff() -> Motion:
    """The way is right and nothing else: what a tracker that lost all limbs may give."""
    motion = walking()
    motion.local_rotations[:, 1:] = np.eye(3)
    return motion


def astray() -> Motion:
    """A leg that points far up in every frame."""
    motion = walking()
    motion.local_rotations[:, 3] = rotations.exp(np.array([-2.2, 0.0, 0.0])) @ motion.local_rotations[:, 3]
    return motion


def go_again(problem: Problem, tracked: Motion, motion: Motion, cost: ClipCost, worth: float):
    return restarted(
        problem, tracked, motion, cost, ignored, times=1, worth=worth, rounds=4, passes=0, slow_passes=0
    )


def test_what_tracks_lead_to_is_kept_where_it_costs_less(problem: Problem) -> None:
    motion = astray()
    cost = cost_of(problem, motion)
    found, reached = go_again(problem, stiff(), motion, cost, worth=10.0)
    assert reached.total < 0.5 * cost.total
    assert reached.total == pytest.approx(cost_of(problem, found).total)
    assert joints_off(problem, found) < 0.5 * joints_off(problem, motion)


def test_what_tracks_lead_to_is_left_where_it_costs_more(problem: Problem) -> None:
    motion = walking()
    cost = cost_of(problem, motion)
    turned = astray()
    turned.local_rotations[:, 0] = rotations.exp(np.array([0.0, 0.0, 2.5])) @ turned.local_rotations[:, 0]
    found, reached = go_again(problem, turned, motion, cost, worth=0.0)
    assert reached.total <= cost.total
    assert joints_off(problem, found) < 0.02


def test_what_is_explained_well_is_not_solved_again(problem: Problem) -> None:
    motion = walking()
    cost = cost_of(problem, motion)
    found, reached = go_again(problem, stiff(), motion, cost, worth=80.0)
    assert found is motion and reached is cost


def test_own_masks_are_no_reason_to_begin_again(problem: Problem) -> None:
    motion = astray()
    cost = cost_of(problem, motion)
    found, _ = go_again(replace(problem, masks_given=False), stiff(), motion, cost, worth=10.0)
    assert found is motion
