# SPDX-License-Identifier: GPL-3.0-or-later
"""How well a motion explains the clip, frame by frame: to compare motions that differ by more than a step."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..ik.kinematics import State
from ..ik.motion import Motion
from .problem import Problem, Progress
from .sight import Sight, look, motion_between
from .terms import expected_pose_terms, motion_terms, place_terms
from .usual_range import usual_range_costs

SIGMA = 5.0
"""Robust width of the silhouette, the fit's pixels: what lies farther off is wrong, how far does not
matter."""
SEED = 5
"""All motions are judged by the same draw of points."""
OUTLINE_SAMPLES = 300
"""More than for a step, because motions that differ little are told apart by it."""
MISSING_SILHOUETTE = 200.0
"""Cost of a frame that shows the subject where the body has no outline at all."""


@dataclass(frozen=True, eq=False)
class ClipCost:
    """Costs in the units of the solver, 1/2 squared standard deviations."""

    silhouette: NDArray[np.float64]
    """(T,)."""
    flow: NDArray[np.float64]
    """(T - 1,) between each frame and the next."""
    expected: NDArray[np.float64]
    """(T,) how far the pose is from the expected one."""
    overlap: NDArray[np.float64]
    """(T,) of the outlines, 0 to 1."""

    @property
    def total(self) -> float:
        return float(self.silhouette.sum() + self.flow.sum() + self.expected.sum())


def clip_cost(
    problem: Problem, motion: Motion, progress: Progress, *, stage: str, flow_weight: float, first: int = 0
) -> ClipCost:
    """Judge a motion of all frames of the clip, or of some.

    Args:
        problem: The capture.
        motion: T frames.
        progress: Told a few times a second, as ``stage``.
        stage: Whose work this is.
        flow_weight: Of all points of one pair of frames.
        first: The clip's frame that is the motion's first.
    """
    problem = replace(problem, outline_samples=OUTLINE_SAMPLES, rng=np.random.default_rng(SEED))
    body, count = problem.body, motion.frame_count
    state = State(body.skeleton, motion)
    silhouette, overlap = np.zeros(count), np.zeros(count)
    flow = np.zeros(max(count - 1, 0))
    before: Sight | None = None
    for t in range(count):
        progress(stage, t, count)
        frame = first + t
        sight = look(problem, body.skin.at(state, t), frame, sigma=SIGMA)
        overlap[t] = sight.overlap
        if sight.silhouette is not None:
            seen = place_terms(problem, [(t, frame, sight.silhouette)])
            silhouette[t] = sum(term.cost(state) for term in seen)
        elif problem.frames.has_subject[frame]:
            silhouette[t] = MISSING_SILHOUETTE
        if before is not None:
            flow[t - 1] = _flow_cost(problem, state, before, sight, flow_weight, first)
        before = sight
    expected = problem.expected.costs(motion, body.skeleton.moving[1:], first)
    expected += usual_range_costs(problem, motion, first)
    return ClipCost(silhouette, flow, expected, overlap)


def frame_cost(problem: Problem, motion: Motion, frame: int) -> float:
    """How badly a pose (a motion of one frame) explains a frame: its outline, and how unusual the pose is."""
    problem = replace(problem, outline_samples=OUTLINE_SAMPLES, rng=np.random.default_rng(SEED))
    state = State(problem.body.skeleton, motion)
    sight = look(problem, problem.body.skin.at(state, 0), frame, sigma=SIGMA)
    if sight.silhouette is None:
        return MISSING_SILHOUETTE
    terms = [
        *place_terms(problem, [(0, frame, sight.silhouette)]),
        *expected_pose_terms(problem, np.array([frame])),
    ]
    return sum(term.cost(state) for term in terms)


def _flow_cost(problem: Problem, state: State, here: Sight, there: Sight, weight: float, first: int) -> float:
    """Of what moves between two frames."""
    if not len(here.points) or not problem.frames.has_subject[there.frame]:
        return 0.0
    seen = motion_between(problem, state, here, there.frame, there.frame - first, total_weight=weight)
    return sum(term.cost(state) for term in motion_terms(problem, [seen], first))
