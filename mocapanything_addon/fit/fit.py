# SPDX-License-Identifier: GPL-3.0-or-later
"""Fit a rig to a clip: the whole of it, and the stages that a pipeline may call one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..ik.camera import Camera
from ..ik.kinematics import forward
from ..ik.motion import Motion
from ..jobs.rig import Rig
from ..jobs.settings import Quality
from .body import Body
from .camera_guess import guess_camera
from .clip import SubjectClip
from .clip_cost import ClipCost, clip_cost
from .combine import cheapest_mix
from .confidence import joint_confidence
from .elevation import find_elevation, looking_down
from .evidence.correspondence import Correspondences
from .evidence.flow import FlowField
from .exchange import undo_exchanges
from .expected_pose import ExpectedPose
from .find_focal import find_focal
from .find_shape import find_shape
from .frames import Frames
from .hypothesis import Hypothesis
from .pose_center import estimate_expected_pose
from .prior import PosePrior
from .problem import Problem, Progress
from .recall import recall_lost_frames
from .restart import restarted
from .retarget import retargeted
from .revise import revise
from .start import in_world_of_best, is_uncertain, search_start
from .start_choice import distinct_starts
from .start_poses import start_poses
from .start_trial import tried_starts
from .track import Track, track
from .verdict import Verdict
from .whole_clip import FLOW_WEIGHT, solve_whole_clip

TRACKED_RATE = 12.0
"""Frames a second that the fast quality follows; the rest is interpolated."""
TRACKED_STARTS = {Quality.FAST: 1, Quality.STANDARD: 3, Quality.BEST: 5}
ROUNDS = {Quality.FAST: 0, Quality.STANDARD: 5, Quality.BEST: 10}
FEWER_ROUNDS = 3
"""After the focal length was found: the pose is known already."""
PASSES = {Quality.FAST: 0, Quality.STANDARD: 3, Quality.BEST: 6}
"""Of other ways through what is explained badly, at most,"""
SLOW_PASSES = {Quality.FAST: 0, Quality.STANDARD: 1, Quality.BEST: 6}
"""and how many of them search every limb."""
RESTARTS = {Quality.FAST: 0, Quality.STANDARD: 1, Quality.BEST: 2}
"""At most,"""
WORTH_RESTART = {Quality.FAST: 0.0, Quality.STANDARD: 60.0, Quality.BEST: 50.0}
"""where the mean frame costs so much."""
RIVAL = 0.05
"""A heading this much less likely than the best is not worth tracking."""
POOR_OVERLAP = 0.6
"""Mean of the clip below which the subject was lost on the way."""


@dataclass(frozen=True, eq=False)
class FitResult:
    """What the fit found. T frames, J joints of the rig."""

    motion: Motion
    camera: Camera
    confidence: NDArray[np.float32]
    """(T, J) 0 (guessed) to 1 (seen)."""
    outline_overlap: NDArray[np.float64]
    """(T,) intersection over union of the mesh's outline and the mask; no measure of the pose's depth."""
    start_score: float
    """Probability that the start faces the right way, 0 to 1."""
    start_uncertain: bool
    """Another heading explains the subject almost as well, or none explains it."""
    hypotheses: tuple[Hypothesis, ...]
    """All starts that were tried, best first."""
    joint_points: NDArray[np.float64]
    """(T, J, 2) where the joints are seen, source pixels."""
    joint_weight: NDArray[np.float32]
    """(T, J) 0 to 1."""
    warnings: tuple[str, ...]
    """In the user's words."""


def prepare(
    rig: Rig,
    clip: SubjectClip,
    *,
    fov_degrees: float | None = None,
    seed: int = 0,
    prior: PosePrior | None = None,
    correspondences: Sequence[Correspondences] = (),
    camera: Camera | None = None,
) -> Problem:
    """Get a rig and a clip ready for the fit.

    Args:
        rig: The character.
        clip: What was filmed of the subject.
        fov_degrees: Field of view across the longer side; None where it is unknown.
        seed: Of everything that is drawn by chance.
        prior: A network's pose; None takes the rest pose or the rig's own.
        correspondences: A network's points.
        camera: Where it is known.
    """
    body = Body.from_rig(rig)
    frames = Frames(clip)
    known_camera = camera is not None
    if camera is None:
        known = frames.boxes[frames.is_whole if frames.is_whole.any() else frames.has_subject]
        box = np.median(known, axis=0) if len(known) else np.array([0.0, 0.0, clip.width, clip.height])
        camera = guess_camera(rig, box, clip.width, clip.height, fov_degrees=fov_degrees)
    expected = (
        ExpectedPose.of_rig(rig, body.stiffness)
        if prior is None
        else ExpectedPose.from_prior(prior, body.stiffness)
    )
    return Problem(
        body=body,
        frames=frames,
        flow=FlowField(frames),
        camera=camera,
        expected=expected,
        correspondences=tuple(correspondences),
        camera_known=known_camera,
        focal_known=known_camera or fov_degrees is not None,
        rng=np.random.default_rng(seed),
    )


