# SPDX-License-Identifier: GPL-3.0-or-later
"""Start search: which way does the subject face, and in which pose, when nothing is known?

Headings times poses times frames are laid over the mask, the promising ones fitted stiffly, the best of
those with
their limbs. All that come out are kept, ranked: the second best may be the right one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..ik import rotations
from ..ik.kinematics import State
from ..ik.motion import Motion
from ..jobs.settings import Quality
from .crop import Crop
from .frame_fit import fit_frame, look_at
from .problem import Problem, Progress
from .start_poses import StartPose, start_poses

STAGE = "start search"
HEADINGS = 16
STIFF = 20.0
"""The pull to a start pose is so many times stronger while headings are compared."""
STIFF_STEPS, FREE_STEPS = 5, 8
STIFF_COUNT, FREE_COUNT = 8, 3
"""Hypotheses a frame that are fitted stiffly, and with their limbs."""
ALIGN_ROUNDS = 3
ALIGN_SIZE = 96
TYPICAL_AREA = (0.75, 1.3)
"""Of the clip's median: masks outside are likely to be broken."""
APART = np.radians(35.0)
"""Headings nearer than this are one hypothesis."""
TWIN_MARGIN = 0.03
"""A start whose rival faces elsewhere and scores this near is uncertain."""
POOR_OVERLAP = 0.6
"""Below this the body hardly covers the subject: perhaps it is not this creature."""


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """One pose in one frame that may be the start."""

    frame: int
    pose: Motion
    """One frame."""
    score: float
    """2 x overlap, less what the pose costs; comparable within one clip."""
    overlap: float
    """Of the outlines, 0 to 1."""
    heading: float
    """Radians about the world's up from the rest pose's heading."""
    start_pose: StartPose
    """What it was searched from."""


def search_start(
    problem: Problem, quality: Quality, progress: Progress, poses: Sequence[StartPose] | None = None
) -> list[Hypothesis]:
    """Rank hypotheses for the start, best first.

    Args:
        problem: The capture.
        quality: How many frames and poses are tried.
        progress: Told how far it is.
        poses: What to search from; None takes the rig's (start_poses.py).

    Returns:
        At least one; in a clip without any subject the rest pose with score 0.
    """
    frames = typical_frames(problem, {Quality.FAST: 2, Quality.STANDARD: 3, Quality.BEST: 5}[quality])
    poses = start_poses(problem.body) if poses is None else poses
    if not len(frames):
        rest = Motion.rest(problem.body.skeleton.joint_count)
        return [Hypothesis(0, rest, 0.0, 0.0, 0.0, poses[0])]
    found: list[Hypothesis] = []
    total = len(frames) * (STIFF_COUNT + 2 * FREE_COUNT + len(poses))
    done = 0
    for number, frame in enumerate(frames):
        rough: list[Hypothesis] = []
        done = number * total // len(frames)
        for pose in poses:
            progress(STAGE, done, total)
            done += 1
            rough += [_aligned(problem, pose, heading, frame) for heading in _headings(HEADINGS, number)]
        stiff = []
        for hypothesis in sorted(rough, key=_by_score)[:STIFF_COUNT]:
            progress(STAGE, done, total)
            done += 1
            stiff.append(refit(problem, hypothesis, STIFF_STEPS, STIFF))
        for hypothesis in _distinct(stiff)[:FREE_COUNT]:
            progress(STAGE, done, total)
            done += 1
            found.append(refit(problem, hypothesis, FREE_STEPS))
    ranked = sorted(found, key=_by_score)
    twin = mirrored(problem, ranked[0])
    if twin is not None and not any(_angle(twin.heading, h.heading) < APART for h in ranked[:3]):
        progress(STAGE, total - 1, total)
        ranked = sorted([*ranked, refit(problem, twin, FREE_STEPS)], key=_by_score)
    progress(STAGE, total, total)
    return ranked


