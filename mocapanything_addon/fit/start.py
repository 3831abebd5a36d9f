# SPDX-License-Identifier: GPL-3.0-or-later
"""Start search: which way does the subject face, and in which pose, when nothing is known?

The body's outline in many poses, from all round and from several heights, is compared with the masks of some
frames at once. The headings that explain all of them, up to the turning of a body, are fitted with their
limbs in a few frames. All that come out are kept, ranked: the second best may be the right one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ..ik import rotations
from ..ik.kinematics import State
from ..ik.motion import Motion
from ..jobs.settings import Quality
from .align import align
from .cues import Cues
from .elevation import camera_elevation, looking_down
from .frame_fit import fit_frame
from .heading_path import FacingPath, join_headings
from .hypothesis import APART, Hypothesis, between, distinct_headings, heading_of, mirrored, ways_apart
from .outlines import Outlines, center_and_spread, likeness, variants
from .problem import USUAL_ELEVATION, Problem, Progress
from .sight import compare_outlines
from .start_poses import StartPose, bending, passing_poses, start_poses, unusual
from .start_score import Candidate, in_as_many_frames, is_unsure, ranked_candidates
from .views import draw_views

STAGE = "start search"
HEADINGS = 36
COMPARED = {Quality.FAST: 4, Quality.STANDARD: 6, Quality.BEST: 9}
FITTED = {Quality.FAST: 2, Quality.STANDARD: 3, Quality.BEST: 5}
"""Frames in which outlines are compared, and in which the best headings are fitted."""
CANDIDATES = {Quality.FAST: 4, Quality.STANDARD: 9, Quality.BEST: 12}
FREE_STEPS = 16
SURE, AGAIN = 0.9, 3
"""A less probable heading, and the next ones, are fitted in all compared frames."""
ELEVATIONS = np.radians([-5.0, 5.0, 16.0, 28.0, 40.0, 52.0])
"""Of cameras that nobody knows, radians down."""
ELEVATION_STEP = np.radians(9.0)
"""Between the heights from which the body is drawn."""
ELEVATION_SIGMA = np.radians(20.0)
ELEVATION_COST = 0.02
FOUND_SIGMA = np.radians(8.0)
"""How well the outlines tell the elevation."""
UNUSUAL_COST = 0.1
"""Of a pose all of whose joints are far from rest."""
LOOKED_AT = 300
"""Frames whose masks are measured at most."""
TYPICAL_AREA = (0.75, 1.3)
"""Of the clip's median: masks outside are likely to be broken."""
LEAN_FREE = 0.8
"""Cosine of the lean from which on it costs."""


def search_start(
    problem: Problem, quality: Quality, progress: Progress, poses: Sequence[StartPose] | None = None
) -> list[Hypothesis]:
    """Rank hypotheses for the start, best first.

    Args:
        problem: The capture. Where its camera is not known, other elevations are tried too.
        quality: How many frames and headings are tried.
        progress: Told how far it is.
        poses: What to search from; None takes the rig's (start_poses.py).

    Returns:
        At least one; in a clip without any subject the rest pose with score 0.
    """
    poses = start_poses(problem.body) if poses is None else poses
    frames = typical_frames(problem, COMPARED[quality])
    if not len(frames):
        rest = Motion.rest(problem.body.skeleton.joint_count)
        return [Hypothesis(0, rest, 0.0, 0.0, 0.0, poses[0], probability=0.0)]
    poses = [*poses, *passing_poses(problem.body)]
    fitted = _spread(len(frames), FITTED[quality])
    total = len(poses) + (CANDIDATES[quality] + 1) * len(fitted) + AGAIN * (len(frames) - len(fitted))
    paths = _paths(problem, frames, poses, lambda k: progress(STAGE, k, total))
    cues = Cues.of(problem)
    done = len(poses)

    def fit(tilted: Problem, starts: Sequence[Hypothesis]) -> list[Hypothesis]:
        nonlocal done
        found = []
        for start in starts:
            progress(STAGE, done, total)
            done += 1
            found.append(refit(tilted, start, FREE_STEPS))
        return found

    def fit_path(path: FacingPath, rows: Sequence[int]) -> list[Hypothesis]:
        tilted = _tilted(problem, path.elevation)
        return fit(tilted, [_aligned(tilted, path, row, frames[row]) for row in rows])

    ranked = ranked_candidates(
        [
            Candidate.of(_tilted(problem, path.elevation), cues, path, fit_path(path, fitted))
            for path in _distinct(paths)[: CANDIDATES[quality]]
        ]
    )
    best = ranked[0]
    twins = [twin for h in best.hypotheses if (twin := mirrored(best.problem, h)) is not None]
    way = {twin.frame: twin.heading for twin in twins}
    if twins and not any(ways_apart(way, c.way) < APART for c in ranked[:3]):
        exchanged = Candidate.of(best.problem, cues, best.path, fit(best.problem, twins), is_twin=True)
        ranked = ranked_candidates([*ranked, exchanged])
    if ranked[0].hypotheses[0].probability < SURE:
        # More frames decide between the best; a twin's path is not its own.
        again = [c for c in ranked if not c.is_twin][:AGAIN]
        others = [row for row in range(len(frames)) if row not in fitted]
        longer = [
            Candidate.of(c.problem, cues, c.path, [*c.hypotheses, *fit_path(c.path, others)]) for c in again
        ]
        beside = [c for c in ranked if c not in again]
        ranked = ranked_candidates([*longer, *in_as_many_frames(beside, again, longer)])
    progress(STAGE, total, total)
    numbers = distinct_headings([candidate.way for candidate in ranked])
    return [
        replace(_in_world_of(problem, h), start=number + 1)
        for candidate, number in zip(ranked, numbers, strict=True)
        for h in candidate.hypotheses
    ]


