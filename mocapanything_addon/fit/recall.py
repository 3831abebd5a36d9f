# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the body again in frames where every track lost it.

Motion repeats: a pose that was tracked well in one frame explains the outline of others, and the rig's own
Actions show more of what it does. Each lost frame is given the poses whose outline is most like its mask, of
these the ones that follow each other best are chosen (Viterbi), and fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..ik import rotations
from ..ik.motion import Motion
from .align import align
from .body import Body
from .clip_cost import ClipCost, frame_cost
from .elevation import camera_elevation
from .frame_fit import NARROW, fit_frame, look_at
from .hypothesis import heading_of
from .outlines import Outlines, likeness, normalised, variants
from .problem import Problem, Progress
from .start_poses import passing_poses, sampled_own_poses, start_poses
from .track import STEPS, follow
from .views import draw_views, level_view

STAGE = "finding lost frames"
LOST = 100.0
"""Cost of the outline from which on a frame is lost."""
USUAL, MUCH_WORSE = 25.0, 2.0
"""Percentile of all frames' costs, and how many times that a lost frame costs at least."""
FOUND = 60.0
"""Cost up to which a tracked pose may serve in other frames."""
OWN_POSES = 100
"""Of the rig's Actions."""
HEADING_STEP = np.radians(20.0)
MOST_KNOWN = 200
"""Tracked poses."""
CANDIDATES = 12
"""A frame."""
TURN = 0.3
"""Radians, mean over the joints, that a body bends from one frame to the next without much cost."""
TURN_COST = 0.04
"""In units of the likeness of outlines."""
TRIALS, TRIAL_STEPS, FIT_STEPS = 3, 3, 5
"""Poses that are tried in a frame, the looks that each gets, and the looks for the best of them."""
WIDE = 6.0
NEAR_SHARE = 0.6
"""A neighbour that costs less than this share is followed into the frame."""


@dataclass(frozen=True, eq=False)
class _Bank:
    """N poses with what they look like."""

    local_rotations: NDArray[np.float64]
    """(N, J, 3, 3)."""
    outlines: Outlines


def recall_lost_frames(
    problem: Problem, tracks: Sequence[Motion], costs: Sequence[ClipCost], progress: Progress
) -> Motion | None:
    """The cheapest pose of all tracks in every frame, new ones in lost frames; None where none is lost.

    Args:
        problem: The capture.
        tracks: Motions of the whole clip.
        costs: How well each explains it.
        progress: Told after every frame.
    """
    seen = problem.frames.has_subject
    outline = np.stack([c.silhouette for c in costs])
    least = outline.min(axis=0)
    if not seen.any():
        return None
    # Under a mask that is wrong throughout no pose is much better than another.
    usual = np.percentile(least[seen], USUAL)
    lost = np.flatnonzero((least > max(LOST, MUCH_WORSE * usual)) & seen)
    if not len(lost):
        return None
    best = outline.argmin(axis=0)
    rows = np.arange(len(best))
    motion = Motion(
        np.stack([m.root_translation for m in tracks])[best, rows],
        np.stack([m.local_rotations for m in tracks])[best, rows],
    )
    cheapest = int(np.argmin([c.total for c in costs]))
    headings = _headings(problem.body, tracks[cheapest])
    bank = _bank(problem, tracks, outline, headings[lost], lambda: progress(STAGE, 0, 3 * len(lost)))
    chosen = _chosen(problem, bank, lost, lambda: progress(STAGE, 0, 3 * len(lost)))
    cost = np.full(len(seen), np.inf)
    for t in np.flatnonzero(seen):
        progress(STAGE, 0, 3 * len(lost))
        cost[t] = frame_cost(problem, motion[t : t + 1], int(t))
    for number, (frame, poses) in enumerate(zip(lost, chosen, strict=True)):
        progress(STAGE, number, 3 * len(lost))
        found = _fitted(problem, bank.local_rotations[poses], int(frame))
        _keep_cheaper(problem, motion, cost, int(frame), found)
    for sweep, order in enumerate((rows[1:], rows[-2::-1])):
        before = -1 if sweep == 0 else 1
        for frame in order[cost[order] > FOUND]:
            progress(STAGE, int((1 + sweep) * len(lost)), 3 * len(lost))
            near = int(frame) + before
            if not seen[frame] or not cost[near] < NEAR_SHARE * cost[frame]:
                continue
            pose = motion[near : near + 1]
            seconds = problem.seconds(near, int(frame))
            found, _ = follow(problem, look_at(problem, pose, near), pose, int(frame), seconds, STEPS)
            _keep_cheaper(problem, motion, cost, int(frame), found)
    return motion


