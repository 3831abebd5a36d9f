# SPDX-License-Identifier: GPL-3.0-or-later
"""Bend some joints to where they are wanted; the rest of the body keeps still."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ik.motion import Motion
from ..ik.solve import Term, step
from .problem import Problem


def bent(
    problem: Problem,
    motion: Motion,
    frames: NDArray[np.intp],
    joints: NDArray[np.intp],
    wanted: Term,
    *,
    steps: int,
) -> Motion:
    """The motion with some joints, but never the root, turned.

    Args:
        problem: The capture.
        motion: T frames.
        frames: (T,) which of the clip's they are.
        joints: That may turn.
        wanted: Where to; what is expected of the pose joins in.
        steps: Of the solver.
    """
    skeleton = problem.body.skeleton
    held = skeleton.held_but(joints)
    terms = [wanted, problem.expected.term(frames, skeleton.moving[1:])]
    for _ in range(steps):
        motion, _report = step(skeleton, motion, terms, held=np.tile(held, (motion.frame_count, 1)))
    return motion
