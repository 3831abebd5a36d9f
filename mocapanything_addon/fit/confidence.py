# SPDX-License-Identifier: GPL-3.0-or-later
"""How sure every joint is in every frame: the probability that its bone is within 20 degrees of the truth.

Told from how well the body fills the subject's outline in the frames that fit best, and from what the
evidence adds to what was expected anyway. The weights are those of a logistic regression on filmed clips of
known truth (docs/fit.md). What something hides is guessed, as frames without a subject are, and as unsure.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from ..ik.kinematics import State
from ..ik.motion import Motion
from ..ik.solve import Term, linearise
from .evidence.observations import PlaceObservations
from .frame_fit import NARROW
from .problem import Problem, Progress
from .sight import look
from .terms import EVIDENCE_SIGMA, correspondence_terms, expected_pose_terms, place_terms

STAGE = "confidence"
FLOW_SHARE = 40.0
"""Weight of all visible points of a frame: how well flow over the clip pins the surface that is seen."""
CONSTANT, BY_EVIDENCE, BY_OVERLAP = -52.2, 0.19, 56.1
"""Natural logarithms of odds: of nothing, a unit of the evidence's own log odds, and the clip's overlap."""
BEST_FRAMES = 0.9
"""Quantile of the frames' overlaps that speaks for the clip: single frames may have a broken mask."""
KNOWN_OVERLAPS = 0.75, 0.98
"""The clips' overlaps that the weights were learned from."""
KNOWN_EVIDENCE = 0.02, 0.98
FOLLOWED, LOST = 0.7, 0.4
"""Overlap of a frame over that of the best frames: as good from here on, lost up to here."""
SMOOTHING = 1.0
"""Frames."""


def joint_confidence(
    problem: Problem, motion: Motion, overlap: NDArray[np.float64], progress: Progress
) -> NDArray[np.float32]:
    """(T, J) probabilities.

    Frames whose outline fits much worse than the others' count less.

    Args:
        problem: The capture.
        motion: T frames, as fitted.
        overlap: (T,) of the outlines.
        progress: Told after every frame.
    """
    told, shown = _told_and_shown(problem, motion, progress)
    result = calibrated(told, overlap, problem.frames.has_subject) * shown
    if motion.frame_count > 2:
        seen_frames = problem.frames.has_subject[:, None]
        result = gaussian_filter1d(result, SMOOTHING, axis=0, mode="nearest") * seen_frames
    return np.clip(np.nan_to_num(result), 0.0, 1.0).astype(np.float32)


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
    told, shown = _told_and_shown(problem, motion, progress)
    return told * shown


def _told_and_shown(
    problem: Problem, motion: Motion, progress: Progress
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(T, J) what the pixels add, and the share of each bone's surface that nothing hides."""
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
        shown[t] = 1.0 - sight.hidden_share
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
    _inherit(problem, result)
    return result, shown


def calibrated(
    evidence: NDArray[np.float64], overlap: NDArray[np.float64], seen: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """(T, J) probability that each bone is within 20 degrees of the truth.

    Args:
        evidence: (T, J) 0 (nothing but what was expected) to 1.
        overlap: (T,) of the outlines.
        seen: (T,) there is a subject.
    """
    if not seen.any():
        return np.zeros_like(evidence)
    best = float(np.quantile(overlap[seen], BEST_FRAMES))
    known = np.clip(evidence, *KNOWN_EVIDENCE)
    logit = (
        CONSTANT + BY_EVIDENCE * np.log(known / (1.0 - known)) + BY_OVERLAP * np.clip(best, *KNOWN_OVERLAPS)
    )
    fits = np.clip((overlap / max(best, 1e-6) - LOST) / (FOLLOWED - LOST), 0.0, 1.0)
    return np.asarray((fits * seen)[:, None] / (1.0 + np.exp(-logit)), np.float64)


def _inherit(problem: Problem, confidence: NDArray[np.float64]) -> None:
    """A joint that has no unknowns of its own is as sure as the joint it turns with."""
    skeleton = problem.body.skeleton
    own = np.zeros(skeleton.joint_count, bool)
    own[skeleton.moving] = True
    for joints in skeleton.generations:
        for joint in joints[~own[joints]]:
            confidence[:, joint] = confidence[:, skeleton.parents[joint]]
