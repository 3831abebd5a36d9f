# SPDX-License-Identifier: GPL-3.0-or-later
"""The capture, stage by stage; data moves from top to bottom once.

Networks propose, the fit decides: what they say is evidence with an uncertainty; pixels have the last word.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..fit.body import Body
from ..fit.clip import SubjectClip
from ..fit.contacts import hold_contacts
from ..fit.fit import begin_with, conclude, prepare, refine, tilt_camera, track_starts
from ..fit.gait import stride_seconds
from ..fit.likeness import log_odds_of_likeness
from ..fit.overlay import write_overlay
from ..fit.problem import Problem
from ..fit.residual import joint_residual
from ..fit.retarget import retargeted
from ..fit.settle import settle
from ..fit.start import search_start
from ..fit.start_choice import chosen_start
from ..fit.start_trial import tried_starts
from ..fit.verdict import Verdict, judge
from ..ik.camera import Camera
from ..ik.kinematics import forward
from ..ik.limits import euler
from ..ik.limits.ranges import limited_angles
from ..ik.motion import Motion
from ..ik.rotations import continuous_quaternions, quaternion_from_matrix
from ..ik.terms.contacts import Contact
from ..jobs.files import replacing_file
from ..jobs.folder import JobFolder
from ..jobs.request import Request
from ..jobs.rig import Rig
from ..jobs.settings import CaptureSettings, NetworkDevice, Quality
from ..jobs.solution import Solution
from ..models.device import Device
from ..models.manifest import DEFAULT_FOLDER, WeightsEntry, weights_folder
from ..models.networks import Networks
from .placement import place
from .proposals import solve_as_proposed
from .report import Footage, Likeness, Measurements, Network, RefusedError, Start, Subject
from .residual_plot import FrameFigures, try_write_plot
from .second_look import track_again
from .starts import write_starts
from .subject.clip import make_clip
from .subject.hidden_share import hidden_share, hidden_words
from .subjects import write_subjects

log = logging.getLogger(__name__)
Progress = Callable[[str, int, int], None]
LAST_ROUNDS = {Quality.STANDARD: 5, Quality.BEST: 15}
"""Of settling."""
LIMIT_TOLERANCE = 1e-6
"""Radians: rounding, not a violation."""


def run(
    request: Request, rig: Rig, job: JobFolder, progress: Progress
) -> tuple[Solution, Measurements, Sequence[str]]:
    """Capture a video onto a rig.

    Returns:
        The motion, what was measured on the way, and warnings in the user's words.

    Raises:
        BadInputError: The video or a mask cannot be used.
        CaptureError: A network's weights are missing or damaged, or their image trunk cannot be used.
        RefusedError: The subject does not look like the character, and the settings say to end then.
        CancelledError: From ``progress``.
    """
    settings = request.settings
    warnings: list[str] = []
    contacts: Sequence[Contact] = ()
    # Weights are checked before the minutes of work that would be lost for their sake.
    device = Device(settings.device or NetworkDevice.AUTO)
    networks = _load_networks(settings, device, progress)
    # Frames are mapped from files that must go once nothing reads them any more.
    with tempfile.TemporaryDirectory(prefix="frames-", dir=job.path, ignore_cleanup_errors=True) as scratch:
        with replacing_file(job.mask_video_path) as preview:
            subject = make_clip(
                request.video,
                settings,
                Path(scratch),
                progress,
                device=device,
                judge=partial(log_odds_of_likeness, rig),
                preview=preview,
            )
        clip, subjects = subject.clip, write_subjects(subject, job)
        warnings += subject.warnings
        problem = prepare(rig, clip, fov_degrees=settings.fov_degrees, seed=settings.seed)
        problem = replace(problem, masks_given=subject.cutter is None)
        if networks is not None:
            problem = replace(problem, critic=networks.critic)
        own = problem.body
        ranked = search_start(problem, settings.quality, progress)
        ranked = tried_starts(problem, ranked, settings.quality, progress)
        starts = write_starts(problem, ranked, job)
        verdict = judge(problem, ranked)
        likeness = None if verdict is None else _likeness(verdict, starts[0])
        if verdict is not None and settings.refuse_unlike and not verdict.looks_alike:
            raise _refusal(verdict, starts, subjects, clip, job)
        problem, ranked = begin_with(problem, chosen_start(ranked, settings.start_choice), progress)
        found = track_starts(problem, ranked, settings.quality, progress)
        if subject.cutter is not None and settings.quality is not Quality.FAST:
            problem, found = track_again(
                problem, found, ranked, settings.quality, subject.cutter, Path(scratch), progress
            )
        problem, found = tilt_camera(problem, found)
        if settings.quality is not Quality.FAST:
            problem, found = refine(problem, found, settings.quality, progress)
            # On its way a better track shows more of how the camera stands.
            problem, found = tilt_camera(problem, found)
            settled, found = settle(problem, found, progress, rounds=LAST_ROUNDS[settings.quality])
            if networks is None or problem.expected.habits:
                problem = settled
            else:
                problem, found = solve_as_proposed(networks, problem, found, progress)
            if settings.hold_contacts:
                found, contacts = hold_contacts(problem, found, progress)
        result = conclude(problem, found, ranked, progress, verdict=verdict)
        hidden = hidden_share(problem.frames.clip)
        words = hidden_words(hidden)
        warnings += [*result.warnings, *([] if words is None else [words]), *device.warnings]
        if request.overlay:
            with replacing_file(job.overlay_path) as temporary:
                write_overlay(
                    temporary, problem.body, clip, problem.camera, result.motion, result.confidence, progress
                )
        residual = joint_residual(problem, result.motion, progress)
        progress("plot", 0, 1)
        is_plotted = try_write_plot(
            job.residual_plot_path,
            FrameFigures(
                times=np.asarray(clip.times, float),
                overlap=result.outline_overlap,
                residual=residual.mean(axis=1) / rig.size,
                confidence=result.confidence.mean(axis=1),
                has_subject=problem.frames.has_subject,
                is_cut_off=problem.frames.is_cut_off,
                is_hidden=problem.frames.is_hidden,
            ),
        )
        measurements = Measurements(
            ik_residual=residual,
            limit_violations=_violations(problem, result.motion),
            outline_overlap=np.where(problem.frames.has_subject, result.outline_overlap, np.nan),
            hidden_share=hidden,
            start_score=ranked[0].overlap,
            subjects=subjects,
            starts=starts,
            likeness=likeness,
            mask_video=job.mask_video_path.name,
            residual_plot=job.residual_plot_path.name if is_plotted else None,
            contacts=len(contacts),
            stride_seconds=stride_seconds(problem, result.motion),
            networks=_used(networks),
            device=str(device),
        )
        motion = retargeted(result.motion, problem.body, own)
        return _placed(own, problem.camera, clip, motion, result.confidence), measurements, warnings


def _load_networks(settings: CaptureSettings, device: Device, progress: Progress) -> Networks | None:
    # The fast quality ends where the networks begin.
    if not settings.use_networks or settings.quality is Quality.FAST:
        return None
    progress("networks", 0, 1)
    return Networks.load(weights_folder(settings.weights), device)


def _likeness(verdict: Verdict, best: Start) -> Likeness:
    """For the report."""
    return Likeness(verdict.probability, verdict.looks_alike, best.picture)


def _refusal(
    verdict: Verdict,
    starts: Sequence[Start],
    subjects: Sequence[Subject],
    clip: SubjectClip,
    job: JobFolder,
) -> RefusedError:
    """What is told instead of a result."""
    times = np.asarray(clip.times, float)
    return RefusedError(
        verdict.words(),
        f"The job folder is {job.path}.",
        footage=Footage(clip.width, clip.height, clip.frame_rate, len(times), float(times[-1] - times[0])),
        likeness=replace(_likeness(verdict, starts[0]), refused=True),
        starts=starts,
        subjects=subjects,
        mask_video=job.mask_video_path.name,
    )


def _placed(
    body: Body, camera: Camera, clip: SubjectClip, motion: Motion, confidence: NDArray[np.floating]
) -> Solution:
    """The motion where an animator expects it; the camera moves along."""
    skeleton = body.skeleton
    root = skeleton.root
    pose = forward(skeleton, motion)
    placement = place(
        pose.positions[:, root],
        pose.global_rotations[:, root],
        (body.skin.pose(pose) @ body.up).min(axis=1),
        skeleton.rest_positions[root],
        float((body.skin.vertices @ body.up).min()),
        body.up,
    )
    local = motion.local_rotations.copy()
    local[:, root] = placement.rotation @ local[:, root]
    camera_rotation = camera.rotation @ placement.rotation.T
    return Solution(
        times=np.asarray(clip.times, float),
        positions=placement.points(pose.positions),
        global_rotations=_quaternions(placement.rotation @ pose.global_rotations),
        local_rotations=_quaternions(local),
        confidence=confidence.astype(np.float32),
        camera_rotation=camera_rotation,
        camera_translation=camera.translation - camera_rotation @ placement.translation,
        camera_focal=camera.focal,
        image_size=np.array([clip.width, clip.height]),
        source_frame_rate=clip.frame_rate,
    )


def _quaternions(rotations: NDArray[np.float64]) -> NDArray[np.float64]:
    return continuous_quaternions(quaternion_from_matrix(rotations))


def _violations(problem: Problem, motion: Motion) -> int:
    """Rotations (frames x joints) outside their range."""
    skeleton = problem.body.skeleton
    limited = skeleton.is_limited
    if not limited.any():
        return 0
    excess = euler.excess(
        limited_angles(skeleton, motion), skeleton.lowest_angles[limited], skeleton.highest_angles[limited]
    )
    return int((excess.max(axis=-1) > LIMIT_TOLERANCE).sum())


def _used(networks: Networks | None) -> list[Network]:
    """For the report."""
    entries = () if networks is None else networks.entries
    return [Network(entry.name, _words(entry)) for entry in entries]


def _words(entry: WeightsEntry) -> str:
    """File and hash; of what does not ship the whole path, and the trunk that it looks through."""
    file = entry.file if entry.folder == DEFAULT_FOLDER else str(entry.path)
    words = f"{file} {entry.sha256}"
    if entry.trunk is None:
        return words
    place = "" if entry.trunk.path is None else f"{entry.trunk.path} "
    return f"{words}, trunk {entry.trunk.name} {place}{entry.trunk.sha256}"
