# SPDX-License-Identifier: GPL-3.0-or-later
"""How sure every joint is in every frame: the probability that its bone is within 20 degrees of the truth.

Told from how well the body fills the subject's outline in the frames that fit best, from how far the pose is
from rest, from the size of what hangs on the bone, and from what the critic says of the picture inside the
outline where one takes part. The weights are those of a logistic regression on filmed clips of known truth
(docs/fit.md). What something hides is guessed, as frames without a subject are, and as unsure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from ..ik.kinematics import State
from ..ik.motion import Motion
from .frame_fit import NARROW
from .problem import Problem, Progress
from .sight import look
from .start_poses import bending

STAGE = "confidence"
BEST_FRAMES = 0.9
"""Quantile of the frames' overlaps that speaks for the clip: single frames may have a broken mask."""
KNOWN_OVERLAPS, KNOWN_SCORES = (0.75, 0.98), (3.0, 14.0)
"""The clips' overlaps, and the critic's scores, that the weights were learned from."""
SMALLEST_SHARE = 1e-3
"""Of the surface, on a bone and all below it."""
JUDGED = 12
"""Frames that the critic looks at, at most."""
FOLLOWED, LOST = 0.7, 0.4
"""Overlap of a frame over that of the best frames: as good from here on, lost up to here."""
SMOOTHING = 1.0
"""Frames."""


@dataclass(frozen=True)
class Weights:
    """Natural logarithms of odds."""

    constant: float
    by_overlap: float
    """Of the clip's best frames."""
    by_share: float
    """Of the surface below the bone; a factor of ten."""
    by_bending: float
    """How far the frame's joints are from rest, 0 to 1."""
    by_critic: float = 0.0
    """A unit of its mean score."""


ALONE = Weights(-15.7, 20.6, 1.13, -12.4)
WITH_CRITIC = Weights(-10.8, 11.1, 1.23, -10.0, 0.44)


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
    critic: float | None
    """Mean score of the clip's frames; None where no critic takes part."""


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
        _judged(problem, motion),
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
    weights = ALONE if signs.critic is None else WITH_CRITIC
    best = float(np.quantile(signs.overlap[signs.seen], BEST_FRAMES))
    of_clip = weights.constant + weights.by_overlap * np.clip(best, *KNOWN_OVERLAPS)
    if signs.critic is not None:
        of_clip += weights.by_critic * np.clip(signs.critic, *KNOWN_SCORES)
    of_joint = weights.by_share * np.log10(signs.share + SMALLEST_SHARE)
    logit = of_clip + of_joint[None] + weights.by_bending * signs.bending[:, None]
    fits = np.clip((signs.overlap / max(best, 1e-6) - LOST) / (FOLLOWED - LOST), 0.0, 1.0)
    return np.asarray((fits * signs.seen)[:, None] / (1.0 + np.exp(-logit)), np.float64)


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


def _judged(problem: Problem, motion: Motion) -> float | None:
    """Mean score of some frames; None where there is no critic, or nothing to look at."""
    seen = np.nonzero(problem.frames.has_subject)[0]
    if problem.critic is None or not len(seen):
        return None
    frames = seen[np.unique(np.linspace(0, len(seen) - 1, JUDGED).astype(int))]
    return float(np.mean(problem.critic.scores(problem, frames, motion[frames])))
