# SPDX-License-Identifier: GPL-3.0-or-later
"""What the networks propose to the fit: places of surface points, and a pose where pixels are silent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..fit.clip import SubjectClip
from ..fit.expected_pose import ExpectedPose
from ..fit.problem import Problem
from ..ik.kinematics import Pose
from ..jobs.views import ReferenceViews

if TYPE_CHECKING:
    from ..models.networks import Networks

Progress = Callable[[str, int, int], None]
LARGEST_SIGMA = 0.012
"""Points known less well than this share of the subject's size only blur what the fit has itself."""


@dataclass(frozen=True, eq=False)
class Proposals:
    """The problem with the networks' evidence in it, and how much of it there was."""

    problem: Problem
    used_share: float
    """Of all points in all frames, those sure enough to be used."""


def propose(
    networks: Networks,
    problem: Problem,
    clip: SubjectClip,
    views: ReferenceViews | None,
    pose: Pose,
    progress: Progress,
) -> Proposals:
    """Look at the clip with the networks, given an estimate.

    Args:
        networks: Loaded.
        problem: What the fit solves; its body and camera are used.
        clip: The subject, T frames.
        views: Renders of the rig in rest pose; None where there are none.
        pose: The estimate, T frames.
        progress: Told several times a second.
    """
    body = problem.body
    reference = networks.encode(body.rig, views, body.mesh)
    found = networks.correspond(reference, clip, pose, problem.camera, progress=progress)
    joints = body.skeleton.joint_count
    decoded = networks.decode(
        reference,
        clip.times,
        pose,
        problem.camera,
        found.places[:, :joints],
        found.sigma[:, :joints],
        progress=progress,
    )
    subject_size = problem.pixel * problem.frames.size
    sure = np.isfinite(found.sigma) & (found.sigma < LARGEST_SIGMA * subject_size[:, None])
    correspondences = [
        found.at(t, largest_sigma=LARGEST_SIGMA * subject_size[t])
        for t in range(clip.frame_count)
        if sure[t].any()
    ]
    expected = problem.expected
    if not expected.habits:
        # What the character's own Actions show is surer than what a network guesses of its kind.
        expected = ExpectedPose.from_prior(decoded.prior, body.stiffness)
    return Proposals(replace(problem, expected=expected, correspondences=correspondences), float(sure.mean()))
