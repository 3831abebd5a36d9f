# SPDX-License-Identifier: GPL-3.0-or-later
"""Legs that traded places: found and undone.

Left and right legs look alike, and in a side view they cross. Where the tracker took one for the other, the
same
motion with the two exchanged explains the clip better from there on. Every pair of limbs is exchanged over
the whole
clip, the clip solved again, and then, frame by frame, the cheaper of the two versions is kept, changing over
only
where both limbs look alike (dynamic programming).
"""

from __future__ import annotations

from itertools import chain, combinations

import numpy as np

from ..ik.motion import Motion
from .body import Body
from .clip_cost import ClipCost, clip_cost
from .combine import cheapest_mix
from .limbs import LimbPair, limb_pairs
from .problem import Problem, Progress
from .track import Track
from .whole_clip import FLOW_WEIGHT, fit_whole_clip

STAGE = "left and right"
MOST_PAIRS = 2
ROUNDS = 3
CLEARLY_BETTER = 0.99


def exchanged(body: Body, motion: Motion, pair: LimbPair) -> Motion:
    """The motion with the two limbs' poses traded."""
    if body.symmetry is None:
        return motion
    mirrored = body.symmetry.mirror_rotations(motion.local_rotations)
    local = motion.local_rotations.copy()
    local[:, pair.both] = mirrored[:, pair.both]
    return Motion(motion.root_translation, local)


def undo_exchanges(problem: Problem, track: Track, progress: Progress) -> Track:
    """Trade the limbs of every set of pairs, in the whole clip or parts of it; keep what explains the clip
    better."""
    body = problem.body
    pairs = limb_pairs(body)[:MOST_PAIRS]
    if not pairs or track.motion.frame_count < 2:
        return track
    versions = [track.motion]
    for chosen in chain.from_iterable(combinations(pairs, n + 1) for n in range(len(pairs))):
        other = track.motion
        for pair in chosen:
            other = exchanged(body, other, pair)
        versions.append(fit_whole_clip(problem, other, progress, rounds=ROUNDS).motion)
    costs = [_cost(problem, motion, progress) for motion in versions]
    mixed = cheapest_mix(body, versions, costs)
    if np.array_equal(mixed.local_rotations, track.motion.local_rotations):
        return track
    candidate = fit_whole_clip(problem, mixed, progress, rounds=ROUNDS)
    cost = _cost(problem, candidate.motion, progress)
    return candidate if cost.total < CLEARLY_BETTER * costs[0].total else track


def _cost(problem: Problem, motion: Motion, progress: Progress) -> ClipCost:
    return clip_cost(problem, motion, progress, stage=STAGE, flow_weight=FLOW_WEIGHT)
