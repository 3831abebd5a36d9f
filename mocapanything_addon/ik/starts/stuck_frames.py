# SPDX-License-Identifier: GPL-3.0-or-later
"""Free frames that a solve left in the wrong valley.

With limits a pose has many local minima, and a frame can end in another than its neighbours: its residuals
then stand out from theirs. Such frames are started again from the way between the good frames before and
after, and keep what comes of it where it costs less.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, find_objects, label

from .. import rotations
from ..clip_problem import ClipProblem
from ..clip_terms import clip_terms
from ..kinematics import State, forward
from ..motion import Motion
from ..solve import solve
from ..terms.contacts import Contact
from ..widths import Widths

Array = NDArray[np.float64]
ROUNDS = 3
"""Each takes one more frame on either side of the stuck ones along."""
STANDS_OUT = 2.0
"""Times the median of the clip's frames, and standard deviations of the evidence."""
FARTHEST = 20.0
"""Standard deviations at which a joint's distance is cut off, so that one outlier does not make a frame stand
out.
"""
CONTEXT = 4
"""Frames on either side that hold still meanwhile."""
WORTH_KEEPING = 1e-3
"""Share of the cost that a new start must save."""


def free_stuck_frames(
    problem: ClipProblem,
    motion: Motion,
    fixed: NDArray[np.bool_],
    widths: Widths,
    contacts: Sequence[Contact],
) -> Motion:
    """The motion with stuck frames solved again.

    Args:
        problem: what was solved.
        motion: T frames that came of it.
        fixed: (T, P) unknowns that keep their value; frames that have some are not started again.
        widths: of the evidence.
        contacts: held.
    """
    skeleton, pinned = problem.skeleton, fixed.any(axis=1)
    for number in range(ROUNDS):
        stuck = stuck_frames(problem, motion, widths)
        if not stuck.any() or stuck.all():
            break
        for run in _runs(binary_dilation(stuck, iterations=1 + number) & ~pinned):
            if run.start == 0 and run.stop == motion.frame_count:
                continue
            frames = slice(max(run.start - CONTEXT, 0), min(run.stop + CONTEXT, motion.frame_count))
            held = np.ones_like(fixed[frames])
            held[run.start - frames.start : run.stop - frames.start] = False
            terms = clip_terms(problem, widths, contacts, frames)
            before = sum(term.cost(State(skeleton, motion[frames])) for term in terms)
            start = bridged(motion, run)[frames]
            part, report = solve(skeleton, start, terms, problem.settings.solver, held)
            if report.cost < (1.0 - WORTH_KEEPING) * before:
                motion = Motion.concatenate([motion[: frames.start], part, motion[frames.stop :]])
    return motion


def stuck_frames(problem: ClipProblem, motion: Motion, widths: Widths) -> NDArray[np.bool_]:
    """(T,) frames whose joints are much farther from the target than in most others."""
    evidence = problem.evidence
    away = np.linalg.norm(forward(problem.skeleton, motion).positions - evidence.positions, axis=-1)
    seen = evidence.weights > 0.0
    distance = np.where(seen, np.minimum(away / widths.position, FARTHEST), 0.0)
    mean = np.sqrt((distance**2).sum(axis=1) / np.maximum(seen.sum(axis=1), 1))
    if not seen.any():
        return np.zeros(motion.frame_count, bool)
    return mean > STANDS_OUT * np.maximum(np.median(mean[seen.any(axis=1)]), 1.0)


def bridged(motion: Motion, run: slice) -> Motion:
    """The motion with a run of frames on the way from the frame before it to the frame after it; the pose of
    the one that there is, where the run reaches an end of the clip.
    """
    before, after = run.start - 1, run.stop
    ends = [frame for frame in (before, after) if 0 <= frame < motion.frame_count]
    frames = np.arange(run.start, run.stop, dtype=float)
    turned = rotations.resample(np.array(ends, float), motion.local_rotations[ends], frames)
    share = np.zeros(len(frames)) if len(ends) == 1 else (frames - before) / (after - before)
    share = share[:, None]
    first, last = ends[0], ends[-1]
    root = motion.root_translation
    moved = None
    if motion.joint_translations is not None:
        others = motion.joint_translations
        moved = (1.0 - share[..., None]) * others[first] + share[..., None] * others[last]
    middle = Motion((1.0 - share) * root[first] + share * root[last], turned, moved)
    return Motion.concatenate([motion[: run.start], middle, motion[run.stop :]])


def _runs(mask: NDArray[np.bool_]) -> Iterator[slice]:
    for (run,) in find_objects(label(mask)[0]):
        yield run
