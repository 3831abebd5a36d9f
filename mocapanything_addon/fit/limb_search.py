# SPDX-License-Identifier: GPL-3.0-or-later
"""Limbs that cannot be followed from frame to frame: searched in every frame on its own, and joined.

A wing that beats within three frames, or a leg that went astray in one and took the next ones along, is not
found by going from one frame to the next. So each frame tries other poses of each limb: those that are known,
the mirror image of its twin's, swings by chance. Where one looks as good as what is there, it is fitted, and
the cheapest way through both is taken (Viterbi).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..ik import rotations
from ..ik.kinematics import State
from ..ik.motion import Motion
from .clip_cost import ClipCost, frame_cost
from .combine import cheapest_mix
from .frame_fit import NARROW, fit_frame
from .problem import Problem
from .sight import compare_outlines

SWINGS = 3
"""By chance, of the limb's first joint, in every frame."""
WIDEST_SWING = 0.6
"""Radians: standard deviation."""
FIT_STEPS = 2
WIDE = 6.0
APART_COST = 0.02
"""In units of overlap, for each of the fit's pixels that outlines are apart."""
AS_GOOD = 0.02
"""In units of overlap: a pose that looks worse than what is there by more than this is not fitted."""


def limbs_searched(
    problem: Problem,
    motion: Motion,
    first: int,
    last: int,
    limbs: Sequence[NDArray[np.intp]],
    known: NDArray[np.float64],
    alive: Callable[[], None],
) -> Motion:
    """A motion with its limbs searched in some frames, one after the other.

    Args:
        problem: The capture.
        motion: All frames of the clip.
        first: Of the frames.
        last: Of the frames, + 1.
        limbs: Their joints that turn, each from where it leaves the trunk.
        known: (N, J, 3, 3) poses to take limbs from.
        alive: Called several times a second.
    """
    result = motion.copy()
    for limb in limbs:
        part = _searched(problem, result[first:last], first, limb, known[:, limb], alive)
        if part is not None:
            result.root_translation[first:last] = part.root_translation
            result.local_rotations[first:last] = part.local_rotations
    return result


def _searched(
    problem: Problem,
    part: Motion,
    first: int,
    limb: NDArray[np.intp],
    known: NDArray[np.float64],
    alive: Callable[[], None],
) -> Motion | None:
    """One limb; None where no frame shows a better pose of it."""
    body, count = problem.body, part.frame_count
    other, here, there = part.copy(), np.zeros(count), np.full(count, np.inf)
    for row in range(count):
        alive()
        frame, pose = first + row, part[row : row + 1]
        best = _likeliest(problem, pose, frame, limb, known)
        if best is None:
            continue
        fitted = fit_frame(problem, best, frame, steps=FIT_STEPS, widths=(WIDE, NARROW), only=limb)
        there[row] = frame_cost(problem, fitted, frame)
        other.local_rotations[row] = fitted.local_rotations[0]
    tried = np.isfinite(there)
    if not tried.any():
        return None
    for row in np.flatnonzero(tried):
        here[row] = frame_cost(problem, part[row : row + 1], first + int(row))
    there = np.where(tried, there, here)
    if not (there < here).any():
        return None
    return cheapest_mix(body, [part, other], [_of_frames(here), _of_frames(there)])


def _likeliest(
    problem: Problem, pose: Motion, frame: int, limb: NDArray[np.intp], known: NDArray[np.float64]
) -> Motion | None:
    """The pose of one frame with the limb as it looks best; None where none looks as good as before."""
    body, rng = problem.body, problem.rng
    tried = list(known)
    if body.symmetry is not None:
        tried.append(body.symmetry.mirror_rotations(pose.local_rotations[0])[limb])
    for _ in range(SWINGS):
        swung = pose.local_rotations[0, limb].copy()
        swung[0] = swung[0] @ rotations.exp(rng.normal(size=3) * WIDEST_SWING)
        tried.append(swung)
    best, most = None, _looks(problem, pose, frame) - AS_GOOD
    for turns in tried:
        other = pose.copy()
        other.local_rotations[0, limb] = turns
        looks = _looks(problem, other, frame)
        if looks > most:
            best, most = other, looks
    return best


def _looks(problem: Problem, pose: Motion, frame: int) -> float:
    """How well a pose's outline goes with the subject's."""
    body = problem.body
    overlap, apart = compare_outlines(problem, body.skin.at(State(body.skeleton, pose), 0), frame)
    return overlap - APART_COST * apart


def _of_frames(cost: NDArray[np.float64]) -> ClipCost:
    """Costs of single frames."""
    nothing = np.zeros_like(cost)
    return ClipCost(cost, nothing[1:], nothing, nothing)
