# SPDX-License-Identifier: GPL-3.0-or-later
"""Follow the subject from one frame to the next, from the start both ways."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..ik import rotations
from ..ik.kinematics import State
from ..ik.limits.ranges import inside_limits
from ..ik.motion import Motion
from ..ik.solve import Term, step_from
from .align import align
from .evidence.observations import PlaceObservations
from .frame_fit import NARROW, fit_frame, look_at, look_from
from .hypothesis import Hypothesis
from .lost_limbs import lost_limb_terms
from .problem import Problem, Progress
from .sight import Sight, motion_between
from .terms import expected_pose_terms, near_terms, place_terms, turned_on

STAGE = "tracking"
START_STEPS = 6
STEPS = 4
MOMENTUM = 0.9
"""Share of the last frame's velocity that the next starts with."""
CARRY_STEPS = 2
"""Steps on the flow alone, before the outline has a say."""
WIDE = 5.0
STIFFER = 4.0
"""The expected pose pulls so many times stronger than in the end: loose limbs do not find back after a
crossing."""
FLOW_WEIGHT = 4.0
"""Of all points of one frame: frame by frame the flow's errors add up, so it must not outweigh the
outline."""
CARRIED_WIDTH = 6.0
"""The fit's pixels: a point that moved farther off than this loses its say."""
SAME_TURN, SAME_SHIFT = 0.06, 0.02
"""Root mean square over the joints, radians, and body sizes: poses nearer than this to each other are one."""
LOST_OVERLAP = 0.35
"""Below this the body is laid over the mask anew before it is fitted."""


@dataclass(frozen=True, eq=False)
class Track:
    """A motion and how well each frame fits."""

    motion: Motion
    """T frames."""
    overlap: NDArray[np.float64]
    """(T,) of the outlines; 0 where there is no subject."""


def track(
    problem: Problem,
    start: Hypothesis,
    progress: Progress,
    *,
    stride: int = 1,
    steps: int = STEPS,
    others: Sequence[tuple[Hypothesis, Track]] = (),
) -> Track:
    """Follow the subject through the whole clip.

    What was tracked before is not tracked again: where another track came through a frame the same way and in
    the same pose, the two go on together.

    Args:
        problem: The capture.
        start: Where to begin.
        progress: Told after every frame.
        stride: 2 follows every other frame and interpolates between them.
        steps: Looks a frame.
        others: Starts, and what was tracked from them with the same stride.
    """
    count = problem.frames.count
    poses: dict[int, Motion] = {}
    overlap = np.zeros(count)
    first = fit_frame(
        problem, start.pose, start.frame, steps=START_STEPS, stiffer=STIFFER, widths=(NARROW, NARROW)
    )
    forward = _order(start.frame, count - 1, stride)
    backward = _order(start.frame, 0, -stride)
    total, done = len(forward) + len(backward) - 1, 0
    for order in (forward, backward):
        pose, before, seconds_before = first, None, 0.0
        sight = look_at(problem, first, start.frame)
        poses[start.frame], overlap[start.frame] = first, sight.overlap
        for number, (previous, frame) in enumerate(itertools.pairwise(order), 2):
            progress(STAGE, done, total)
            done += 1
            seconds = problem.seconds(previous, frame)
            guess = pose
            if before is not None and problem.frames.has_subject[frame]:
                guess = turned_on(pose, before, MOMENTUM * min(seconds / seconds_before, 2.0))
            moved, sight = follow(problem, sight, guess, frame, seconds, steps)
            poses[frame], overlap[frame] = moved, sight.overlap
            pose, before, seconds_before = moved, pose, seconds
            met = _met(problem, others, moved, frame, forwards=order is forward)
            if met is not None:
                for later in order[number:]:
                    poses[later], overlap[later] = met.motion[later : later + 1], met.overlap[later]
                done += len(order) - number
                break
    progress(STAGE, total, total)
    return Track(_filled(poses, count, problem), _filled_values(overlap, sorted(poses), count))


