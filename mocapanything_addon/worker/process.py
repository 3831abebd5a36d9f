# SPDX-License-Identifier: GPL-3.0-or-later
"""One job from its folder to its results, with every way it can end told in one message."""

from __future__ import annotations

import argparse
import errno
import json
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ..jobs.errors import CancelledError, CaptureError, ExitCode
from ..jobs.files import replacing_file, writing_error
from ..jobs.folder import JobFolder
from ..jobs.messages import Done, Failed, Warned, private_stdout
from ..jobs.request import Request
from ..jobs.rig import Rig
from ..jobs.solution import Solution
from .channel import Cancellation, Channel, ProgressReporter
from .report import Measurements, RefusedError, build_refusal, build_report

log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
"""``progress(stage, done, total)``; raises CancelledError when the capture shall stop."""
Pipeline = Callable[[Request, Rig, JobFolder, Progress], tuple[Solution, Measurements, Sequence[str]]]
"""The work: returns the motion, what was measured on the way, and warnings in the user's words."""


def main(arguments: Sequence[str], pipeline: Pipeline | None = None) -> int:
    """Work on the job folder named in ``arguments``; returns the exit code.

    Args:
        arguments: The command line.
        pipeline: The work; None: ``pipeline.run``, imported late, because torch takes seconds to load.
    """
    parser = argparse.ArgumentParser(prog="worker", description=__doc__)
    parser.add_argument("job", type=Path, help="the job folder")
    parser.add_argument("--parent", type=int, help="end when this process is gone or closes stdin")
    options = parser.parse_args(arguments)
    return serve(
        options.job,
        options.parent,
        lambda progress, channel: _work(JobFolder(options.job), pipeline, progress, channel),
    )


def serve(folder: Path, parent: int | None, work: Callable[[ProgressReporter, Channel], None]) -> int:
    """Do work that tells of itself on standard output, at last how it ended; returns the exit code.

    Args:
        folder: Where the work writes to.
        parent: End when this process is gone or closes stdin; None: never.
        work: Called with what to tell of its progress, and the channel for warnings.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    with private_stdout() as stdout:
        channel = Channel(stdout)
        cancellation = Cancellation(channel)
        cancellation.on_signals()
        if parent is not None:
            cancellation.on_parent(parent)
        progress = ProgressReporter(channel, cancellation)
        try:
            progress("worker", 0, 1)
            work(progress, channel)
        except BaseException as exception:
            error = _told(exception, folder)
            if not isinstance(error, CancelledError | RefusedError):
                log.exception("the capture failed")
            channel.send(Failed(error))
            return int(error.exit_code)
        channel.send(Done())
        return int(ExitCode.DONE)


def _default_pipeline() -> Pipeline:
    from .pipeline import run

    return run


def _work(job: JobFolder, pipeline: Pipeline | None, progress: ProgressReporter, channel: Channel) -> None:
    request = job.load_request()
    rig = job.load_rig()
    views = job.load_views()
    run = pipeline or _default_pipeline()
    try:
        solution, measurements, warnings = run(request, rig, job, progress)
    except RefusedError as refused:
        reason = [*rig.warnings, refused.message]
        _write_report(job, build_refusal(request, rig, views, refused, progress.seconds(), reason))
        raise
    progress("write", 0, 1)
    for text in warnings:
        channel.send(Warned(text))
    with replacing_file(job.solution_path) as temporary:
        solution.save(temporary)
    report = build_report(
        request, rig, views, solution, measurements, progress.seconds(), [*rig.warnings, *warnings]
    )
    _write_report(job, report)
    progress("write", 1, 1)


def _write_report(job: JobFolder, report: dict[str, object]) -> None:
    with replacing_file(job.report_path) as temporary:
        temporary.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _told(exception: BaseException, job: Path) -> CaptureError:
    """The exception in the user's words."""
    if isinstance(exception, CaptureError):
        return exception
    if isinstance(exception, KeyboardInterrupt):
        return CancelledError()
    if isinstance(exception, MemoryError) or "out of memory" in str(exception).lower():
        return CaptureError(
            "The capture ran out of memory.",
            "Use a shorter part of the video, a lower quality, or close other programs.",
            code="out_of_memory",
        )
    if isinstance(exception, OSError) and exception.errno in (errno.ENOSPC, errno.EDQUOT):
        return writing_error(exception, Path(exception.filename or job))
    if isinstance(exception, ImportError):
        return CaptureError(
            f"A library of the capture's Python cannot be loaded: {exception}.",
            f"Check the environment of {sys.executable}.",
            code="python_broken",
        )
    return CaptureError(
        f"The capture failed: {type(exception).__name__}: {exception}",
        "This is a fault of the extension. Please report it with the log.",
        code="internal",
    )
