# SPDX-License-Identifier: GPL-3.0-or-later
"""The focal length, when nobody said: from how much larger near parts of a body look than far ones.

A wrong focal length puts the body at a wrong distance, where its perspective is too strong or too weak:
solved there, a clip costs more. So the focal length goes where the cost is least, held by what lenses usually
are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..ik.motion import Motion
from .camera_guess import DEFAULT_FOV_DEGREES
from .clip_cost import clip_cost
from .problem import Problem, Progress
from .whole_clip import FLOW_WEIGHT, solve_some_frames

STAGE = "focal length"
STEP = 1.25
"""Factor between two focal lengths that are tried."""
MOST_STEPS = 4
"""Away from the guess."""
USUAL_SPREAD = 0.35
"""Standard deviation of the logarithm of focal lengths: 29 to 55 degrees are usual."""
PRIOR_WEIGHT = 20.0
"""Of the usual focal length: evidence of neighbouring pixels and frames is not independent, so its costs say
too much."""
ROUNDS = 3
SEED = 11
"""All focal lengths are solved with the same draws of points."""
LONGEST = 30
"""Frames that are solved at every focal length; the best explained ones of a longer clip."""


def find_focal(problem: Problem, motion: Motion, progress: Progress) -> tuple[Problem, Motion]:
    """The problem and the motion with the focal length that explains the clip best.

    Args:
        problem: The capture, its camera's focal length a guess.
        motion: As solved with it, T frames.
        progress: Told several times a second.
    """
    start, end = _explained_best(problem, motion, progress)
    usual = 0.5 * max(problem.camera.width, problem.camera.height)
    usual /= np.tan(np.radians(0.5 * DEFAULT_FOV_DEGREES))

    def cost_at(step: int) -> float:
        here, moved = with_focal(problem, motion, problem.camera.focal * STEP**step)
        here = replace(here, rng=np.random.default_rng(SEED))
        moved = solve_some_frames(here, moved, start, end, progress, rounds=ROUNDS)
        found = clip_cost(here, moved[start:end], progress, stage=STAGE, flow_weight=FLOW_WEIGHT, first=start)
        away = np.log(here.camera.focal / usual) / USUAL_SPREAD
        return found.total + 0.5 * PRIOR_WEIGHT * float(away) ** 2

    # Every cost is a solve of many frames: three to five of them, where a scalar minimiser takes a dozen.
    costs = {step: cost_at(step) for step in (-1, 0, 1)}
    best = min(costs, key=costs.__getitem__)
    while best in (min(costs), max(costs)) and abs(best) < MOST_STEPS:
        further = best + (1 if best > 0 else -1)
        costs[further] = cost_at(further)
        best = min(costs, key=costs.__getitem__)
    return with_focal(problem, motion, problem.camera.focal * STEP ** _lowest(costs, best))


def with_focal(problem: Problem, motion: Motion, focal: float) -> tuple[Problem, Motion]:
    """The problem with another focal length, and the body so much farther away that it looks as large."""
    camera = problem.camera
    root = problem.body.skeleton.root
    depth = camera.to_camera(motion.root_translation + problem.body.skeleton.rest_positions[root])[:, 2]
    farther = (focal / camera.focal - 1.0) * depth
    moved = Motion(
        motion.root_translation + farther[:, None] * camera.rotation[2], motion.local_rotations.copy()
    )
    return replace(problem, camera=replace(camera, focal=focal)), moved


def _lowest(costs: dict[int, float], best: int) -> float:
    """Where the parabola through the least cost and its neighbours is lowest, in steps."""
    if best - 1 not in costs or best + 1 not in costs:
        return float(best)
    left, middle, right = costs[best - 1], costs[best], costs[best + 1]
    bend = left - 2.0 * middle + right
    return best + float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5)) if bend > 0.0 else float(best)


def _explained_best(problem: Problem, motion: Motion, progress: Progress) -> tuple[int, int]:
    """First frame and last frame + 1 of the stretch that the motion explains best."""
    count = motion.frame_count
    if count <= LONGEST:
        return 0, count
    cost = clip_cost(problem, motion, progress, stage=STAGE, flow_weight=0.0)
    badly: NDArray[np.float64] = np.where(problem.frames.has_subject, cost.silhouette, cost.silhouette.max())
    sums = np.convolve(badly, np.ones(LONGEST), mode="valid")
    first = int(sums.argmin())
    return first, first + LONGEST
