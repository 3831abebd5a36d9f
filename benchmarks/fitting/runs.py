# SPDX-License-Identifier: GPL-3.0-or-later
"""Capture one case under one condition, stage by stage as the pipeline does, and measure every stage."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, combinations
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.fit.confidence import joint_confidence
from mocapanything_addon.fit.contacts import hold_contacts
from mocapanything_addon.fit.evidence.correspondence import Correspondences
from mocapanything_addon.fit.exchange import exchanged
from mocapanything_addon.fit.expected_pose import ExpectedPose
from mocapanything_addon.fit.fit import find_start, prepare, refine, tilt_camera, track_starts
from mocapanything_addon.fit.hypothesis import Hypothesis
from mocapanything_addon.fit.limbs import limb_pairs
from mocapanything_addon.fit.problem import Problem
from mocapanything_addon.fit.settle import settle
from mocapanything_addon.fit.sight import look
from mocapanything_addon.fit.start import is_uncertain
from mocapanything_addon.fit.start_poses import StartPose
from mocapanything_addon.fit.track import Track as Found
from mocapanything_addon.ik import rotations
from mocapanything_addon.ik.kinematics import State, forward
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.ik.skeleton import Skeleton
from mocapanything_addon.jobs.settings import Quality
from mocapanything_addon.worker.pipeline import LAST_ROUNDS
from samples.metrics import Joints, Track, constant_floor, rest_floor

from .ablations import without
from .clips import ClipSpec
from .conditions import Condition, every, given, limb_joints
from .figures import (
    RIGHT_HEADING,
    Errors,
    Truth,
    body_turned,
    errors,
    headings_apart,
    in_true_world,
    turned_about,
)
from .filming import Case, filmed
from .mask_overlap import mask_overlap
from .pictures import draw
from .teacher_masks import cut_by_teacher

if TYPE_CHECKING:
    from mocapanything_addon.models.networks import Networks

STAGES = ("start", "tracking", "full")
MOST_PAIRS = 4
NEAR_TRUTH = 20.0
"""Degrees of a bone, see fit/confidence.py."""
ROOT_ANGLE, ROOT_SHIFT = np.radians(20.0), 0.1
"""How wrong a rough root is: turned about the vertical, and farther away."""


@dataclass(frozen=True)
class StartFigures:
    """Of the start search alone."""

    heading: float
    """Degrees that the best hypothesis is turned against the truth in its frame."""
    body: float
    """Degrees that all its joints together are turned, see figures.body_turned."""
    right_at: int
    """Place in the ranking of the first hypothesis that faces right; -1 where none does."""
    uncertain: bool
    frame: int
    pose: str
    """What the best hypothesis was searched from."""
    score: float
    overlap: float
    hypotheses: int


@dataclass(frozen=True)
class Outcome:
    """All figures of one case."""

    case: str
    kind: str
    condition: str
    frames: int
    start: StartFigures
    errors: dict[str, Errors]
    """"rest", "constant" (floors), then "start" (its pose held), "tracking", "full" as far as it went."""
    seconds: dict[str, float]
    """Processor time a frame of "start", "tracking", "full", each without those before it."""
    wall: float
    """Seconds a frame of everything, on the clock."""
    exchanged: float = float("nan")
    """Least MPJPE of the result with some pairs of limbs traded: below the result's own, it took left for
    right."""
    confidence: float = float("nan")
    """Mean that the product says of all moving bones and frames: how many are within NEAR_TRUTH."""
    near_truth: float = float("nan")
    """How many are."""
    reliability: tuple[tuple[int, float, int], ...] = ()
    """See :func:`reliability`."""
    mask_overlap: float = float("nan")
    """Mean IoU of the masks that the last stage went by with the true ones."""


@dataclass(frozen=True)
class Task:
    """What one worker process does."""

    spec: ClipSpec
    view: int
    condition: Condition
    last_stage: str
    frames: int
    packs: Path
    cache: Path
    pictures: Path | None = None
    seed: int = 0
    stride: int = 1
    """On top of the condition's."""
    teacher: Path | None = None
    """Folder of its package; for conditions with its masks."""


