# SPDX-License-Identifier: GPL-3.0-or-later
"""Fit the pose of a single frame to what is seen there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..ik.kinematics import State
from ..ik.limits.ranges import inside_limits
from ..ik.motion import Motion
from ..ik.solve import Term, step_from
from .lost_limbs import lost_limb_terms
from .problem import Problem
from .sight import Sight, look
from .terms import correspondence_terms, expected_pose_terms, place_terms

WIDE, NARROW = 10.0, 3.0
"""Robust width of the silhouette, the fit's pixels, in the first and last step."""


def look_at(problem: Problem, motion: Motion, frame: int, *, sigma: float = NARROW) -> Sight:
    """Compare a motion of one frame with a frame of the clip, and say which limbs are elsewhere."""
    return look_from(problem, State(problem.body.skeleton, motion), frame, sigma=sigma)


def look_from(problem: Problem, state: State, frame: int, *, sigma: float) -> Sight:
    """As :func:`look_at`, for a state of one frame."""
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
    only: NDArray[np.intp] | None = None,
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
        only: Joints that may turn while the rest of the body keeps still; None: everything moves.
    """
    frames = np.array([frame])
    standing = [
        *expected_pose_terms(problem, frames, stiffer=stiffer),
        *correspondence_terms(problem, frames),
        *extra,
    ]
    motion = inside_limits(problem.body.skeleton, motion)
    held = None if only is None else problem.body.skeleton.held_but(only)[None]
    for sigma in np.linspace(*widths, steps):
        state = State(problem.body.skeleton, motion)
        sight = look_from(problem, state, frame, sigma=float(sigma))
        terms = list(standing)
        if sight.silhouette is not None:
            terms += place_terms(problem, [(0, frame, sight.silhouette)])
        if sight.lost is not None:
            terms += lost_limb_terms(problem, frame, sight.lost)
        motion, _ = step_from(state, terms, held=held)
    return motion