def _fitted(problem: Problem, poses: NDArray[np.float64], frame: int) -> Motion:
    """The cheapest of some poses (K, J, 3, 3), laid over the mask and fitted."""
    tried = []
    for pose in poses:
        start, _ = align(problem, Motion(np.zeros((1, 3)), pose[None]), frame)
        tried.append(fit_frame(problem, start, frame, steps=TRIAL_STEPS))
    best = min(tried, key=lambda pose: frame_cost(problem, pose, frame))
    return fit_frame(problem, best, frame, steps=FIT_STEPS, widths=(WIDE, NARROW))


def _keep_cheaper(
    problem: Problem, motion: Motion, cost: NDArray[np.float64], frame: int, found: Motion
) -> None:
    """Put a pose into the motion where it is cheaper than what is there."""
    other = frame_cost(problem, found, frame)
    if other < cost[frame]:
        cost[frame] = other
        motion.root_translation[frame] = found.root_translation[0]
        motion.local_rotations[frame] = found.local_rotations[0]


def _headings(body: Body, motion: Motion) -> NDArray[np.float64]:
    """(T,) radians."""
    root = body.skeleton.root
    return np.array([heading_of(body.up, turn) for turn in motion.local_rotations[:, root]])


def _bank(
    problem: Problem,
    tracks: Sequence[Motion],
    outline: NDArray[np.float64],
    headings: NDArray[np.float64],
    alive: Callable[[], None],
) -> _Bank:
    """Poses that were tracked well, as their frames' masks look; start poses and the rig's own, drawn."""
    body, frames = problem.body, problem.frames
    locals_, images = [], []
    known = np.argwhere(outline < FOUND)
    known = known[np.unique(np.linspace(0, len(known) - 1, MOST_KNOWN).astype(int))] if len(known) else known
    for number, frame in known:
        locals_.append(tracks[number].local_rotations[frame])
        images.append(normalised(frames.mask(int(frame))))
    drawn = [*start_poses(body), *passing_poses(body), *sampled_own_poses(body, OWN_POSES)]
    steps = np.unique(np.round(headings / HEADING_STEP).astype(int)) * HEADING_STEP
    outlines = Outlines.of(images) if images else None
    # The body stands in the middle of the drawing: where it is seen aside of it, it shows another side.
    aside = _aside(problem)
    views = draw_views(
        problem,
        drawn,
        np.array([camera_elevation(problem)]),
        steps + aside,
        _distance(problem, tracks[0]),
        lambda _: alive(),
    )
    for pose in views.poses:
        for heading in steps:
            local = pose.local_rotations.copy()
            local[body.skeleton.root] = rotations.exp(body.up * heading) @ local[body.skeleton.root]
            locals_.append(local)
    outlines = views.outlines if outlines is None else outlines.joined(views.outlines)
    return _Bank(np.stack(locals_), outlines)


def _aside(problem: Problem) -> float:
    """Radians that the subject is seen to the right of the camera's axis, median over the clip."""
    boxes = problem.frames.boxes[problem.frames.has_subject]
    middle = np.median(0.5 * (boxes[:, 0] + boxes[:, 2]))
    return float(np.arctan((middle - problem.camera.center[0]) / problem.camera.focal))


def _distance(problem: Problem, motion: Motion) -> float:
    places = motion.root_translation + problem.body.skeleton.rest_positions[problem.body.skeleton.root]
    return max(float(np.median((places - problem.camera.position) @ level_view(problem))), problem.body.size)


def _chosen(
    problem: Problem, bank: _Bank, lost: NDArray[np.intp], alive: Callable[[], None]
) -> list[NDArray[np.intp]]:
    """Which poses of the bank each lost frame tries: the one that follows the frames around it best, others
    that look like it."""
    frames = problem.frames
    rows = []
    for t in lost:
        alive()
        rows.append(likeness(bank.outlines, Outlines.of(variants(frames.mask(int(t))))).max(axis=1))
    like = np.stack(rows)
    count = min(CANDIDATES, like.shape[1])
    some = np.argsort(-like, axis=1)[:, :count]
    moving = problem.body.skeleton.moving
    total = -like[0, some[0]]
    came_from: list[NDArray[np.intp]] = []
    for row in range(1, len(lost)):
        before, here = bank.local_rotations[some[row - 1]], bank.local_rotations[some[row]]
        apart = rotations.angle_between(before[:, None, moving], here[None, :, moving]).mean(axis=-1)
        slack = float(lost[row] - lost[row - 1])
        way = total[:, None] + TURN_COST * np.square(apart / (TURN * np.sqrt(slack)))
        came_from.append(way.argmin(axis=0))
        total = way.min(axis=0) - like[row, some[row]]
    path = [int(total.argmin())]
    for back in came_from[::-1]:
        path.append(int(back[path[-1]]))
    return [
        np.array([row[k], *[c for c in row[:TRIALS] if c != row[k]][: TRIALS - 1]])
        for row, k in zip(some, path[::-1], strict=True)
    ]
