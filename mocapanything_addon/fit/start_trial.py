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

from ..ik.motion import Motion
from ..jobs.settings import Quality
from .clip_cost import ClipCost, clip_cost
from .combine import cheapest_mix
from .hypothesis import Hypothesis
from .problem import Problem, Progress
from .start import in_world_of_best
from .start_choice import distinct_starts
from .track import Track, track
from .whole_clip import FLOW_WEIGHT

STAGE = "trying starts"
MOST = {Quality.STANDARD: 2, Quality.BEST: 4}
"""Starts that are followed."""
WORTH = {Quality.STANDARD: 0.01, Quality.BEST: 0.002}
"""Probability from which on one may be right."""
TRACKS = 2
"""Of each, from different frames: one may get lost."""
FRAMES = 48
"""Of the clip that are followed at most."""
SEARCH_WEIGHT, COST_WEIGHT = 1.6, 5.0
"""Logarithm of odds, for each logarithm of a start's odds in the search, and of what following it costs; by
logistic regression (docs/start-search.md)."""


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

    costs = []
    for number, best in enumerate(tried):
        begun = _in_other_frames([h for h in likely if h.start == best.start])[:TRACKS]
        costs.append(max(_cost(problem, begun, first, last, told_by(number)), 1.0))
    return _ranked_again(ranked, [h.start for h in tried], np.array(costs))


def _in_other_frames(hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
    """The first of each frame."""
    found: dict[int, Hypothesis] = {}
    for hypothesis in hypotheses:
        found.setdefault(hypothesis.frame, hypothesis)
    return list(found.values())


def _stretch(frame: int, count: int) -> tuple[int, int]:
    """First frame and last + 1 of what is followed about a frame."""
    first = max(0, min(frame - FRAMES // 2, count - FRAMES))
    return first, min(first + FRAMES, count)


def _cost(problem: Problem, begun: Sequence[Hypothesis], first: int, last: int, progress: Progress) -> float:
    """Of the cheapest way through the frames ``first`` to ``last - 1``, tracked from several of them.

    How far poses are from what is expected is left out: that is each start's own pose.
    """
    if (first, last) != (0, problem.frames.count):
        problem = problem.with_clip(problem.frames.clip.part(slice(first, last)))
        begun = [replace(h, frame=h.frame - first) for h in begun]
    problem, begun = in_world_of_best(problem, begun)
    problem = problem.with_expected(problem.expected.around(begun[0].start_pose.local_rotations))
    followed: list[tuple[Hypothesis, Track]] = []

    def told(_stage: str, done: int, total: int) -> None:
        everything = len(begun) * total
        progress(STAGE, min(len(followed) * total + done, everything), everything)

    def cost_of(motion: Motion) -> ClipCost:
        return clip_cost(problem, motion, told, stage=STAGE, flow_weight=FLOW_WEIGHT)

    for start in begun:
        followed.append((start, track(problem, start, told, others=followed)))
    motions = [found.motion for _, found in followed]
    cost = cost_of(cheapest_mix(problem.body, motions, [cost_of(m) for m in motions]))
    return float(cost.silhouette.sum() + cost.flow.sum())


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
    odds = np.array([SEARCH_WEIGHT * np.log(max(before[number], 1e-12)) - lost[number] for number in numbers])
    probability = dict(zip(numbers, softmax(odds), strict=True))
    place = {numbers[k]: n + 1 for n, k in enumerate(np.argsort(-odds, kind="stable"))}
    again = [
        replace(
            h, score=h.score - lost[h.start], probability=float(probability[h.start]), start=place[h.start]
        )
        for h in ranked
    ]
    return sorted(again, key=lambda h: h.start)
