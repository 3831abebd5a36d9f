# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of a video for the user to point at: ``--stills VIDEO FOLDER``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ..jobs.errors import BadInputError
from ..jobs.stills import Still, Stills
from . import video
from .process import Progress, serve
from .video_frame import VideoFrame, VideoInfo

MOST = 48
"""Pictures of one video."""

READ_THROUGH = 600
"""Frames up to which all are decoded; in a longer video each moment is looked for by itself."""

JPEG_QUALITY = 90
STAGE = "decode"


def main(arguments: Sequence[str]) -> int:
    """Write the pictures named in ``arguments``; returns the exit code."""
    parser = argparse.ArgumentParser(prog="worker --stills", description=__doc__)
    parser.add_argument("video", type=Path)
    parser.add_argument("folder", type=Path, help="an existing folder")
    parser.add_argument("--start", type=float, help="first moment, seconds")
    parser.add_argument("--end", type=float, help="last moment, seconds")
    parser.add_argument("--parent", type=int, help="end when this process is gone or closes stdin")
    options = parser.parse_args(arguments)
    return serve(
        options.folder,
        options.parent,
        lambda progress, _: write_stills(
            options.video, options.folder, options.start, options.end, progress
        ).save(),
    )


def write_stills(
    path: Path, folder: Path, start_seconds: float | None, end_seconds: float | None, progress: Progress
) -> Stills:
    """Write frames, evenly over a part of a video, as JPEG pictures.

    Args:
        path: Video file, animation or folder of images.
        folder: An existing folder.
        start_seconds: First moment; None: the beginning.
        end_seconds: Last moment; None: the end.
        progress: Called with (stage, done, total).

    Raises:
        BadInputError: As ``video.frames``.
    """
    info = video.probe(path)
    start = start_seconds or 0.0
    end = info.duration if end_seconds is None else min(end_seconds, info.duration)
    stills: list[Still] = []
    for frame in _chosen(path, info, start, end):
        picture = f"{len(stills)}.jpg"
        Image.fromarray(frame.rgb).save(folder / picture, quality=JPEG_QUALITY)
        stills.append(Still(picture, frame.time))
        progress(STAGE, min(len(stills), MOST), MOST)
    return Stills(folder, info.width, info.height, tuple(stills))


def _chosen(path: Path, info: VideoInfo, start: float, end: float) -> Iterator[VideoFrame]:
    count = max(1, round((end - start) * info.frame_rate))
    if count <= READ_THROUGH:
        every = -(-count // MOST)
        for number, frame in enumerate(video.frames(path, start, end)):
            if number % every == 0:
                yield frame
        return
    before = -1.0
    for moment in np.linspace(start, end - 1.0 / info.frame_rate, MOST):
        try:
            found = next(video.frames(path, float(moment), None))
        except BadInputError:
            if before < 0.0:
                raise
            return  # the video ends before its headers say so
        if found.time > before:
            before = found.time
            yield found
