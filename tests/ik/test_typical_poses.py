# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rig's own poses tell of joints that nothing shows."""

from __future__ import annotations

import numpy as np
import pytest

from mocapanything_addon.ik import Motion, Skeleton, Target, rotations, solve_clip
from mocapanything_addon.ik.kinematics import forward
from mocapanything_addon.ik.typical_poses import BEYOND, usual_rotations

IDENTITY = [1.0, 0.0, 0.0, 0.0]


def arm() -> Skeleton:
    """Four joints on one line: no position shows how the upper ones roll."""
    return Skeleton(list("abcd"), [-1, 0, 1, 2], [[0, i, 0] for i in range(4)], [IDENTITY] * 4)


def rolled(frames: int, seed: int) -> Motion:
    """The second joint is always rolled by about a radian, the others swing."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(frames, 4, 3)) * [0.3, 0.05, 0.3]
    vectors[:, 0] = 0.0
    vectors[:, 1, 1] += 1.0
    return Motion(np.zeros((frames, 3)), rotations.exp(vectors))


def test_the_mean_and_the_spread_of_the_poses_are_found() -> None:
    usual = usual_rotations(rolled(400, 1).quaternions())
    assert np.allclose(rotations.log(usual.centers[1]), [0.0, 1.0, 0.0], atol=0.1)
    spread = np.sqrt(np.diagonal(np.linalg.inv(usual.precision[2])))
    assert spread == pytest.approx(np.sqrt(np.square([0.3, 0.05, 0.3]) + BEYOND**2), rel=0.15)


def test_a_single_pose_is_a_faint_hint() -> None:
    usual = usual_rotations(np.array([[IDENTITY]]))
    assert 1.0 / BEYOND**2 > usual.precision[0, 0, 0] > 1.0


def test_rolls_that_nothing_shows_follow_the_poses() -> None:
    skeleton, truth = arm(), rolled(6, 2)
    positions = forward(skeleton, truth).positions
    typical = rolled(200, 3).quaternions()

    def error(target: Target) -> float:
        found = rotations.matrix_from_quaternion(solve_clip(skeleton, target, 24.0).local_rotations)
        return float(np.degrees(rotations.angle_between(found, truth.local_rotations))[:, 1].mean())

    blind, told = error(Target(positions=positions)), error(Target(positions=positions, poses=typical))
    assert told < 0.4 * blind


def test_poses_of_another_skeleton_are_refused() -> None:
    with pytest.raises(ValueError, match="poses have shape"):
        solve_clip(arm(), Target(positions=np.zeros((1, 4, 3)), poses=np.zeros((5, 3, 4))), 24.0)
