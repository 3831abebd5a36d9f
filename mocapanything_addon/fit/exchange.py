# SPDX-License-Identifier: GPL-3.0-or-later
"""Legs that traded places: found and undone.

Left and right legs look alike, and in a side view they cross. Where the tracker took one for the other, the
same motion with the two exchanged explains the clip better from there on. Every pair of limbs is exchanged
over the whole clip, the clip solved again, and then, frame by frame, the cheaper of the two versions is kept,
changing over only where both limbs look alike (dynamic programming).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ..ik.kinematics import forward
from ..ik.motion import Motion
from ..ik.terms.joint_projections import JointProjections
from .bend import bent
from .body import Body
from .clip_cost import ClipCost, clip_cost
from .combine import cheapest_mix
from .limbs import LimbPair, limb_pairs
from .problem import Problem, Progress
from .whole_clip import FLOW_WEIGHT, solve_whole_clip

STAGE = "left and right"
MOST_PAIRS = 2
ROUNDS, LAST_ROUNDS = 5, 2
"""Of solving a version, which must be solved as well as the one it is compared with, and the mix."""
STEPS = 5
"""To bring a limb to where the other was seen."""
FRAMES_AT_ONCE = 50
"""They do not depend on each other: memory stays bounded, and a cancel is heard."""
PLACE_SIGMA = 1.5
"""The fit's pixels."""
CLEARLY_BETTER = 0.995


def exchanged(body: Body, motion: Motion, pair: LimbPair) -> Motion:
    """The motion with the two limbs' poses traded."""
    if body.symmetry is None:
        return motion
    mirrored = body.symmetry.mirror_rotations(motion.local_rotations)
    local = motion.local_rotations.copy()
    local[:, pair.both] = mirrored[:, pair.both]
    return Motion(motion.root_translation, local)


def exchanged_in_image(
    problem: Problem, motion: Motion, pairs: Sequence[LimbPair], progress: Progress
) -> Motion:
    """The motion with the limbs traded such that each is seen where the other was; nothing else moves."""
    parts = []
    for first in range(0, motion.frame_count, FRAMES_AT_ONCE):
        progress(STAGE, first, motion.frame_count)
        frames = np.arange(first, min(first + FRAMES_AT_ONCE, motion.frame_count))
        parts.append(_exchanged_in_image(problem, motion[frames], pairs, frames))
    return Motion.concatenate(parts)


def _exchanged_in_image(
    problem: Problem, motion: Motion, pairs: Sequence[LimbPair], frames: NDArray[np.intp]
) -> Motion:
    body = problem.body
    seen = problem.camera.project(forward(body.skeleton, motion).positions)
    observed, weights = np.zeros(seen.shape), np.zeros(seen.shape[:2])
    for pair in pairs:
        motion = exchanged(body, motion, pair)
        for here, there in ((pair.left, pair.right), (pair.right, pair.left)):
            observed[:, here] = seen[:, there]
            weights[:, here] = 1.0
    unit = float(np.median(problem.pixel[frames]))
    wanted = JointProjections(problem.camera, observed, weights, PLACE_SIGMA * unit)
    return bent(problem, motion, frames, np.concatenate([pair.both for pair in pairs]), wanted, steps=STEPS)


def undo_exchanges(
    problem: Problem, motion: Motion, cost: ClipCost, progress: Progress
) -> tuple[Motion, ClipCost]:
    """Trade the limbs of every set of pairs, in the whole clip or parts of it; keep what explains the clip
    better.

    Args:
        problem: The capture.
        motion: The fitted motion.
        cost: What it costs, with the flow weighted as over the whole clip.
        progress: Told several times a second.

    Returns:
        The better motion and its cost, or the given ones.
    """
    body = problem.body
    pairs = limb_pairs(body)[:MOST_PAIRS]
    if not pairs or motion.frame_count < 2:
        return motion, cost
    versions, costs, mixed = [motion], [cost], motion
    for count in range(1, len(pairs) + 1):
        for chosen in combinations(pairs, count):
            other = exchanged_in_image(problem, motion, chosen, progress)
            versions.append(solve_whole_clip(problem, other, progress, rounds=ROUNDS))
            costs.append(_cost(problem, versions[-1], progress))
        mixed = cheapest_mix(body, versions, costs, steadily=True)
        # Where no pair alone is better traded, neither are several at once.
        if np.array_equal(mixed.local_rotations, motion.local_rotations):
            return motion, cost
    candidate = solve_whole_clip(problem, mixed, progress, rounds=LAST_ROUNDS)
    reached = _cost(problem, candidate, progress)
    return (candidate, reached) if reached.total < CLEARLY_BETTER * cost.total else (motion, cost)


def _cost(problem: Problem, motion: Motion, progress: Progress) -> ClipCost:
    return clip_cost(problem, motion, progress, stage=STAGE, flow_weight=FLOW_WEIGHT)