def in_world_of_best(problem: Problem, ranked: Sequence[Hypothesis]) -> tuple[Problem, list[Hypothesis]]:
    """Let the camera look down as the best hypothesis has it, and bring all of them into that world."""
    if problem.camera_known:
        return problem, list(ranked)
    angle = ranked[0].elevation
    moved = [
        replace(h, pose=looking_down(problem, h.pose, angle)[1], elevation=h.elevation - angle)
        for h in ranked
    ]
    tilted = _tilted(problem, angle)
    return replace(tilted, elevation=(camera_elevation(tilted), FOUND_SIGMA)), moved


def is_uncertain(ranked: Sequence[Hypothesis]) -> bool:
    """Whether the best hypothesis may well be wrong: another heading is likely too, or none explains it."""
    return is_unsure(ranked[0].probability, ranked[0].overlap)


def typical_frames(problem: Problem, count: int) -> list[int]:
    """Frames spread over the clip that show the whole subject at its usual size."""
    frames = problem.frames
    for usable in (frames.is_whole, frames.has_subject):
        known = np.nonzero(usable)[0]
        if not len(known):
            continue
        known = known[np.unique(np.linspace(0, len(known) - 1, LOOKED_AT).astype(int))]
        area = np.array([np.count_nonzero(frames.mask(int(t))) for t in known], float)
        area *= np.array([frames.window(int(t))[1].side for t in known]) ** 2
        ratio = area / np.median(area)
        known = known[(ratio >= TYPICAL_AREA[0]) & (ratio <= TYPICAL_AREA[1])]
        if len(known):
            at = (np.arange(count) + 0.5) / count * len(known)
            return sorted({int(known[int(i)]) for i in at})
    return []


def _spread(count: int, wanted: int) -> list[int]:
    """So many rows of ``count``, spread over them."""
    return sorted({int((k + 0.5) * count / wanted) for k in range(min(wanted, count))})


