# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of every joint's rotation comes from the pixels, and not from what was expected anyway."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ik.kinematics import State
from ..ik.motion import Motion
from ..ik.solve import Term, linearise
from .evidence.observations import PlaceObservations
from .frame_fit import NARROW
from .problem import Problem, Progress
from .sight import look
from .terms import EVIDENCE_SIGMA, correspondence_terms, expected_pose_terms, place_terms

STAGE = "motion prior"
FLOW_SHARE = 40.0
"""Weight of all visible points of a frame: how well flow over the clip pins the surface that is seen."""


def told_by_pixels(problem: Problem, motion: Motion, progress: Progress) -> NDArray[np.float64]:
    """(T, J) what the pixels add to a joint's rotation: 0 (nothing but what was expected) to 1.

    In each frame the expected pose and the evidence each have a precision; one minus the ratio of the
    standard deviations after and before the evidence is what the pixels contribute (the posterior covariance
    of the linearised problem).

    Args:
        problem: The capture.
        motion: T frames, as fitted.
        progress: Told after every frame.
    """
    body = problem.body
    skeleton = body.skeleton
    count, moving = motion.frame_count, skeleton.moving
    state = State(skeleton, motion)
    result = np.zeros((count, skeleton.joint_count))
    shown = np.ones_like(result)
    for t in range(count):
        progress(STAGE, t, count)
        if not problem.frames.has_subject[t]:
            continue
        sight = look(problem, body.skin.at(state, t), t, sigma=NARROW)
        single = State(skeleton, motion[t : t + 1])
        evidence: list[Term] = [*correspondence_terms(problem, np.array([t]))]
        if sight.silhouette is not None:
            evidence += place_terms(problem, [(0, t, sight.silhouette)])
        if len(sight.points):
            seen = np.full(len(sight.points), FLOW_SHARE / len(sight.points))
            still = PlaceObservations(sight.points, sight.pixels, seen, None, EVIDENCE_SIGMA)
            evidence += place_terms(problem, [(0, t, still)])
        prior, _ = linearise(single, expected_pose_terms(problem, np.array([t])))
        before = prior.frame_blocks()[0]
        after = before + linearise(single, evidence)[0].frame_blocks()[0]
        free = skeleton.rotation_parameters
        floor = 1e-3 * np.eye(len(before))
        wide = np.diagonal(np.linalg.inv(before + floor))[free].reshape(-1, 3).sum(1)
        narrow = np.diagonal(np.linalg.inv(after + floor))[free].reshape(-1, 3).sum(1)
        result[t, moving] = 1.0 - np.sqrt(np.clip(narrow / wide, 0.0, 1.0))
        shown[t] = 1.0 - sight.hidden_share
    return body.inherited(result) * shown