def fit_clip(
    rig: Rig,
    clip: SubjectClip,
    *,
    fov_degrees: float | None,
    quality: Quality,
    seed: int,
    progress: Progress,
    prior: PosePrior | None = None,
    correspondences: Sequence[Correspondences] = (),
    start: Hypothesis | None = None,
    camera: Camera | None = None,
) -> FitResult:
    """Everything: search the start, track, solve the whole clip, say how sure it is.

    Args:
        rig: The character.
        clip: What was filmed of the subject.
        fov_degrees: Field of view across the longer side; None where it is unknown.
        quality: How much work to do.
        seed: Same seed, same result.
        progress: Called as (stage, done, total) at least once a second; raises to cancel.
        prior: Where a network expects the joints.
        correspondences: Points that a network or the user knows.
        start: Skip the search and begin here.
        camera: Where it is known.
    """
    problem = prepare(
        rig,
        clip,
        fov_degrees=fov_degrees,
        seed=seed,
        prior=prior,
        correspondences=correspondences,
        camera=camera,
    )
    own = problem.body
    problem, ranked = find_start(problem, quality, progress, given=start, keep_expected=prior is not None)
    found = track_starts(problem, ranked, quality, progress)
    if camera is None:
        problem, found = tilt_camera(problem, found)
    problem, found = refine(problem, found, quality, progress)
    result = conclude(problem, found, ranked, progress)
    return replace(result, motion=retargeted(result.motion, problem.body, own))


def find_start(
    problem: Problem,
    quality: Quality,
    progress: Progress,
    *,
    given: Hypothesis | None = None,
    keep_expected: bool = False,
) -> tuple[Problem, list[Hypothesis]]:
    """Rank the starts, and replace the expected pose by what they say of the average one.

    Args:
        problem: The capture.
        quality: How much is tried.
        progress: See :func:`fit_clip`.
        given: Take this start instead of searching.
        keep_expected: The expected pose comes from a better source.
    """
    if given is not None:
        ranked = [given]
    else:
        ranked = tried_starts(problem, search_start(problem, quality, progress), quality, progress)
    return begin_with(problem, ranked, progress, keep_expected=keep_expected)


def begin_with(
    problem: Problem, ranked: Sequence[Hypothesis], progress: Progress, *, keep_expected: bool = False
) -> tuple[Problem, list[Hypothesis]]:
    """Bring problem and starts into the world of the first, and replace the expected pose as they say.

    Args:
        problem: The capture.
        ranked: What the search found, or what was chosen of it; the first is believed.
        progress: See :func:`fit_clip`.
        keep_expected: The expected pose comes from a better source.
    """
    problem, moved = in_world_of_best(problem, ranked)
    if not keep_expected:
        poses = start_poses(problem.body)
        problem = problem.with_expected(estimate_expected_pose(problem, moved, poses, progress))
    return problem, moved


def track_starts(
    problem: Problem, ranked: Sequence[Hypothesis], quality: Quality, progress: Progress
) -> Track:
    """Track from the best starts and go the cheapest way through all tracks."""
    rate = problem.frames.clip.frame_rate
    stride = max(1, round(rate / TRACKED_RATE)) if quality is Quality.FAST else 1
    chosen = _worth_tracking(ranked, TRACKED_STARTS[quality])
    followed: list[tuple[Hypothesis, Track]] = []
    for start in chosen:
        followed.append((start, track(problem, start, progress, stride=stride, others=followed)))
    tracks = [found for _, found in followed]
    if len(tracks) == 1:
        return tracks[0]
    costs = [_cost(problem, t.motion, progress) for t in tracks]
    motions = [t.motion for t in tracks]
    recalled = recall_lost_frames(problem, motions, costs, progress)
    if recalled is not None:
        motions.append(recalled)
        costs.append(_cost(problem, recalled, progress))
    best = min(costs, key=lambda c: c.total)
    return Track(cheapest_mix(problem.body, motions, costs), best.overlap)


def tilt_camera(problem: Problem, found: Track) -> tuple[Problem, Track]:
    """Let the camera look down as far as the subject's way and stance say."""
    problem, motion = looking_down(problem, found.motion, find_elevation(problem, found.motion))
    return problem, Track(motion, found.overlap)


