# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the start search is not sure which way the subject faces, the likeliest starts are followed a while.

A few single frames can look right from two sides. A body that faces the wrong way does not stay so: within a
second or two its limbs would have to go where no outline shows them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from ..jobs.settings import Quality
from .clip_cost import clip_cost
from .hypothesis import Hypothesis
from .problem import Problem, Progress
from .start import in_world_of_best
from .start_choice import distinct_starts
from .track import track
from .whole_clip import FLOW_WEIGHT

STAGE = "trying starts"
MOST = {Quality.STANDARD: 2, Quality.BEST: 4}
"""Starts that are followed."""
WORTH = {Quality.STANDARD: 0.01, Quality.BEST: 0.002}
"""Probability from which on one may be right."""
FRAMES = 48
"""Of the clip that are followed at most."""
COST_WEIGHT = 8.0
"""Logarithm of odds, for each logarithm of what a start costs."""


def tried_starts(
    problem: Problem, ranked: Sequence[Hypothesis], quality: Quality, progress: Progress
) -> list[Hypothesis]:
    """Rank the starts again by what following them costs, best first.

    Args:
        problem: The capture.
        ranked: All hypotheses of the search, best first.
        quality: How many starts are followed; the fast one follows none.
        progress: See the fit.

    Returns:
        The same hypotheses with other scores, probabilities and numbers; where only one start is likely, as
        they were.
    """
    if quality is Quality.FAST:
        return list(ranked)
    first, last = _stretch(ranked[0].frame, problem.frames.count)
    likely = [h for h in ranked if h.probability >= WORTH[quality] and first <= h.frame < last]
    tried = distinct_starts(likely)[: MOST[quality]]
    if len(tried) < 2:
        return list(ranked)

    def told_by(number: int) -> Progress:
        return lambda _stage, done, total: progress(STAGE, number * total + done, len(tried) * total)

    costs = [_cost(problem, h, first, last, told_by(number)) for number, h in enumerate(tried)]
    return _ranked_again(ranked, [h.start for h in tried], np.maximum(costs, 1.0))


def _stretch(frame: int, count: int) -> tuple[int, int]:
    """First frame and last + 1 of what is followed about a frame."""
    first = max(0, min(frame - FRAMES // 2, count - FRAMES))
    return first, min(first + FRAMES, count)


def _cost(problem: Problem, start: Hypothesis, first: int, last: int, progress: Progress) -> float:
    """Of the clip's frames ``first`` to ``last - 1``, tracked from a start."""
    if (first, last) != (0, problem.frames.count):
        problem = problem.with_clip(problem.frames.clip.part(first, last))
        start = replace(start, frame=start.frame - first)
    problem, (start,) = in_world_of_best(problem, [start])
    problem = problem.with_expected(problem.expected.around(start.start_pose.local_rotations))
    found = track(problem, start, progress)

    def alive(*_: object) -> None:
        progress(STAGE, 1, 1)

    return clip_cost(problem, found.motion, alive, stage=STAGE, flow_weight=FLOW_WEIGHT).total


def _ranked_again(
    ranked: Sequence[Hypothesis], tried: Sequence[int], costs: NDArray[np.float64]
) -> list[Hypothesis]:
    """With the costs of the starts that were tried; the others lose what the dearest of them lost."""
    numbers = sorted({h.start for h in ranked})
    lost = dict.fromkeys(numbers, float(COST_WEIGHT * np.log(costs.max() / costs.min())))
    lost |= {
        number: float(COST_WEIGHT * np.log(cost / costs.min()))
        for number, cost in zip(tried, costs, strict=True)
    }
    before = {h.start: h.probability for h in reversed(ranked)}
    odds = np.array([np.log(max(before[number], 1e-12)) - lost[number] for number in numbers])
    probability = dict(zip(numbers, softmax(odds), strict=True))
    place = {numbers[k]: n + 1 for n, k in enumerate(np.argsort(-odds, kind="stable"))}
    again = [
        replace(
            h, score=h.score - lost[h.start], probability=float(probability[h.start]), start=place[h.start]
        )
        for h in ranked
    ]
    return sorted(again, key=lambda h: h.start)
