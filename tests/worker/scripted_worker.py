# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's process with a stand-in for its pipeline: ``scripted_worker.py BEHAVIOUR JOB --parent PID``.

Everything but the capture itself is the real thing.
"""

from __future__ import annotations

import errno
import os
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from mocapanything_addon.jobs.errors import BadInputError
from mocapanything_addon.jobs.folder import JobFolder
from mocapanything_addon.jobs.request import Request
from mocapanything_addon.jobs.rig import Rig
from mocapanything_addon.jobs.solution import Solution
from mocapanything_addon.worker.process import Progress, main
from mocapanything_addon.worker.report import Footage, Likeness, Measurements, RefusedError, Start

STAGES = ("decode", "mask", "start", "track")


def work(request: Request, rig: Rig, job: JobFolder, progress: Progress) -> tuple:
    """Hold the rest pose for three frames."""
    for stage in STAGES:
        for step in range(3):
            progress(stage, step, 3)
    joints = rig.joint_count
    identity = np.tile([1.0, 0.0, 0.0, 0.0], (3, joints, 1))
    solution = Solution(
        times=np.arange(3) / 25.0,
        positions=np.tile(rig.rest_positions, (3, 1, 1)),
        global_rotations=identity,
        local_rotations=identity,
        confidence=np.full((3, joints), 0.5, np.float32),
        camera_rotation=np.eye(3),
        camera_translation=np.array([0.0, 0.0, 5.0]),
        camera_focal=500.0,
        image_size=np.array([640, 360]),
        source_frame_rate=25.0,
    )
    job.starts_folder.mkdir()
    (job.starts_folder / "1.png").write_bytes(b"png")
    job.mask_video_path.write_bytes(b"video")
    job.residual_plot_path.write_bytes(b"plot")
    measurements = Measurements(
        ik_residual=np.full((3, joints), 0.02),
        limit_violations=0,
        outline_overlap=np.array([0.8, np.nan, 0.9]),
        hidden_share=np.array([0.0, np.nan, 0.25]),
        start_score=0.7,
        starts=[Start(12.5, 5.0, 1.0, 0.7, 2, "rest", "starts/1.png")],
        likeness=Likeness(0.9, True, "starts/1.png"),
        mask_video=job.mask_video_path.name,
        residual_plot=job.residual_plot_path.name,
    )
    return solution, measurements, ["nothing was filmed"]


def unlike(request: Request, rig: Rig, job: JobFolder, progress: Progress) -> tuple:
    """The subject does not look like the character."""
    solution, measurements, _ = work(request, rig, job, progress)
    likeness = Likeness(0.07, False, "starts/1.png")
    words = "This does not look like your character."
    if request.settings.refuse_unlike:
        job.residual_plot_path.unlink()
        raise RefusedError(
            words,
            "Look.",
            footage=Footage.of(solution),
            likeness=replace(likeness, refused=True),
            starts=measurements.starts,
            mask_video=measurements.mask_video,
        )
    return solution, replace(measurements, likeness=likeness), [words]


def noisy(request: Request, rig: Rig, job: JobFolder, progress: Progress) -> tuple:
    print('{"type": "done"}')
    os.write(1, b"from a library\n")
    return work(request, rig, job, progress)


def endless(stage: str) -> object:
    """Get as far as ``stage`` and go on for ever there."""

    def run(request: Request, rig: Rig, job: JobFolder, progress: Progress) -> tuple:
        for name in STAGES:
            progress(name, 0, 1)
            while name == stage:
                time.sleep(0.01)
                progress(name, 0, 1)
        return work(request, rig, job, progress)

    return run


def stuck(request: Request, rig: Rig, job: JobFolder, progress: Progress) -> tuple:
    """Never come back to a progress call, and leave something half-written."""
    progress("decode", 0, 1)
    (job.path / ".half.npz").write_bytes(b"half")
    time.sleep(60)
    return work(request, rig, job, progress)


def bad_input(request: Request, rig: Rig, job: JobFolder, progress: Progress) -> tuple:
    raise BadInputError(f"There is no video at {request.video}.", "Choose another.", code="video_missing")


def bug(request: Request, rig: Rig, job: JobFolder, progress: Progress) -> tuple:
    raise ZeroDivisionError("of a secret kind")


def disk_full(request: Request, rig: Rig, job: JobFolder, progress: Progress) -> tuple:
    raise OSError(errno.ENOSPC, "No space left on device", str(job.overlay_path))


def small_disk(request: Request, rig: Rig, job: JobFolder, progress: Progress) -> tuple:
    """Let the results break off in the middle of being written."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))
    return work(request, rig, job, progress)


def no_memory(request: Request, rig: Rig, job: JobFolder, progress: Progress) -> tuple:
    raise MemoryError


def unwritable(request: Request, rig: Rig, job: JobFolder, progress: Progress) -> tuple:
    """Find the report's place taken by something that cannot be replaced."""
    job.report_path.mkdir()
    return work(request, rig, job, progress)


BEHAVIOURS = {
    "work": work,
    "unlike": unlike,
    "noisy": noisy,
    "stuck": stuck,
    "bad_input": bad_input,
    "bug": bug,
    "disk_full": disk_full,
    "small_disk": small_disk,
    "no_memory": no_memory,
    "unwritable": unwritable,
    **{f"endless_{stage}": endless(stage) for stage in STAGES},
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[2:], BEHAVIOURS[sys.argv[1]]))  # type: ignore[arg-type]