def run(task: Task) -> Outcome:
    """Film (or read) the case, capture and measure it."""
    cut = None if task.teacher is None else partial(cut_by_teacher, task.teacher)
    case = filmed(task.spec, task.condition.view(task.view), task.packs, task.frames, task.cache, cut)
    case = every(case, task.stride)
    return capture(case, task.condition, task.last_stage, seed=task.seed, pictures=task.pictures)


def capture(
    case: Case, condition: Condition, last_stage: str, *, seed: int = 0, pictures: Path | None = None
) -> Outcome:
    """Capture a case.

    Args:
        case: As filmed.
        condition: What the fit is given.
        last_stage: Of :data:`STAGES`.
        seed: Of everything that is drawn by chance.
        pictures: Folder for a picture of the result; None for none.
    """
    as_filmed = every(case, condition.stride)
    case, seen = given(case, condition)
    truth = truth_of(case)
    frames = case.clip.frame_count
    began, clock = perf_counter(), process_time()
    seconds: dict[str, float] = {}

    def took(stage: str) -> None:
        nonlocal clock
        now = process_time()
        seconds[stage] = (now - clock) / frames
        clock = now

    problem = prepare(seen.rig, seen.clip, fov_degrees=seen.fov_degrees, seed=seed, camera=seen.camera)
    problem = replace(problem, masks_given=condition.mask != "own")
    networks = None
    if condition.networks:
        from mocapanything_addon.models.networks import Networks  # torch takes seconds to load

        networks = Networks.load(device="cpu")
        if condition.without != "critic":
            problem = replace(problem, critic=networks.critic)
    problem = _told(problem, case, condition)
    # What the condition or a bound says of the expected pose must outlive the start search.
    keep = condition.without in ("average pose", "expected pose") or condition.bound == "average pose"
    known = given_start(problem, case, condition.start)
    problem, ranked = find_start(problem, condition.quality, _quietly, given=known, keep_expected=keep)
    took("start")
    result = floors(truth)
    motion = _held(ranked[0], frames)
    result["start"] = errors(_track(problem, motion, case), truth, ranked[0].overlap)
    search = start_figures(problem, ranked, case)
    if last_stage != "start":
        # A mean told from the truth is not replaced by the clip's own.
        with without(condition.without or "own mean" * (condition.bound == "average pose")):
            tilts = seen.camera is None and condition.without != "elevation"
            found = track_starts(problem, ranked, condition.quality, _quietly)
            if condition.looks_again:
                problem, found = _look_again(problem, found, ranked, condition.quality)
            if tilts:
                problem, found = tilt_camera(problem, found)
            took("tracking")
            result["tracking"] = _errors(problem, found, case, truth)
            if last_stage == "full":
                problem, found = _full(problem, found, case, condition, tilts, networks)
                took("full")
                result["full"] = _errors(problem, found, case, truth)
        motion = found.motion
    wall = (perf_counter() - began) / frames
    sure, near = _confidence(problem, found, case) if last_stage == "full" else (np.zeros(0), np.zeros(0))
    traded = min(
        (errors(_track(problem, m, case), truth).mpjpe for m in _traded(problem, motion)),
        default=float("nan"),
    )
    if pictures is not None:
        draw(pictures / f"{case.name}, {condition.name}.png", problem, motion, case)
    return Outcome(
        case.name,
        case.kind,
        condition.name,
        frames,
        search,
        result,
        seconds,
        wall,
        exchanged=traded,
        confidence=float(sure.mean()) if sure.size else float("nan"),
        near_truth=float(near.mean()) if near.size else float("nan"),
        reliability=reliability(sure, near),
        mask_overlap=mask_overlap(problem.frames.clip, as_filmed),
    )


def truth_of(case: Case) -> Truth:
    """What its captures are compared with."""
    return Truth(case.track, Joints.of_rig(case.rig), case.camera, limb_joints(case.rig))