def _paths(
    problem: Problem, frames: Sequence[int], poses: Sequence[StartPose], on_pose: Callable[[int], None]
) -> list[FacingPath]:
    """Every heading of some frames with the best path through the others, for every elevation; best first."""
    camera, body = problem.camera, problem.body
    shapes, spreads, rays = [], [], []
    for frame in frames:
        level, window = problem.frames.window(frame)
        mask = problem.frames.mask(frame, level)
        shapes.append(Outlines.of(variants(mask)))
        center, spread = center_and_spread(mask) or (np.zeros(2), 1.0)
        spreads.append(spread / window.scale)
        rays.append((window.to_image(center) - camera.center) / camera.focal)
    aside, down = np.arctan(np.array(rays)).T
    known = camera_elevation(problem)
    elevations = np.array([0.0]) if problem.camera_known else ELEVATIONS - known
    looks = known + elevations[:, None] + down
    seen_from = np.arange(np.floor(looks.min() / ELEVATION_STEP), np.ceil(looks.max() / ELEVATION_STEP) + 1)
    headings = np.arange(HEADINGS) * 2.0 * np.pi / HEADINGS
    extent = body.mesh.vertices - body.mesh.vertices.mean(0)
    distance = camera.focal * float(np.sqrt((extent**2).sum(1).mean())) / float(np.median(spreads))
    distance = max(distance, body.size)
    views = draw_views(problem, poses, seen_from * ELEVATION_STEP, headings, distance, on_pose)
    # (poses, heights, headings, frames)
    table = np.stack([views.table(likeness(views.outlines, s).max(1)) for s in shapes], axis=-1)
    table = table - UNUSUAL_COST * np.array([unusual(body, pose) for pose in poses])[:, None, None, None]
    best_pose = table.argmax(0)
    scores = table.max(0)
    times = problem.frames.clip.times[list(frames)]
    rows = np.arange(len(frames))
    found: list[FacingPath] = []
    for elevation, angles in zip(elevations, looks, strict=True):
        height = np.clip(np.round(angles / ELEVATION_STEP) - seen_from[0], 0, len(seen_from) - 1).astype(int)
        cost = ELEVATION_COST * ((known + elevation - USUAL_ELEVATION) / ELEVATION_SIGMA) ** 2
        for reference in (len(frames) // 2,):
            joined = join_headings(scores[height, :, rows].astype(np.float64), times, reference)
            for score, way in zip(joined.scores, joined.headings, strict=True):
                found.append(
                    FacingPath(
                        float(score) - cost * (not problem.camera_known),
                        float(elevation),
                        headings[way] - aside,
                        tuple(poses[best_pose[h, w, r]] for h, w, r in zip(height, way, rows, strict=True)),
                        reference,
                    )
                )
    return sorted(found, key=lambda p: -p.score)


def _distinct(paths: Sequence[FacingPath]) -> list[FacingPath]:
    """Best first, each facing elsewhere than all before it, in their reference or in most frames."""
    kept: list[FacingPath] = []
    for path in paths:
        if not any(_face_alike(path, other) for other in kept):
            kept.append(path)
    return kept


def _face_alike(first: FacingPath, second: FacingPath) -> bool:
    ways = [dict(enumerate(path.headings.tolist())) for path in (first, second)]
    at_reference = between(ways[0][first.reference], ways[1][second.reference])
    return at_reference <= APART and ways_apart(*ways) <= APART


def _tilted(problem: Problem, elevation: float) -> Problem:
    """The problem in a world where its camera looks further down."""
    if elevation == 0.0:
        return problem
    return looking_down(problem, Motion.rest(problem.body.skeleton.joint_count), elevation)[0]


def _in_world_of(problem: Problem, hypothesis: Hypothesis) -> Hypothesis:
    """From the world of its own elevation back into the problem's."""
    if hypothesis.elevation == 0.0:
        return hypothesis
    tilted = _tilted(problem, hypothesis.elevation)
    return replace(hypothesis, pose=looking_down(tilted, hypothesis.pose, -hypothesis.elevation)[1])


def _aligned(problem: Problem, path: FacingPath, row: int, frame: int) -> Hypothesis:
    """A path's pose in one frame, turned to its heading and laid over the mask."""
    body, pose, heading = problem.body, path.poses[row], float(path.headings[row])
    root = body.skeleton.root
    local = pose.local_rotations.copy()
    local[root] = rotations.exp(body.up * heading) @ local[root]
    motion, overlap = align(problem, Motion(np.zeros((1, 3)), local[None]), frame)
    return Hypothesis(frame, motion, 2.0 * overlap, overlap, heading, pose, path.elevation)


def refit(problem: Problem, hypothesis: Hypothesis, steps: int, stiffer: float = 1.0) -> Hypothesis:
    """The hypothesis after a short fit about its own start pose."""
    expected = problem.with_expected(problem.expected.around(hypothesis.start_pose.local_rotations))
    frame = hypothesis.frame
    motion = fit_frame(expected, hypothesis.pose, frame, steps=steps, stiffer=stiffer)
    body = problem.body
    overlap, apart = compare_outlines(problem, body.skin.at(State(body.skeleton, motion), 0), frame)
    root = body.skeleton.root
    bent = bending(body, hypothesis.start_pose.local_rotations, motion.local_rotations[0])
    upright = float((motion.local_rotations[0, root] @ body.up) @ body.up)
    lean = max(0.0, LEAN_FREE - upright)
    return replace(
        hypothesis,
        pose=motion,
        fit=2.0 * overlap - 0.5 * bent - 0.5 * lean,
        overlap=overlap,
        apart=apart,
        bent=bent,
        lean=lean,
        heading=heading_of(body.up, motion.local_rotations[0, root]),
    )
