# SPDX-License-Identifier: GPL-3.0-or-later
"""The last solves: once limbs are where they belong, the clip itself says what its average pose is.

To find the limbs, a firm pull towards the rest pose is needed, and it stays in the result as an offset that
is the same in all frames. What a body does on the left it does, over a clip, on the right as well: so the
expected pose moves to the mean of the clip and its mirror image, and pulls less.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..ik import rotations
from ..ik.motion import Motion
from .body import Body
from .expected_pose import ExpectedPose
from .problem import Problem, Progress
from .track import Track
from .whole_clip import fit_whole_clip, solve_whole_clip

TIMES = 3
SOFTER = 0.3
"""Share of the pull that is left where the rig has no Actions."""


def settle(problem: Problem, found: Track, progress: Progress, *, rounds: int) -> tuple[Problem, Track]:
    """Solve the clip a last time, about its own average pose where the rig's Actions do not tell a better
    one.

    Args:
        problem: The capture.
        found: The motion, limbs where they belong.
        progress: Told several times a second.
        rounds: How often the evidence is gathered anew.

    Returns:
        The problem with the expected pose that was used last, and the motion.
    """
    given, rounds = problem.expected, max(2, rounds // 2)
    motion = found.motion
    for _ in range(TIMES - 1):
        problem = problem.with_expected(about_own_mean(problem.body, given, motion))
        motion = solve_whole_clip(problem, motion, progress, rounds=rounds)
    problem = problem.with_expected(about_own_mean(problem.body, given, motion))
    return problem, fit_whole_clip(problem, motion, progress, rounds=rounds)


def about_own_mean(body: Body, expected: ExpectedPose, motion: Motion) -> ExpectedPose:
    """The expected pose moved to a motion's symmetric mean.

    What the rig's own Actions show of the ways in which it leaves its mean stays as it is.
    """
    mean = rotations.nearest_rotation(motion.local_rotations.mean(axis=0))
    if body.symmetry is not None:
        mean = rotations.nearest_rotation(mean + body.symmetry.mirror_rotations(mean))
    if expected.habits:
        habit, *others = expected.habits
        centers = habit.centers.copy()
        centers[habit.joints] = mean[habit.joints]
        return replace(expected, habits=(replace(habit, centers=centers), *others))
    before = rotations.nearest_rotation(expected.centers.mean(axis=0))
    offset = rotations.log(np.swapaxes(before, -1, -2) @ mean)
    softer = np.sqrt(SOFTER) * np.eye(3)
    if body.symmetry is not None:
        # Sideways, which is towards the camera of a side view, outlines hardly tell: there the pull stays.
        axis = body.symmetry.axis
        softer = np.eye(3) + (np.sqrt(SOFTER) - 1.0) * np.outer(axis, axis)
    return replace(
        expected,
        centers=expected.centers @ rotations.exp(offset),
        precisions=softer @ expected.precisions @ softer,
    )
