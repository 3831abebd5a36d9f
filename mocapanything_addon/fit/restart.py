# SPDX-License-Identifier: GPL-3.0-or-later
"""Begin again where a clip is explained badly, and take the best of both.

How a limb is found depends on chance: the same clip with another draw of points comes out well or not at all.
But the cost knows which: of several goes those that cost less are nearer to the truth, and frame by frame the
cheapest of all (combine.py) is better still. So a clip that stays costly is solved
again from its tracks, held less firmly and about the mean of what was found, which may let go of what was
held in the wrong place. Good clips take no time for it.
"""

from __future__ import annotations

from ..ik.motion import Motion
from .clip_cost import ClipCost, clip_cost
from .combine import cheapest_mix
from .exchange import undo_exchanges
from .problem import Problem, Progress
from .revise import frame_costs, revise
from .settle import about_own_mean
from .whole_clip import FLOW_WEIGHT, solve_whole_clip

STAGE = "beginning again"
MIX_ROUNDS = 2


def restarted(
    problem: Problem,
    tracked: Motion,
    motion: Motion,
    cost: ClipCost,
    progress: Progress,
    *,
    times: int,
    worth: float,
    rounds: int,
    passes: int,
    slow_passes: int,
) -> tuple[Motion, ClipCost]:
    """Solve the clip again, at most so many times, while much of it is costly.

    Not with masks that the product has cut out itself: what is wrong with them makes every frame costly, and
    beginning again mends none of it.

    Args:
        problem: The capture.
        tracked: Where solving began: all frames of the clip.
        motion: What came of it.
        cost: What that costs.
        progress: Told several times a second.
        times: At most.
        worth: Mean cost of a frame from which on it is worth the time.
        rounds: Of solving, as in the first go.
        passes: Of other ways, as in the first go,
        slow_passes: and how many of these try the slow ways.

    Returns:
        A motion that costs as much or less, and what it costs.
    """
    for _ in range(times):
        if not problem.masks_given or frame_costs(cost).mean() < worth:
            break
        softer = problem.with_expected(about_own_mean(problem.body, problem.expected, motion))
        again = solve_whole_clip(softer, tracked, progress, rounds=rounds)
        again, there = undo_exchanges(softer, again, _cost(softer, again, progress), progress)
        again, _ = revise(softer, again, there, progress, passes=passes, slow_passes=slow_passes)
        there = _cost(problem, again, progress)
        mixed = cheapest_mix(problem.body, [motion, again], [cost, there])
        mixed = solve_whole_clip(problem, mixed, progress, rounds=MIX_ROUNDS)
        found = [(motion, cost), (again, there), (mixed, _cost(problem, mixed, progress))]
        motion, cost = min(found, key=lambda version: version[1].total)
        motion, cost = revise(problem, motion, cost, progress, passes=1)
    return motion, cost


def _cost(problem: Problem, motion: Motion, progress: Progress) -> ClipCost:
    return clip_cost(problem, motion, progress, stage=STAGE, flow_weight=FLOW_WEIGHT)
