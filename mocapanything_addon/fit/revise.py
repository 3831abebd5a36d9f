# SPDX-License-Identifier: GPL-3.0-or-later
"""Try other ways through the frames that a motion explains badly.

Where a capture goes wrong, it is hardly ever the evidence that asks for it: solved from the truth, nearly
every such clip costs much less. The solver only never came near. So costly stretches are tried in several
other ways, each solved a little, and the cheapest way through all of them (combine.py) is solved and kept
where it costs less than before. Nothing gets worse by its own measure, and a clip without costly stretches
takes no time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..ik.motion import Motion
from .clip_cost import ClipCost, clip_cost
from .combine import cheapest_mix
from .gait import repeats
from .other_ways import FINE_WAYS, SLOW_WAYS, WAYS, Stretch, Way, known_poses
from .problem import Problem, Progress
from .whole_clip import FLOW_WEIGHT, solve_some_frames

STAGE = "revising"
USUAL = 25.0
"""Percentile of a clip's frames, by their cost."""
MUCH_WORSE = 1.6
"""Times the usual: frames that cost more are costly,"""
CHEAP, DEAR = 45.0, 80.0
"""unless they cost less than the first; what costs more than the second always is."""
FLOW_SHARE = 0.25
"""Of the flow between two frames that counts for each when costly frames are looked for."""
GAP = 3
"""Frames between two costly ones that belong to the same stretch."""
SHORTEST, LONGEST = 2, 40
"""Frames of a stretch."""
AROUND = 4
"""Frames either side of a stretch that are solved with it."""
TRIAL_ROUNDS, LAST_ROUNDS = 1, 2
CLEARLY_BETTER = 5.0
"""Cost that a change must save."""
WORTH_ANOTHER = 0.95
"""Share of a clip's cost that must not be left for another pass to pay off."""


def revise(
    problem: Problem, motion: Motion, cost: ClipCost, progress: Progress, *, passes: int, slow_passes: int = 0
) -> tuple[Motion, ClipCost]:
    """Try other ways through all costly stretches.

    Args:
        problem: The capture.
        motion: All frames of the clip, solved.
        cost: What it costs.
        progress: Told several times a second.
        passes: How often at most; each tries what the last one left.
        slow_passes: How many of these, from the first, try the slow ways too.

    Returns:
        A motion that costs as much or less, and what it costs.
    """
    strides = repeats(problem.frames)
    for number in range(passes):
        before = cost.total
        stretches = costly_stretches(cost)
        if not stretches:
            break
        known = known_poses(problem.body, motion, frame_costs(cost))
        ways = WAYS
        if problem.masks_given:
            ways += FINE_WAYS
        if number < slow_passes:
            ways += SLOW_WAYS
        for done, (first, last) in enumerate(stretches):
            at = number * len(stretches) + done, passes * len(stretches)
            motion = _revised(problem, motion, cost, known, strides, ways, first, last, progress, at)
        cost = clip_cost(problem, motion, progress, stage=STAGE, flow_weight=FLOW_WEIGHT)
        if cost.total > WORTH_ANOTHER * before:
            break
    return motion, cost


def costly_stretches(cost: ClipCost) -> list[tuple[int, int]]:
    """First frame and last frame + 1 of every stretch that is explained badly."""
    frames = frame_costs(cost)
    limit = max(min(MUCH_WORSE * float(np.percentile(frames, USUAL)), DEAR), CHEAP)
    found: list[list[int]] = []
    for frame in np.flatnonzero(frames > limit):
        if found and frame - found[-1][1] <= GAP:
            found[-1][1] = int(frame)
        else:
            found.append([int(frame), int(frame)])
    widened = [
        (max(first - 1, 0), min(last + 2, len(frames)))
        for first, last in found
        if last - first + 1 >= SHORTEST
    ]
    return [
        (start, min(start + LONGEST, last))
        for first, last in widened
        for start in range(first, last, LONGEST)
        if min(start + LONGEST, last) - start >= SHORTEST
    ]


def frame_costs(cost: ClipCost) -> NDArray[np.float64]:
    """(T,) how badly each frame is explained by outlines and by what moves beside it."""
    frames = cost.silhouette.copy()
    frames[:-1] += FLOW_SHARE * cost.flow
    frames[1:] += FLOW_SHARE * cost.flow
    return frames


def _revised(
    problem: Problem,
    motion: Motion,
    cost: ClipCost,
    known: NDArray[np.float64],
    strides: Sequence[int],
    ways: Sequence[Way],
    first: int,
    last: int,
    progress: Progress,
    at: tuple[int, int],
) -> Motion:
    """The motion with a cheaper way through the frames ``first`` to ``last - 1``, if one was found."""
    start, end = max(first - AROUND, 0), min(last + AROUND, motion.frame_count)

    def judged(part: Motion) -> ClipCost:
        return clip_cost(problem, part, alive, stage=STAGE, flow_weight=FLOW_WEIGHT, first=start)

    def alive(*_: object) -> None:
        progress(STAGE, *at)

    stretch = Stretch(
        problem=problem,
        motion=motion,
        first=first,
        last=last,
        cost=frame_costs(cost)[first:last],
        known=known,
        repeats=strides,
        alive=alive,
    )
    # Copies of the part alone: all frames of a long clip, once a way, would be too many.
    versions = [motion[start:end].copy()]
    costs = [judged(versions[0])]
    for way in ways:
        found = way(stretch)
        if found is not None:
            solved = solve_some_frames(problem, found, start, end, alive, rounds=TRIAL_ROUNDS)
            versions.append(solved[start:end].copy())
            costs.append(judged(versions[-1]))
    mixed = cheapest_mix(problem.body, versions, costs)
    if np.array_equal(mixed.local_rotations, versions[0].local_rotations):
        return motion
    changed = motion.copy()
    changed.root_translation[start:end] = mixed.root_translation
    changed.local_rotations[start:end] = mixed.local_rotations
    changed = solve_some_frames(problem, changed, start, end, alive, rounds=LAST_ROUNDS)
    return changed if judged(changed[start:end]).total < costs[0].total - CLEARLY_BETTER else motion
