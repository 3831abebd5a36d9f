# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames in the wrong valley are noticed and freed."""

from __future__ import annotations

import numpy as np
import pytest
from skeletons import random_motion, random_skeleton

from mocapanything_addon.ik import IKSettings, Skeleton, Target, rotations
from mocapanything_addon.ik.clip_problem import ClipProblem
from mocapanything_addon.ik.kinematics import forward
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.ik.starts.stuck_frames import bridged, free_stuck_frames, stuck_frames
from mocapanything_addon.ik.widths import first_widths

FRAMES = 20


def arm() -> tuple[Skeleton, Motion]:
    """Two hinges in one plane: the elbow bends one way only, and a hand behind it is a trap."""
    rest = np.array([[0, 0, 0], [0.5, 0, 0], [-0.5, 0, 0], [0, 0.5, 0], [0, 1.0, 0]], float)
    limits = np.tile([-np.inf, np.inf], (5, 3, 1))
    limits[3, 2] = [0.2, 2.8]
    locks = np.zeros((5, 3), bool)
    locks[[3, 4]] = [True, True, False], [True, True, True]
    skeleton = Skeleton(
        ["root", "left", "right", "elbow", "hand"],
        [-1, 0, 0, 0, 3],
        rest,
        np.tile([1.0, 0, 0, 0], (5, 1)),
        limits,
        locks,
    )
    turns = np.zeros((FRAMES, 5, 3))
    turns[:, 3, 2] = np.linspace(0.5, 1.5, FRAMES)
    return skeleton, Motion(np.zeros((FRAMES, 3)), rotations.exp(turns))


def test_frames_that_stand_out_are_solved_again() -> None:
    skeleton, motion = arm()
    target = Target(positions=forward(skeleton, motion).positions)
    problem = ClipProblem.checked(skeleton, target, 24.0, IKSettings())
    widths = first_widths(problem)
    spoilt = motion.copy()
    spoilt.local_rotations[8:11, 3] = rotations.exp([0.0, 0.0, 2.8])
    assert np.nonzero(stuck_frames(problem, spoilt, widths))[0].tolist() == [8, 9, 10]
    fixed = np.zeros((FRAMES, skeleton.parameter_count), bool)
    freed = free_stuck_frames(problem, spoilt, fixed, widths, [])
    away = np.linalg.norm(forward(skeleton, freed).positions - target.positions, axis=-1)
    assert away.max() < 0.01
    assert np.array_equal(freed.local_rotations[:4], motion.local_rotations[:4])


def test_what_is_held_stays_and_a_good_motion_is_left_alone() -> None:
    skeleton, motion = arm()
    target = Target(positions=forward(skeleton, motion).positions)
    problem = ClipProblem.checked(skeleton, target, 24.0, IKSettings())
    fixed = np.zeros((FRAMES, skeleton.parameter_count), bool)
    widths = first_widths(problem)
    assert free_stuck_frames(problem, motion, fixed, widths, []) is motion
    spoilt = motion.copy()
    spoilt.local_rotations[8:11, 3] = rotations.exp([0.0, 0.0, 2.8])
    fixed[8:11, 7] = True
    freed = free_stuck_frames(problem, spoilt, fixed, widths, [])
    assert np.array_equal(freed.local_rotations[8:11], spoilt.local_rotations[8:11])


def test_noise_and_outliers_are_no_stuck_frames() -> None:
    skeleton = random_skeleton(0, 30)
    motion = random_motion(skeleton, 0, 60)
    rng = np.random.default_rng(0)
    positions = forward(skeleton, motion).positions + 0.02 * skeleton.size * rng.normal(size=(60, 30, 3))
    positions[rng.random((60, 30)) < 0.1] += skeleton.size
    problem = ClipProblem.checked(skeleton, Target(positions=positions), 24.0, IKSettings())
    assert stuck_frames(problem, motion, first_widths(problem)).mean() < 0.05


@pytest.mark.parametrize("run", [slice(0, 3), slice(4, 7), slice(8, 10)])
def test_the_bridge_leads_from_the_frame_before_to_the_frame_after(run: slice) -> None:
    skeleton = random_skeleton(1, 5)
    motion = random_motion(skeleton, 1, 10)
    result = bridged(motion, run)
    outside = np.setdiff1d(np.arange(10), np.arange(10)[run])
    assert np.array_equal(result.local_rotations[outside], motion.local_rotations[outside])
    ends = [f for f in (run.start - 1, run.stop) if 0 <= f < 10]
    for first, second in zip(range(run.start, run.stop), range(run.start + 1, run.stop), strict=False):
        turns = rotations.angle_between(result.local_rotations[first], result.local_rotations[second])
        whole = rotations.angle_between(motion.local_rotations[ends[0]], motion.local_rotations[ends[-1]])
        assert np.allclose(turns, whole / (run.stop - run.start + 1) if len(ends) == 2 else 0.0, atol=1e-6)
