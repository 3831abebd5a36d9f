# SPDX-License-Identifier: GPL-3.0-or-later
"""The average pose of a clip, told from a few of its frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mocapanything_addon.fit import pose_center
from mocapanything_addon.fit.fit import prepare
from mocapanything_addon.fit.hypothesis import Hypothesis
from mocapanything_addon.fit.pose_center import LOOKS, LOOKS_AT_ARMS, _weights, estimate_expected_pose
from mocapanything_addon.fit.problem import Problem
from mocapanything_addon.fit.start import FREE_STEPS, refit
from mocapanything_addon.fit.start_poses import start_poses
from mocapanything_addon.ik import rotations
from tests.fit.filmed_tubes import camera_at, film, spread_rig, standing

HEADINGS = np.array([0.5, 0.6, 0.7])


@pytest.mark.parametrize("held", ["rest", "limbs lowered", "limbs ahead"])
def test_the_pose_that_is_held_is_expected(held: str) -> None:
    """Though the start was searched from another."""
    rig, camera = spread_rig(), camera_at(0.2)
    at_rest = standing(rig, HEADINGS)
    problem = prepare(rig, film(rig, at_rest, camera), camera=camera)
    poses = start_poses(problem.body)
    by_name = {pose.name: pose.local_rotations for pose in poses}
    shown = standing(rig, HEADINGS)
    shown.local_rotations[:, 1:] = by_name[held][1:]
    problem = prepare(rig, film(rig, shown, camera), camera=camera)
    other = next(pose for pose in poses if pose.name == ("limbs lowered" if held == "rest" else "rest"))
    searched = [
        refit(problem, Hypothesis(t, at_rest[t : t + 1], 0.0, 0.0, float(h), other), FREE_STEPS)
        for t, h in enumerate(HEADINGS)
    ]
    expected = estimate_expected_pose(problem, searched, poses, lambda stage, done, total: None)
    limbs = problem.body.skeleton.moving[1:]
    apart = {
        name: float(rotations.angle_between(expected.center(0)[limbs], local[limbs]).mean())
        for name, local in by_name.items()
    }
    assert min(apart, key=apart.__getitem__) == held, apart


def test_limbs_are_held_and_necks_move() -> None:
    """In two frames, of a pose that is held and two that are not."""
    held = np.array([False, True, False])
    weights = _weights(np.array([[1.8, 1.8, 1.6], [1.6, 1.8, 1.8]]), held)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    assert weights[0, 1] == weights[1, 1] > 0.9
    assert weights[0, 0] > 10.0 * weights[0, 2] and weights[1, 2] > 10.0 * weights[1, 0]


@pytest.mark.parametrize(("share", "looks"), [(0.2, LOOKS_AT_ARMS), (0.01, LOOKS)])
def test_arms_are_looked_at_longer_than_ears(
    monkeypatch: pytest.MonkeyPatch, share: float, looks: int
) -> None:
    rig, camera = spread_rig(), camera_at(0.2)
    motion = standing(rig, HEADINGS)
    problem = prepare(rig, film(rig, motion, camera), camera=camera)
    carried = np.full(rig.joint_count, share / rig.joint_count)
    carried[0] = 1.0 - carried[1:].sum()
    carried[[3, 6, 9, 12]] = share
    body = replace(problem.body, mesh=replace(problem.body.mesh, joint_share=carried))
    poses = start_poses(problem.body)
    asked: list[int] = []

    def looked(_problem: Problem, start: Hypothesis, steps: int) -> Hypothesis:
        asked.append(steps)
        return start

    monkeypatch.setattr(pose_center, "refit", looked)
    searched = [Hypothesis(0, motion[:1], 0.0, 0.0, 0.5, poses[0])]
    estimate_expected_pose(replace(problem, body=body), searched, poses, lambda stage, done, total: None)
    assert set(asked) == {looks}
