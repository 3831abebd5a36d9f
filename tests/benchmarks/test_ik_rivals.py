# SPDX-License-Identifier: GPL-3.0-or-later
"""The methods we compare with do what they are said to: else beating them says nothing."""

from __future__ import annotations

import numpy as np
import pytest
from small_packs import small_pack

from benchmarks.cases import case_from_pack, tree_case, true_positions
from benchmarks.metrics import BoneClass, bone_classes, errors
from benchmarks.rivals import available, grace, v1_style
from benchmarks.rivals.damped_steps import descend
from mocapanything_addon.ik import rotations

METHODS = available()


@pytest.mark.parametrize("name", list(METHODS))
def test_exact_positions_are_reached(name):
    for case in (case_from_pack(small_pack(), 6), tree_case(2, 9, 4)):
        positions = true_positions(case)
        answer = METHODS[name](case.skeleton, positions, np.ones(positions.shape[:2]), None, case.fps)
        assert errors(case, answer).distance.mean() < 0.1
        assert np.linalg.norm(answer.local_rotations, axis=-1) == pytest.approx(1.0)


@pytest.mark.parametrize("name", list(METHODS))
def test_missing_joints_may_hold_anything(name):
    case = case_from_pack(small_pack(), 5)
    positions = true_positions(case)
    weights = np.ones(positions.shape[:2])
    positions[2:4, 2], weights[2:4, 2] = 100.0, 0.0
    answer = METHODS[name](case.skeleton, positions, weights, None, case.fps)
    assert errors(case, answer).distance.max() < 20.0


@pytest.mark.parametrize("name", [n for n in METHODS if n != "ours, frame by frame"])
def test_hints_are_used_where_positions_say_nothing(name):
    case = tree_case(1, 8, 3)
    positions = true_positions(case)
    ones = np.ones(positions.shape[:2])
    solve = METHODS[name]
    told = solve(case.skeleton, positions, ones, case.truth.quaternions(), case.fps)
    untold = solve(case.skeleton, positions, ones, None, case.fps)
    leaves = bone_classes(case.skeleton) == BoneClass.LEAF
    assert errors(case, told).local[:, leaves].mean() < 0.5 * errors(case, untold).local[:, leaves].mean()


def test_grace_turns_joints_with_several_children_exactly():
    case = tree_case(0, 20, 4)
    positions = true_positions(case)
    answer = grace.solve(case.skeleton, positions, np.ones(positions.shape[:2]), None, case.fps)
    found = errors(case, answer)
    branches = [j for j in range(20) if len(case.skeleton.children[j]) > 2]
    assert branches
    assert found.swing[:, branches].max() < 1e-3
    assert found.twist[:, branches].max() < 1e-3


def test_grace_leaves_a_leaf_as_expected_and_only_swings_an_only_child():
    case = case_from_pack(small_pack(), 6)
    positions = true_positions(case)
    weights = np.ones(positions.shape[:2])
    weights[:, [3, 6]] = 0.0
    answer = grace.solve(case.skeleton, positions, weights, None, case.fps)
    assert answer.local_rotations[:, 2] == pytest.approx(np.tile([1.0, 0, 0, 0], (6, 1)))
    vectors = rotations.log(rotations.matrix_from_quaternion(answer.local_rotations[:, 4]))
    assert vectors @ case.skeleton.twist_axes[4] == pytest.approx(0.0, abs=1e-9)


def test_swing_is_the_smallest_rotation_and_survives_opposites():
    rng = np.random.default_rng(0)
    start = rng.normal(size=(20, 3))
    start /= np.linalg.norm(start, axis=-1, keepdims=True)
    end = np.concatenate([-start[:5], start[:5], np.roll(start, 1, axis=0)[10:]])
    turned = grace.swing(start[..., None], end)
    assert (turned @ start[..., None])[..., 0] == pytest.approx(end, abs=1e-9)
    angles = np.arccos(np.clip((start * end).sum(-1), -1.0, 1.0))
    assert np.linalg.norm(rotations.log(turned), axis=-1) == pytest.approx(angles, abs=1e-6)


def test_the_gradient_of_the_v1_style_cost():
    case = tree_case(3, 10, 2)
    rng = np.random.default_rng(1)
    model = v1_style._Model(case.skeleton, 0.02, 0.03)
    weights = rng.random(10)
    weights[4] = 0.0
    model.observe(true_positions(case)[0], weights, rng.normal(size=(10, 3)))
    values = 0.7 * rng.normal(size=3 + 3 * len(case.skeleton.moving))
    _, gradient = model.cost(values)
    step = 1e-6
    for index, slope in enumerate(gradient):
        ahead, behind = values.copy(), values.copy()
        ahead[index] += step
        behind[index] -= step
        measured = (model.cost(ahead)[0] - model.cost(behind)[0]) / (2.0 * step)
        assert slope == pytest.approx(measured, rel=1e-5, abs=1e-4)


def test_the_v1_style_priors_pull():
    case = tree_case(4, 8, 2)
    positions = true_positions(case)
    ones = np.ones(positions.shape[:2])
    hints = rotations.quaternion_from_matrix(
        case.truth.local_rotations @ rotations.exp(0.8 * case.skeleton.twist_axes)
    )
    start = rotations.matrix_from_quaternion(
        grace.solve(case.skeleton, positions, ones, hints, case.fps).local_rotations
    )

    def solved(prior: float, twist: float) -> tuple[float, float]:
        """How far from the geometric pose, and how much twist."""
        answer = v1_style.solve(case.skeleton, positions, ones, hints, case.fps, prior=prior, twist=twist)
        found = rotations.matrix_from_quaternion(answer.local_rotations)
        along = np.abs((rotations.log(found) * case.skeleton.twist_axes).sum(-1))
        return float(rotations.angle_between(found, start).mean()), float(along.mean())

    firm, loose = solved(1.0, 0.0), solved(1e-6, 1e-2)
    assert firm[0] < 0.01
    assert loose[0] > 0.1
    assert loose[1] < 0.8 * firm[1]


def test_damped_steps_never_end_worse_than_they_began():
    # Steps of Newton's method on atan diverge from 3 without damping.
    here = np.array([3.0])

    def aim(values: np.ndarray) -> float:
        here[:] = values
        return float(abs(np.arctan(values[0])))

    def step(damping: float) -> np.ndarray:
        slope = 1.0 / (1.0 + here[0] ** 2)
        return here - slope * np.arctan(here) / (slope**2 + damping)

    assert abs(descend(np.array([3.0]), aim, step)[0]) < 1e-3