def is_uncertain(ranked: Sequence[Hypothesis]) -> bool:
    """Whether the best hypothesis is poor, or hardly better than one that faces elsewhere."""
    best = ranked[0]
    rivals = [h for h in ranked[1:] if _angle(h.heading, best.heading) > APART]
    close = any(best.score - h.score < TWIN_MARGIN for h in rivals)
    return close or best.overlap < POOR_OVERLAP


def typical_frames(problem: Problem, count: int) -> list[int]:
    """Frames spread over the clip that show the whole subject at its usual size."""
    frames = problem.frames
    for usable in (frames.is_whole, frames.has_subject):
        known = np.nonzero(usable)[0]
        if not len(known):
            continue
        area = np.array([np.count_nonzero(frames.mask(int(t))) for t in known], float)
        area *= np.array([frames.window(int(t))[1].side for t in known]) ** 2
        ratio = area / np.median(area)
        known = known[(ratio >= TYPICAL_AREA[0]) & (ratio <= TYPICAL_AREA[1])]
        if len(known):
            at = (np.arange(count) + 0.5) / count * len(known)
            return sorted({int(known[int(i)]) for i in at})
    return []


def mirrored(problem: Problem, hypothesis: Hypothesis) -> Hypothesis | None:
    """The twin with (almost) the same silhouette: mirrored in depth, left and right exchanged.

    None for a body without left and right.
    """
    body = problem.body
    if body.symmetry is None:
        return None
    root = body.skeleton.root
    place = body.skeleton.rest_positions[root] + hypothesis.pose.root_translation[0]
    view = place - problem.camera.position
    view -= body.up * (view @ body.up)
    view /= max(float(np.linalg.norm(view)), 1e-9)
    in_depth = np.eye(3) - 2.0 * np.outer(view, view)
    sideways = np.eye(3) - 2.0 * np.outer(body.symmetry.axis, body.symmetry.axis)
    local = body.symmetry.mirror_rotations(hypothesis.pose.local_rotations)
    local[0, root] = in_depth @ hypothesis.pose.local_rotations[0, root] @ sideways
    pose = Motion(hypothesis.pose.root_translation.copy(), local)
    return replace(hypothesis, pose=pose, heading=heading_of(body.up, local[0, root]))


def heading_of(up: NDArray[np.float64], rotation: NDArray[np.float64]) -> float:
    """Radians that a rotation (3, 3) turns about ``up``, whatever it tilts (swing-twist)."""
    w, x, y, z = rotations.quaternion_from_matrix(rotation)
    return float(2.0 * np.arctan2(np.array([x, y, z]) @ up, w))


def _headings(count: int, shift: int) -> Iterator[float]:
    """Headings all round; other frames try those in between."""
    for k in range(count):
        yield 2.0 * np.pi * (k + 0.5 * (shift % 2)) / count


def _by_score(hypothesis: Hypothesis) -> float:
    return -hypothesis.score


def _angle(first: float, second: float) -> float:
    return abs((first - second + np.pi) % (2.0 * np.pi) - np.pi)