def refine(problem: Problem, found: Track, quality: Quality, progress: Progress) -> tuple[Problem, Track]:
    """Solve the whole clip, undo exchanged limbs, find the focal length where it is not known, try other
    ways through what is explained badly, begin again where much stays so, and find the build of the filmed
    creature, as far as the quality asks for it.

    Args:
        problem: The capture.
        found: The tracked motion.
        quality: How much is tried.
        progress: See :func:`fit_clip`.

    Returns:
        The problem, whose body may be built otherwise than the rig, see retarget.py, and the motion.
    """
    rounds = ROUNDS[quality]
    if rounds == 0:
        return problem, found
    begun = found.motion
    motion = solve_whole_clip(problem, begun, progress, rounds=rounds)
    cost = _cost(problem, motion, progress)
    motion, cost = undo_exchanges(problem, motion, cost, progress)
    if not problem.focal_known:
        problem, motion = find_focal(problem, motion, progress)
        begun = motion = solve_whole_clip(problem, motion, progress, rounds=FEWER_ROUNDS)
        cost = _cost(problem, motion, progress)
    motion, cost = revise(
        problem, motion, cost, progress, passes=PASSES[quality], slow_passes=SLOW_PASSES[quality]
    )
    motion, cost = restarted(
        problem,
        begun,
        motion,
        cost,
        progress,
        times=RESTARTS[quality],
        worth=WORTH_RESTART[quality],
        rounds=rounds,
        passes=PASSES[quality],
        slow_passes=SLOW_PASSES[quality],
    )
    return find_shape(problem, Track(motion, cost.overlap), progress)


def _cost(problem: Problem, motion: Motion, progress: Progress) -> ClipCost:
    return clip_cost(problem, motion, progress, stage="comparing", flow_weight=FLOW_WEIGHT)


def conclude(
    problem: Problem,
    found: Track,
    ranked: Sequence[Hypothesis],
    progress: Progress,
    *,
    verdict: Verdict | None = None,
) -> FitResult:
    """Confidence, warnings and what later stages need.

    Args:
        problem: The capture.
        found: Its motion.
        ranked: The starts that it may have begun with, best first.
        progress: See :func:`fit_clip`.
        verdict: Whether the subject looks like the rig at all; None where nobody has judged.
    """
    motion = _finite(found.motion)
    confidence = joint_confidence(problem, motion, found.overlap, progress)
    pose = forward(problem.body.skeleton, motion)
    return FitResult(
        motion=motion,
        camera=problem.camera,
        confidence=confidence,
        outline_overlap=found.overlap,
        start_score=ranked[0].probability,
        start_uncertain=is_uncertain(ranked),
        hypotheses=tuple(ranked),
        joint_points=problem.camera.project(pose.positions),
        joint_weight=confidence,
        warnings=tuple(_warnings(problem, found, ranked, verdict)),
    )


def _worth_tracking(ranked: Sequence[Hypothesis], count: int) -> list[Hypothesis]:
    """The best of every frame first, then rivals that score almost as well."""
    good = [h for h in ranked if h.probability > RIVAL * ranked[0].probability]
    frames: set[int] = set()
    first: list[Hypothesis] = []
    for hypothesis in good:
        if hypothesis.frame not in frames:
            frames.add(hypothesis.frame)
            first.append(hypothesis)
    return (first + [h for h in good if h not in first])[:count]


def _finite(motion: Motion) -> Motion:
    if np.isfinite(motion.root_translation).all() and np.isfinite(motion.local_rotations).all():
        return motion
    good = np.isfinite(motion.root_translation).all(1) & np.isfinite(motion.local_rotations).all((1, 2, 3))
    if not good.any():
        return Motion.rest(motion.joint_count, motion.frame_count)
    nearest = np.abs(np.arange(len(good))[:, None] - np.nonzero(good)[0]).argmin(1)
    return motion[np.nonzero(good)[0][nearest]]


def _warnings(
    problem: Problem, found: Track, ranked: Sequence[Hypothesis], verdict: Verdict | None
) -> list[str]:
    frames = problem.frames
    warnings: list[str] = []
    looks_alike = verdict is None or verdict.looks_alike
    gone = int((~frames.has_subject).sum())
    if gone == frames.count:
        return ["No subject was found in the video: the character stays in its rest pose."]
    if verdict is not None and not looks_alike:
        warnings.append(verdict.words())
    if gone:
        warnings.append(
            f"The subject is not seen in {gone} of {frames.count} frames; these are interpolated."
        )
    cut = int(frames.is_cut_off.sum())
    if cut:
        warnings.append(
            f"The subject is cut off by the image border in {cut} of {frames.count} frames; "
            "what lies outside is guessed."
        )
    if not looks_alike:
        return warnings  # a bad fit and an uncertain heading are no news then
    overlap = float(np.mean(found.overlap[frames.has_subject]))
    if overlap < POOR_OVERLAP:
        warnings.append(
            f"The character covers the subject badly in much of the clip (outline overlap {overlap:.2f}): "
            "does the mask show the same subject all the time?"
        )
    elif ranked[0].start == 1 and is_uncertain(ranked):  # whoever chose another has looked
        warnings.append(_uncertain(len(distinct_starts(ranked))))
    return warnings


def _uncertain(start_count: int) -> str:
    if start_count == 1:
        return "Which way the subject faces is uncertain: the character hardly covers it in any pose."
    return (
        "Which way the subject faces is uncertain. If the character faces the wrong way, capture again with "
        f"start pose 2 ({start_count} were found, pictures of them are in the job folder, starts)."
    )
