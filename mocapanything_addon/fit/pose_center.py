# SPDX-License-Identifier: GPL-3.0-or-later
"""The average pose, from the rig's own Actions, or from how well each start pose explains a few frames.

Most of the error of a fit is an offset per bone that stays the same over the clip: limbs that the outline
does not show are where the expected pose has them. A rig's own Actions tell best how it holds itself; without
any, a few frames tell which of its plausible poses the subject holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from ..ik import rotations
from ..ik.motion import Motion
from .body import Body
from .expected_pose import ExpectedPose
from .hypothesis import Hypothesis
from .pose_habit import PoseHabit
from .problem import Problem, Progress
from .start import UNUSUAL_COST, refit
from .start_poses import StartPose, unusual

STAGE = "average pose"
LOOKS, LOOKS_AT_ARMS = 8, 20
"""That each pose gets in each frame. With few, chance decides between arms lowered and ahead; with many, a
neck comes up from any pose, and none looks better."""
ARM_SHARE = 0.05
"""Of the surface: what carries less is no arm."""
CLIP_SIGMA, FRAME_SIGMA = 0.02, 0.03
"""Difference of scores at which one pose is e times as likely as another: of a clip's means, of a frame."""


def estimate_expected_pose(
    problem: Problem, ranked: Sequence[Hypothesis], poses: Sequence[StartPose], progress: Progress
) -> ExpectedPose:
    """What to expect of the pose: the habit of the rig's own Actions, else the start poses' mean, weighted by
    how well each explains the frames searched.

    Args:
        problem: The capture.
        ranked: Hypotheses, best first.
        poses: All start poses.
        progress: Told how far it is.
    """
    habit = PoseHabit.of_body(problem.body)
    if habit is not None:
        return replace(problem.expected, habits=(habit, PoseHabit.of_anybody(problem.body)))
    best: dict[int, Hypothesis] = {}
    for hypothesis in ranked:
        best.setdefault(hypothesis.frame, hypothesis)
    if len(poses) < 2:
        return problem.expected
    frames = sorted(best)
    looks = LOOKS_AT_ARMS if any(_holds_arms(problem.body, pose) for pose in poses) else LOOKS
    scores = np.zeros((len(frames), len(poses)))
    for row, frame in enumerate(frames):
        for column, pose in enumerate(poses):
            progress(STAGE, row * len(poses) + column, len(frames) * len(poses))
            known = best[frame]
            root = problem.body.skeleton.root
            local = pose.local_rotations.copy()
            local[root] = known.pose.local_rotations[0, root]
            start = replace(known, pose=Motion(known.pose.root_translation, local[None]), start_pose=pose)
            scores[row, column] = refit(problem, start, looks).fit
    scores -= UNUSUAL_COST * np.array([unusual(problem.body, pose) for pose in poses])
    weights = _weights(scores, np.array([pose.is_held for pose in poses]))
    times = problem.frames.clip.times
    over_time = np.stack([np.interp(times, times[frames], column) for column in weights.T], axis=1)
    candidates = np.stack([pose.local_rotations for pose in poses])
    centers = rotations.nearest_rotation(np.einsum("tk,kjab->tjab", over_time, candidates))
    return ExpectedPose(centers, problem.expected.precisions)


def _holds_arms(body: Body, pose: StartPose) -> bool:
    """Whether a pose is one of arms, and not of ears that stick out."""
    turned = ~np.isclose(pose.local_rotations, np.eye(3)).all((1, 2))
    turned[body.skeleton.root] = False
    share = body.skeleton.is_ancestor @ body.mesh.joint_share
    return pose.is_held and bool((share[turned] > ARM_SHARE).any())


def _weights(scores: NDArray[np.float64], held: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(F, P) of P poses in F frames, by their scores there. Those that are held weigh the same throughout:
    what a single frame shows of limbs is less than what it does not show. The others share what is left."""
    of_clip = softmax(scores.mean(axis=0) / CLIP_SIGMA)
    weights = np.tile(of_clip, (len(scores), 1))
    weights[:, ~held] = of_clip[~held].sum() * softmax(scores[:, ~held] / FRAME_SIGMA, axis=1)
    return weights