def floors(truth: Truth) -> dict[str, Errors]:
    """What no capture at all would score: "rest" and "constant", on the true root."""
    tracks = {
        "rest": rest_floor(truth.track, truth.joints),
        "constant": constant_floor(truth.track, truth.joints),
    }
    return {name: errors(track, truth) for name, track in tracks.items()}


def _look_again(
    problem: Problem, found: Found, ranked: Sequence[Hypothesis], quality: Quality
) -> tuple[Problem, Found]:
    """As worker/pipeline.py does with masks that it has found itself."""
    from mocapanything_addon.models.mask_cutter import MaskCutter  # torch takes seconds to load
    from mocapanything_addon.worker.second_look import track_again

    with tempfile.TemporaryDirectory() as folder:
        problem, found = track_again(
            problem, found, ranked, quality, MaskCutter.load(), Path(folder), _quietly
        )
        clip = problem.frames.clip
        return problem.with_clip(replace(clip, mask=np.array(clip.mask))), found


def _confidence(problem: Problem, found: Found, case: Case) -> tuple[NDArray, NDArray]:
    """(T, M) of moving bones: how probably each is near the truth, as is said, and whether it is."""
    moving = problem.body.skeleton.moving
    said = joint_confidence(problem, found.motion, found.overlap, _quietly)[:, moving]
    turns = _track(problem, found.motion, case).global_rotations[:, moving]
    away = rotations.angle_between(turns, case.track.global_rotations[:, moving])
    return said, np.degrees(away) < NEAR_TRUTH


def reliability(said: NDArray, right: NDArray) -> tuple[tuple[int, float, int], ...]:
    """By tenths of what was said: their number, what was said of all together, how many were right."""
    tenth = np.minimum((10.0 * said).astype(int), 9).ravel()
    return tuple(
        (
            int((tenth == n).sum()),
            float(said.ravel()[tenth == n].sum()),
            int(right.ravel()[tenth == n].sum()),
        )
        for n in range(10)
    )


def _traded(problem: Problem, motion: Motion) -> Iterator[Motion]:
    """The motion with one, two, ... pairs of limbs traded between left and right, in all ways."""
    pairs = limb_pairs(problem.body)[:MOST_PAIRS]
    for chosen in chain.from_iterable(combinations(pairs, n + 1) for n in range(len(pairs))):
        other = motion
        for pair in chosen:
            other = exchanged(problem.body, other, pair)
        yield other


def _full(
    problem: Problem,
    found: Found,
    case: Case,
    condition: Condition,
    tilts: bool,
    networks: Networks | None,
) -> tuple[Problem, Found]:
    """As worker/pipeline.py goes on after the tracking."""
    problem, found = refine(problem, found, condition.quality, _quietly)
    if tilts:
        problem, found = tilt_camera(problem, found)
    settled, found = settle(problem, found, _quietly, rounds=LAST_ROUNDS[condition.quality])
    if networks is None or condition.without == "proposals" or problem.expected.habits:
        problem = settled
    else:
        from mocapanything_addon.worker.proposals import solve_as_proposed

        problem, found = solve_as_proposed(networks, problem, found, _quietly)
    if condition.without != "contacts":
        found, _ = hold_contacts(problem, found, _quietly)
    return problem, found


def _told(problem: Problem, case: Case, condition: Condition) -> Problem:
    """What a bound tells from the truth, or an ablation leaves unsaid."""
    if condition.without == "expected pose":
        return problem.with_expected(ExpectedPose.at_rest(problem.body.stiffness))
    if condition.bound == "average pose":
        mean = rotations.nearest_rotation(case.truth.local_rotations.mean(axis=0))
        return problem.with_expected(problem.expected.around(mean))
    if condition.bound == "correspondences":
        return replace(problem, correspondences=_true_correspondences(problem, case.truth))
    return problem


