# SPDX-License-Identifier: GPL-3.0-or-later
"""Fit the pose of a single frame to what is seen there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..ik.kinematics import State
from ..ik.motion import Motion
from ..ik.solve import Term, step
from .lost_limbs import lost_limb_terms
from .problem import Problem
from .sight import Sight, look
from .terms import correspondence_terms, expected_pose_terms, place_terms

WIDE, NARROW = 10.0, 3.0
"""Robust width of the silhouette, the fit's pixels, in the first and last step."""


def look_at(problem: Problem, motion: Motion, frame: int, *, sigma: float = NARROW) -> Sight:
    """Compare a motion of one frame with a frame of the clip, and say which limbs are elsewhere."""
    state = State(problem.body.skeleton, motion)
    return look(problem, problem.body.skin.at(state, 0), frame, sigma=sigma, lost_limbs=True)


def fit_frame(
    problem: Problem,
    motion: Motion,
    frame: int,
    *,
    steps: int,
    stiffer: float = 1.0,
    widths: tuple[float, float] = (WIDE, NARROW),
    extra: Sequence[Term] = (),
) -> Motion:
    """Alternate between looking and one step of the solver.

    Args:
        problem: The capture.
        motion: One frame: the start.
        frame: The clip's frame.
        steps: How often.
        stiffer: Factor on the pull to the expected pose.
        widths: First and last robust width of the silhouette.
        extra: More terms about the one frame.
    """
    frames = np.array([frame])
    standing = [
        *expected_pose_terms(problem, frames, stiffer=stiffer),
        *correspondence_terms(problem, frames),
        *extra,
    ]
    for sigma in np.linspace(*widths, steps):
        sight = look_at(problem, motion, frame, sigma=float(sigma))
        terms = list(standing)
        if sight.silhouette is not None:
            terms += place_terms(problem, [(0, frame, sight.silhouette)])
        if sight.lost is not None:
            terms += lost_limb_terms(problem, frame, sight.lost)
        motion, _ = step(problem.body.skeleton, motion, terms)
    return motion
