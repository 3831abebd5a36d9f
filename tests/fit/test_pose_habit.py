# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rig's own Actions tell of its poses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mocapanything_addon.fit.body import Body
from mocapanything_addon.fit.pose_habit import FEWEST_POSES, HabitPrior, PoseHabit
from mocapanything_addon.ik import rotations
from mocapanything_addon.ik.kinematics import State
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.ik.parameters import apply_step
from mocapanything_addon.ik.solve import linearise, solve
from tests.fit.filmed_tubes import long_necked_rig
from tests.tube_character import tube_rig

FRONT, OTHER = 6, 12
"""The front legs' upper joints."""


def body_with(poses: int) -> Body:
    """Front legs that are always bent by 0.5 and swing together, the others at rest."""
    rig = tube_rig()
    local = np.tile(np.eye(3), (poses, rig.joint_count, 1, 1))
    swing = 0.5 + 0.4 * np.sin(np.arange(poses))
    for joint in (FRONT, OTHER):
        local[:, joint] = rotations.exp(swing[:, None] * np.array([1.0, 0.0, 0.0]))
    quaternions = rotations.quaternion_from_matrix(local).astype(np.float32)
    return Body.from_rig(replace(rig, example_rotations=quaternions))


@pytest.fixture(scope="module")
def body() -> Body:
    return body_with(60)


@pytest.fixture(scope="module")
def habit(body: Body) -> PoseHabit:
    habit = PoseHabit.of_body(body)
    assert habit is not None
    return habit


def test_center_is_the_mean_of_the_poses(habit: PoseHabit) -> None:
    assert rotations.log(habit.centers[FRONT]) == pytest.approx([0.5, 0.0, 0.0], abs=0.05)
    assert habit.centers[3] == pytest.approx(np.eye(3), abs=1e-6)


def test_what_one_side_does_the_other_can_do() -> None:
    rig = long_necked_rig()
    local = np.tile(np.eye(3), (20, rig.joint_count, 1, 1))
    local[:, FRONT] = rotations.exp(np.array([0.6, 0.2, 0.0]))
    quaternions = rotations.quaternion_from_matrix(local).astype(np.float32)
    body = Body.from_rig(replace(rig, example_rotations=quaternions))
    assert body.symmetry is not None
    habit = PoseHabit.of_body(body)
    assert habit is not None
    assert rotations.log(habit.centers[FRONT]) == pytest.approx([0.3, 0.1, 0.0], abs=0.02)
    assert rotations.log(habit.centers[OTHER]) == pytest.approx([0.3, -0.1, 0.0], abs=0.02)


def test_few_poses_tell_nothing() -> None:
    assert PoseHabit.of_body(body_with(FEWEST_POSES - 1)) is None


def test_joints_that_swing_are_freer_than_those_that_never_do(habit: PoseHabit) -> None:
    spread = np.linalg.inv(habit.precision)
    moves = 3 * int(np.searchsorted(habit.joints, FRONT))
    still = 3 * int(np.searchsorted(habit.joints, 3))
    assert spread[moves, moves] > 3.0 * spread[still, still]
    assert spread[moves, moves] > 3.0 * spread[moves + 1, moves + 1]


def test_a_joint_follows_its_companion(body: Body, habit: PoseHabit) -> None:
    """One leg is held bent; the other is expected bent too."""
    motion = Motion(np.zeros((1, 3)), habit.centers[None].copy())
    motion.local_rotations[0, FRONT] = rotations.exp(np.array([0.9, 0.0, 0.0]))
    held = np.zeros((1, body.skeleton.parameter_count), bool)
    block = np.arange(body.skeleton.block_count)[body.skeleton.rotation_blocks][
        np.searchsorted(body.skeleton.moving, FRONT)
    ]
    held[:, 3 * block : 3 * block + 3] = True
    held[:, :6] = True
    result, _ = solve(body.skeleton, motion, [HabitPrior((habit,))], held=held)
    assert rotations.log(result.local_rotations[0, FRONT])[0] == pytest.approx(0.9, abs=1e-6)
    assert 0.6 < rotations.log(result.local_rotations[0, OTHER])[0] < 0.9


def test_gradient_is_the_slope_of_the_cost(body: Body, habit: PoseHabit) -> None:
    rng = np.random.default_rng(3)
    local = rotations.exp(0.3 * rng.normal(size=(2, body.skeleton.joint_count, 3)))
    state = State(body.skeleton, Motion(rng.normal(size=(2, 3)), local))
    term = HabitPrior((habit,), stiffer=2.0)
    system, costs = linearise(state, [term])
    assert costs[0] == pytest.approx(term.cost(state)) == pytest.approx(term.costs(state.motion).sum())
    for _ in range(3):
        step = 1e-5 * rng.normal(size=system.gradient.shape)
        ahead, behind = (
            term.cost(State(body.skeleton, apply_step(state, sign * step))) for sign in (1.0, -1.0)
        )
        assert float((system.gradient * step).sum()) == pytest.approx(0.5 * (ahead - behind), rel=1e-4)


def test_what_the_actions_never_show_costs_no_more_than_for_anybody(body: Body, habit: PoseHabit) -> None:
    """A rig with walks only may fly: far from its habit, what holds for any body holds."""
    anybody = PoseHabit.of_anybody(body)
    both = HabitPrior((habit, anybody))
    motion = Motion(np.zeros((1, 3)), habit.centers[None].copy())
    assert both.costs(motion)[0] == pytest.approx(HabitPrior((habit,)).costs(motion)[0], abs=0.5)
    motion.local_rotations[0, 3] = rotations.exp(np.array([0.0, 1.2, 0.9]))
    ahead = habit.log_scale - anybody.log_scale
    # The mixture is never dearer; twenty to one for the other bell is more than nothing.
    assert HabitPrior((habit,)).costs(motion)[0] > both.costs(motion)[0] + np.log(20.0)
    assert both.costs(motion)[0] <= HabitPrior((anybody,)).costs(motion)[0] + ahead + 1e-6


def test_far_from_the_habit_each_further_turn_costs_less(body: Body, habit: PoseHabit) -> None:
    costs = []
    for angle in (1.2, 1.7, 2.2, 2.7):
        motion = Motion(np.zeros((1, 3)), habit.centers[None].copy())
        motion.local_rotations[0, 3] = rotations.exp(np.array([0.0, angle, 0.0]))
        costs.append(HabitPrior((habit,)).costs(motion)[0])
    steps = np.diff(costs)
    assert (steps > 0.0).all()
    # A Gaussian's would grow.
    assert steps[0] > steps[1] > steps[2]


def test_gradient_of_a_mixture_is_the_slope_of_its_cost(body: Body, habit: PoseHabit) -> None:
    rng = np.random.default_rng(4)
    local = rotations.exp(0.4 * rng.normal(size=(3, body.skeleton.joint_count, 3)))
    state = State(body.skeleton, Motion(rng.normal(size=(3, 3)), local))
    term = HabitPrior((habit, PoseHabit.of_anybody(body)))
    system, _ = linearise(state, [term])
    step = 1e-5 * rng.normal(size=system.gradient.shape)
    ahead, behind = (term.cost(State(body.skeleton, apply_step(state, sign * step))) for sign in (1.0, -1.0))
    assert float((system.gradient * step).sum()) == pytest.approx(0.5 * (ahead - behind), rel=1e-4)