def _true_correspondences(problem: Problem, truth: Motion) -> Sequence[Correspondences]:
    """Where visible points of the surface really are, as well known as a pixel of the fit."""
    state = State(problem.body.skeleton, truth)
    told = []
    for t in range(truth.frame_count):
        sight = look(problem, problem.body.skin.at(state, t), t, sigma=1.0)
        count = len(sight.points)
        sigma = np.full(count, problem.pixel[t])
        told.append(Correspondences(t, np.full(count, -1), sight.points, sight.pixels, sigma))
    return told


def given_start(problem: Problem, case: Case, start: str) -> Hypothesis | None:
    """What the user knows of one frame; None lets the search find it."""
    if start == "search":
        return None
    frame = case.clip.frame_count // 2
    body = problem.body
    pose = _seen_alike(problem, case.truth[frame : frame + 1], case)
    if start == "root":
        turned = rotations.exp(body.up * ROOT_ANGLE) @ pose.local_rotations[0, 0]
        local = np.tile(np.eye(3), (1, body.skeleton.joint_count, 1, 1))
        local[0, 0] = turned
        place = body.skeleton.rest_positions[0] + pose.root_translation[0]
        away = problem.camera.position + (1.0 + ROOT_SHIFT) * (place - problem.camera.position)
        pose = Motion((away - body.skeleton.rest_positions[0])[None], local)
    base = pose.local_rotations[0].copy()
    base[0] = np.eye(3)
    heading = float(turned_about(body.up, pose.local_rotations[0, 0]))
    return Hypothesis(frame, pose, 0.0, 0.0, heading, StartPose("given", base))


def _seen_alike(problem: Problem, motion: Motion, case: Case) -> Motion:
    """A motion of the true world where the problem's camera sees what the true one does."""
    rest = problem.body.skeleton.rest_positions[0]
    turn = problem.camera.rotation.T @ case.camera.rotation
    shift = problem.camera.rotation.T @ (case.camera.translation - problem.camera.translation)
    local = motion.local_rotations.copy()
    local[:, 0] = turn @ local[:, 0]
    return Motion((motion.root_translation + rest) @ turn.T + shift - rest, local)


def start_figures(problem: Problem, ranked: Sequence[Hypothesis], case: Case) -> StartFigures:
    """How right the ranking is."""
    turn = case.camera.rotation.T @ problem.camera.rotation
    up = Joints.of_rig(case.rig).up
    apart = [
        float(
            headings_apart(turn @ h.pose.local_rotations[:, 0], case.truth.local_rotations[h.frame, :1], up)[
                0
            ]
        )
        for h in ranked
    ]
    right = [place for place, angle in enumerate(apart) if angle <= RIGHT_HEADING]
    best = ranked[0]
    return StartFigures(
        heading=apart[0],
        body=body_turned(_track(problem, best.pose, case), _moment(case.track, best.frame), up),
        right_at=right[0] if right else -1,
        uncertain=is_uncertain(ranked),
        frame=best.frame,
        pose=best.start_pose.name,
        score=best.score,
        overlap=best.overlap,
        hypotheses=len(ranked),
    )


def _moment(track: Track, frame: int) -> Track:
    return Track(track.positions[frame : frame + 1], track.global_rotations[frame : frame + 1])


def _errors(problem: Problem, found: Found, case: Case, truth: Truth) -> Errors:
    seen = problem.frames.has_subject
    overlap = float(found.overlap[seen].mean()) if seen.any() else 0.0
    return errors(_track(problem, found.motion, case), truth, overlap)


def _track(problem: Problem, motion: Motion, case: Case) -> Track:
    # The rotations are the user's rig's, whatever build the fit gave its body.
    pose = forward(Skeleton.from_rig(case.rig), motion)
    return in_true_world(Track(pose.positions, pose.global_rotations), problem.camera, case.camera)


def _held(hypothesis: Hypothesis, frames: int) -> Motion:
    return hypothesis.pose[np.zeros(frames, int)]


def _quietly(stage: str, done: int, total: int) -> None:
    pass
