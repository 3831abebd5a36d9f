# SPDX-License-Identifier: GPL-3.0-or-later
"""How sure every joint is in every frame: the probability that its bone is within 20 degrees of the truth.

Told from how well the body fills the subject's outline in the frames that fit best, from how far the pose is
from rest, and from the size of what hangs on the bone. The weights are those of a logistic regression on
filmed clips of known truth (docs/fit.md). What something hides is guessed, as frames without a subject are,
and as unsure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.special import expit

from ..ik.kinematics import State
from ..ik.motion import Motion
from .frame_fit import NARROW
from .problem import Problem, Progress
from .sight import look
from .start_poses import bending

STAGE = "confidence"
CONSTANT, BY_OVERLAP, BY_SHARE, BY_BENDING = -15.7, 20.6, 1.13, -12.4
"""Natural logarithms of odds: of nothing, the clip's overlap, ten times the surface below a bone, and a pose
all of whose joints are far from rest."""
BEST_FRAMES = 0.9
"""Quantile of the frames' overlaps that speaks for the clip: single frames may have a broken mask."""
KNOWN_OVERLAPS = 0.75, 0.98
"""The clips' overlaps that the weights were learned from."""
SMALLEST_SHARE = 1e-3
"""Of the surface, on a bone and all below it."""
FOLLOWED, LOST = 0.7, 0.4
"""Overlap of a frame over that of the best frames: as good from here on, lost up to here."""
SMOOTHING = 1.0
"""Frames."""


@dataclass(frozen=True, eq=False)
class Signs:
    """What the probabilities are told from. T frames, J joints."""

    overlap: NDArray[np.float64]
    """(T,) of the outlines."""
    seen: NDArray[np.bool_]
    """(T,) there is a subject."""
    bending: NDArray[np.float64]
    """(T,) how far the joints are from rest, 0 to 1."""
    share: NDArray[np.float64]
    """(J,) of the surface, on a bone and all below it."""


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
    body, seen = problem.body, problem.frames.has_subject
    shown = _shown(problem, motion, progress)
    rest = np.broadcast_to(np.eye(3), motion.local_rotations.shape[1:])
    signs = Signs(
        overlap,
        seen,
        np.array([bending(body, rest, local) for local in motion.local_rotations]),
        body.skeleton.is_ancestor @ body.mesh.joint_share,
    )
    result = body.inherited(calibrated(signs) * shown)
    if motion.frame_count > 2:
        result = gaussian_filter1d(result, SMOOTHING, axis=0, mode="nearest") * seen[:, None]
    return np.clip(np.nan_to_num(result), 0.0, 1.0).astype(np.float32)


def calibrated(signs: Signs) -> NDArray[np.float64]:
    """(T, J) probability that each bone is within 20 degrees of the truth."""
    frames, joints = len(signs.overlap), len(signs.share)
    if not signs.seen.any():
        return np.zeros((frames, joints))
    best = float(np.quantile(signs.overlap[signs.seen], BEST_FRAMES))
    of_clip = CONSTANT + BY_OVERLAP * np.clip(best, *KNOWN_OVERLAPS)
    of_joint = BY_SHARE * np.log10(signs.share + SMALLEST_SHARE)
    logit = of_clip + of_joint[None] + BY_BENDING * signs.bending[:, None]
    fits = np.clip((signs.overlap / max(best, 1e-6) - LOST) / (FOLLOWED - LOST), 0.0, 1.0)
    return np.asarray((fits * signs.seen)[:, None] * expit(logit), np.float64)


def _shown(problem: Problem, motion: Motion, progress: Progress) -> NDArray[np.float64]:
    """(T, J) share of each bone's surface that nothing hides."""
    count, skeleton = motion.frame_count, problem.body.skeleton
    state = State(skeleton, motion)
    shown = np.ones((count, skeleton.joint_count))
    for t in range(count):
        progress(STAGE, t, count)
        if problem.frames.is_hidden[t]:
            sight = look(problem, problem.body.skin.at(state, t), t, sigma=NARROW)
            shown[t] = 1.0 - sight.hidden_share
    return shown