def _met(
    problem: Problem,
    others: Sequence[tuple[Hypothesis, Track]],
    pose: Motion,
    frame: int,
    *,
    forwards: bool,
) -> Track | None:
    """The track that came through a frame the same way, in the same pose."""
    moving = problem.body.skeleton.moving
    for start, other in others:
        if (frame > start.frame) if forwards else (frame < start.frame):
            there = other.motion[frame : frame + 1]
            turns = rotations.angle_between(pose.local_rotations[:, moving], there.local_rotations[:, moving])
            shift = np.linalg.norm(pose.root_translation - there.root_translation)
            if np.sqrt(np.square(turns).mean()) < SAME_TURN and shift < SAME_SHIFT * problem.body.size:
                return other
    return None


def follow(
    problem: Problem,
    sight: Sight,
    guess: Motion,
    frame: int,
    seconds: float,
    steps: int,
    *,
    stiffer: float = STIFFER,
) -> tuple[Motion, Sight]:
    """One frame on: first with the flow alone, then with the outline too.

    Args:
        problem: The capture.
        sight: The look at the frame before.
        guess: One frame: where the body is expected.
        frame: The clip's frame.
        seconds: Since the frame before.
        steps: Looks.
        stiffer: Factor on the pull to the expected pose.
    """
    body, frames = problem.body, problem.frames
    if not frames.has_subject[frame]:
        return guess, look_at(problem, guess, frame)
    standing: list[Term] = [
        *near_terms(problem, guess, seconds),
        *expected_pose_terms(problem, np.array([frame]), stiffer=stiffer),
    ]
    state = State(body.skeleton, inside_limits(body.skeleton, guess))
    if len(sight.points):
        flow = motion_between(problem, state, sight, frame, 0, total_weight=FLOW_WEIGHT)
        carried = PlaceObservations(
            sight.points, sight.pixels + flow.displacements, flow.weights, None, CARRIED_WIDTH, flow.roots
        )
        flow_terms = place_terms(problem, [(0, frame, carried)])
        for _ in range(CARRY_STEPS):
            state = State(body.skeleton, step_from(state, [*standing, *flow_terms])[0])
        standing += flow_terms
    seen = look_from(problem, state, frame, sigma=WIDE)
    if seen.overlap < LOST_OVERLAP:
        aligned, overlap = align(problem, state.motion, frame)
        if overlap > seen.overlap:
            # The flow led astray, or there was none: what it says of this frame is worthless.
            near = near_terms(problem, aligned, seconds)
            standing = [*near, *expected_pose_terms(problem, np.array([frame]), stiffer=stiffer)]
            state = State(body.skeleton, inside_limits(body.skeleton, aligned))
            seen = look_from(problem, state, frame, sigma=WIDE)
    for i in range(steps):
        terms = list(standing)
        if seen.silhouette is not None:
            terms += place_terms(problem, [(0, frame, seen.silhouette)])
        if seen.lost is not None:
            terms += lost_limb_terms(problem, frame, seen.lost)
        state = State(body.skeleton, step_from(state, terms)[0])
        seen = look_from(problem, state, frame, sigma=WIDE if i + 1 < steps // 2 else NARROW)
    return state.motion, seen


def _order(first: int, last: int, stride: int) -> list[int]:
    """Frames from first to last, the last always among them."""
    order = list(range(first, last + (1 if stride > 0 else -1), stride))
    return order if order[-1] == last else [*order, last]


def _filled(poses: dict[int, Motion], count: int, problem: Problem) -> Motion:
    """All frames, those not tracked interpolated in time."""
    known = np.array(sorted(poses))
    motion = Motion.concatenate([poses[int(t)] for t in known])
    if len(known) == count:
        return motion
    times = problem.frames.clip.times
    turned = rotations.resample(times[known], motion.local_rotations, times)
    moved = np.stack(
        [np.interp(times, times[known], motion.root_translation[:, k]) for k in range(3)], axis=1
    )
    return Motion(moved, turned)


def _filled_values(values: NDArray[np.float64], known: Sequence[int], count: int) -> NDArray[np.float64]:
    return np.interp(np.arange(count), known, values[list(known)])
