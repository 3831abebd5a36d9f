# SPDX-License-Identifier: GPL-3.0-or-later
"""Solve all frames together: outlines in each, flow between neighbours, smoothness over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..ik.kinematics import State
from ..ik.limits.ranges import inside_limits
from ..ik.motion import Motion
from ..ik.solve import Term, step_from
from ..ik.terms.contacts import Contact
from .evidence.observations import MotionObservations
from .frame_fit import NARROW
from .problem import Problem, Progress
from .sight import Sight, look, motion_between, overlap_at
from .terms import (
    contact_terms,
    correspondence_terms,
    expected_pose_terms,
    motion_terms,
    place_terms,
    smooth_terms,
)
from .track import Track

STAGE = "whole clip"
ROUNDS = 5
WIDE = 6.0
FLOW_WEIGHT = 60.0
"""Of all points of one pair of frames."""
LONGEST_WINDOW = 150
OVERLAP = 16
"""Frames that two windows share; the first half of them keeps what the earlier window found."""
HELD = 2
"""Frames either side of some frames that are solved alone: so many does an acceleration reach."""
MOST_VALUES = 1 << 24
"""Numbers in one array of a window's system (P^2 a frame), 128 MB."""


def fit_whole_clip(
    problem: Problem,
    motion: Motion,
    progress: Progress,
    *,
    rounds: int = ROUNDS,
    contacts: Sequence[Contact] = (),
) -> Track:
    """As :func:`solve_whole_clip`, and how well each frame fits then."""
    result = solve_whole_clip(problem, motion, progress, rounds=rounds, contacts=contacts)
    state = State(problem.body.skeleton, result)
    overlap = np.zeros(motion.frame_count)
    for frame in range(motion.frame_count):
        progress(STAGE, motion.frame_count, motion.frame_count)
        overlap[frame] = overlap_at(problem, problem.body.skin.at(state, frame), frame)
    return Track(result, overlap)


def solve_whole_clip(
    problem: Problem,
    motion: Motion,
    progress: Progress,
    *,
    rounds: int = ROUNDS,
    contacts: Sequence[Contact] = (),
) -> Motion:
    """Improve a tracked motion.

    Args:
        problem: The capture.
        motion: T frames, near the truth.
        progress: Told several times a second.
        rounds: How often the evidence is gathered anew.
        contacts: What stands still, with its place.
    """
    windows = list(_windows(motion.frame_count, problem.body.skeleton.parameter_count))
    total = rounds * sum(last - first for first, last, _ in windows)
    result = inside_limits(problem.body.skeleton, motion).copy()
    done = 0
    for first, last, kept in windows:
        part = result[first:last]
        held = np.arange(last - first) < kept
        for number in range(rounds):
            sigma = WIDE if number < rounds // 3 else NARROW
            part = _round(problem, part, first, number, sigma, held, contacts, progress, (done, total))
            done += last - first
        result.root_translation[first + kept : last] = part.root_translation[kept:]
        result.local_rotations[first + kept : last] = part.local_rotations[kept:]
    return result


def solve_some_frames(
    problem: Problem, motion: Motion, first: int, last: int, progress: Progress, *, rounds: int
) -> Motion:
    """Improve frames ``first`` to ``last - 1`` of a motion of all frames such that they go on from their
    neighbours, which stay as they are."""
    start, end = max(first - HELD, 0), min(last + HELD, motion.frame_count)
    frames = np.arange(start, end)
    held = (frames < first) | (frames >= last)
    part = inside_limits(problem.body.skeleton, motion[start:end])
    for number in range(rounds):
        at = number * len(frames), rounds * len(frames)
        part = _round(problem, part, start, number, NARROW, held, (), progress, at)
    result = motion.copy()
    result.root_translation[first:last] = part.root_translation[first - start : last - start]
    result.local_rotations[first:last] = part.local_rotations[first - start : last - start]
    return result


def _round(
    problem: Problem,
    motion: Motion,
    first: int,
    number: int,
    sigma: float,
    held: NDArray[np.bool_],
    contacts: Sequence[Contact],
    progress: Progress,
    at: tuple[int, int],
) -> Motion:
    """Look at every frame of a window, then one step for all that are not ``held``."""
    body = problem.body
    count = motion.frame_count
    frames = np.arange(first, first + count)
    state = State(body.skeleton, motion)
    sights: list[Sight] = []
    for row in range(count):
        progress(STAGE, at[0] + row, at[1])
        sights.append(look(problem, body.skin.at(state, row), first + row, sigma=sigma))
    seen = [(row, first + row, s.silhouette) for row, s in enumerate(sights) if s.silhouette is not None]
    terms: list[Term] = [
        *place_terms(problem, seen),
        *motion_terms(problem, list(_flows(problem, state, sights, first, number)), first),
        *expected_pose_terms(problem, frames),
        *correspondence_terms(problem, frames),
        *smooth_terms(problem, frames),
        *contact_terms(problem, contacts, frames),
    ]
    unknowns = np.repeat(held[:, None], body.skeleton.parameter_count, axis=1)
    return step_from(state, terms, held=unknowns)[0]


def _flows(
    problem: Problem, state: State, sights: list[Sight], first: int, number: int
) -> Iterator[MotionObservations]:
    """Flow between neighbours; rounds alternate which of the two the points are taken from."""
    for row in range(len(sights) - 1):
        here, there = sights[row], sights[row + 1]
        if (number + row) % 2 == 0:
            here, there = there, here
        if len(here.points) and problem.frames.has_subject[there.frame]:
            row_there = there.frame - first
            yield motion_between(problem, state, here, there.frame, row_there, total_weight=FLOW_WEIGHT)


def _windows(frame_count: int, parameter_count: int) -> Iterator[tuple[int, int, int]]:
    """First frame, last frame + 1, and how many frames at the beginning stay as they are."""
    longest = int(np.clip(MOST_VALUES // parameter_count**2, 2 * OVERLAP, LONGEST_WINDOW))
    first, kept = 0, 0
    while True:
        last = min(first + longest, frame_count)
        if frame_count - last < OVERLAP // 2:
            last = frame_count
        yield first, last, kept
        if last == frame_count:
            return
        first, kept = last - OVERLAP, OVERLAP // 2