def _distinct(hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
    """Best first, each facing elsewhere than all before it."""
    kept: list[Hypothesis] = []
    for h in sorted(hypotheses, key=_by_score):
        if all(_angle(h.heading, k.heading) > APART for k in kept):
            kept.append(h)
    return kept


def _aligned(problem: Problem, pose: StartPose, heading: float, frame: int) -> Hypothesis:
    """A start pose turned to a heading and laid over the mask."""
    body = problem.body
    root = body.skeleton.root
    local = pose.local_rotations.copy()
    local[root] = rotations.exp(body.up * heading) @ local[root]
    motion = Motion(np.zeros((1, 3)), local[None])
    motion, overlap = align(problem, motion, frame)
    return Hypothesis(frame, motion, 2.0 * overlap, overlap, heading, pose)


def align(problem: Problem, motion: Motion, frame: int) -> tuple[Motion, float]:
    """Move a pose (one frame) so that area and centre of its outline equal the mask's; also the overlap
    then."""
    body, camera, frames = problem.body, problem.camera, problem.frames
    level, window = frames.window(frame)
    mask = frames.mask(frame, level)
    rows, columns = np.nonzero(mask)
    center = window.to_image(np.array([columns.mean(), rows.mean()]))
    area = len(rows) / window.scale**2
    root = body.skeleton.root
    rest = body.skeleton.rest_positions[root]
    overlap = 0.0
    vertices = body.skin.at(State(body.skeleton, motion), 0).vertices.astype(np.float64)
    shift = np.zeros(3)
    # First onto the axis through the mask's centre, at a depth where the body surely is before the camera.
    depth = camera.focal * body.size / max(np.sqrt(area), 1.0)
    ray = np.append((center - camera.center) / camera.focal, 1.0)
    shift += camera.rotation.T @ (ray * depth - camera.translation) - 0.5 * (
        vertices.min(0) + vertices.max(0)
    )
    for _ in range(ALIGN_ROUNDS):
        here = vertices + shift
        small = _around(camera.project(here), window)
        seen = body.render(here, camera, small).mask
        r, c = np.nonzero(seen)
        if len(r) < 4:
            break
        seen_center = small.to_image(np.array([c.mean(), r.mean()]))
        ratio = np.sqrt(len(r) / small.scale**2 / max(area, 1e-9))
        place = rest + motion.root_translation[0] + shift
        moved = camera.position + (place - camera.position) * np.clip(ratio, 0.5, 2.0)
        depth = float(camera.to_camera(moved)[2])
        sideways = np.append((center - seen_center) * depth / camera.focal, 0.0)
        shift += moved - place + camera.rotation.T @ sideways
    result = Motion(motion.root_translation + shift, motion.local_rotations)
    small = Crop(window.left, window.top, window.side, ALIGN_SIZE)
    seen = body.render(vertices + shift, camera, small).mask
    there = mask[np.ix_(_thin(window.size), _thin(window.size))]
    trusted = frames.trusted(frame, level)[np.ix_(_thin(window.size), _thin(window.size))]
    union = np.count_nonzero((seen | there) & trusted)
    overlap = np.count_nonzero(seen & there & trusted) / union if union else 0.0
    return result, float(overlap)


def _around(points: NDArray[np.float64], window: Crop) -> Crop:
    low, high = points.min(0), points.max(0)
    side = float(np.clip((high - low).max() * 1.05, 4.0, 20.0 * window.side))
    corner = 0.5 * (low + high) + 0.5 - side / 2.0
    return Crop(float(corner[0]), float(corner[1]), side, ALIGN_SIZE)


def _thin(size: int) -> NDArray[np.intp]:
    """Rows of a full window nearest to those of a small one."""
    return ((np.arange(ALIGN_SIZE) + 0.5) * size / ALIGN_SIZE).astype(np.intp)


def refit(problem: Problem, hypothesis: Hypothesis, steps: int, stiffer: float = 1.0) -> Hypothesis:
    """The hypothesis after a short fit about its own start pose, scored."""
    expected = problem.with_expected(problem.expected.around(hypothesis.start_pose.local_rotations))
    frame = hypothesis.frame
    motion = fit_frame(expected, hypothesis.pose, frame, steps=steps, stiffer=stiffer)
    sight = look_at(expected, motion, frame)
    body = problem.body
    root = body.skeleton.root
    moving = body.skeleton.moving[1:]
    away = rotations.angle_between(
        hypothesis.start_pose.local_rotations[moving], motion.local_rotations[0, moving]
    )
    bent = float(np.mean(away**2 / (1.0 + away**2))) if len(moving) else 0.0
    upright = float((motion.local_rotations[0, root] @ body.up) @ body.up)
    score = 2.0 * sight.overlap - 0.5 * bent - 0.5 * max(0.0, 0.8 - upright)
    return replace(
        hypothesis,
        pose=motion,
        score=score,
        overlap=sight.overlap,
        heading=heading_of(body.up, motion.local_rotations[0, root]),
    )
