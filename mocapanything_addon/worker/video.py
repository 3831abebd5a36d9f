# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a video, an animation or an image sequence as a stream of frames with their true times.

``probe`` says what a path holds, ``frames`` streams it. Both take a video file (anything FFmpeg decodes: MP4,
MOV, MKV, AVI, WebM, GIF, ...), an animated WebP, a single image, or a folder of images in natural order.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from ..jobs.errors import BadInputError
from .video_file import FileSource
from .video_frame import MIN_SIDE, VideoFrame, VideoInfo
from .video_images import IMAGE_SUFFIXES, ImagesSource
from .video_webp import WebpSource

__all__ = ["VideoFrame", "VideoInfo", "frames", "probe"]

WORKING_SIDE = 1280
"""Longest side of the frames handed out, pixels. Larger ones are reduced while they are decoded."""

TIME_SLACK = 1e-6
"""Seconds by which a frame may miss the chosen range and still count as inside."""


class Source(Protocol):
    """One way to read frames."""

    def probe(self) -> VideoInfo: ...

    def frames(
        self, start_seconds: float, end_seconds: float | None, max_side: int, warn: Callable[[str], None]
    ) -> Iterator[VideoFrame]: ...


def probe(path: str | Path) -> VideoInfo:
    """What ``path`` holds, from its headers and its first frame.

    Raises:
        BadInputError: ``video_missing``, ``video_empty``, ``video_unreadable``, ``video_no_picture`` (sound
            only), ``video_no_frames``, ``video_no_images`` (a folder without any), ``video_too_small``.
    """
    path = Path(path)
    info = _source(path).probe()
    if min(info.width, info.height) < MIN_SIDE:
        raise BadInputError(
            f"The video {path.name} is {info.width} x {info.height} pixels, too small to see a body move.",
            f"Use one of at least {MIN_SIDE} x {MIN_SIDE} pixels.",
            code="video_too_small",
        )
    return info


def frames(
    path: str | Path,
    start_seconds: float | None = None,
    end_seconds: float | None = None,
    *,
    max_side: int = WORKING_SIDE,
    warn: Callable[[str], None] = lambda message: None,
) -> Iterator[VideoFrame]:
    """The frames of ``path`` whose times lie in [start_seconds, end_seconds], one after the other.

    Only one decoded frame is held, however long the video is. Times rise strictly: what the file has missing,
    doubled or out of order is repaired and said through ``warn``, as is a file that ends early.

    Args:
        path: As for ``probe``.
        start_seconds: First moment, counted from the video's first frame; None: its beginning.
        end_seconds: Last moment; None: its end.
        max_side: Frames whose longer side exceeds it are reduced to it, pixels.
        warn: Called with a sentence about each thing that is wrong with the file but can be lived with.

    Raises:
        BadInputError: As ``probe``; ``video_truncated`` when a broken file yields next to nothing;
            ``bad_range`` when the range holds no frame.
    """
    path = Path(path)
    source = _source(path)
    last: float | None = None
    start = start_seconds or 0.0
    for frame in source.frames(start, end_seconds, max_side, warn):
        if frame.time < start - TIME_SLACK:
            continue
        if end_seconds is not None and frame.time > end_seconds + TIME_SLACK:
            break
        last = frame.time
        yield frame
    if last is None:
        raise BadInputError(
            f"The chosen range of {path.name} holds no frame.",
            f"The video lasts {source.probe().duration:.2f} seconds.",
            code="bad_range",
        )


def _source(path: Path) -> Source:
    if not path.exists():
        raise BadInputError(f"The video {path} does not exist.", "Check the path.", code="video_missing")
    if not os.access(path, os.R_OK):
        raise BadInputError(
            f"The video {path} may not be read.", "Check its file permissions.", code="video_unreadable"
        )
    if path.is_dir():
        return ImagesSource.from_folder(path)
    if path.stat().st_size == 0:
        raise BadInputError(f"The video {path} is empty (0 bytes).", "Copy it again.", code="video_empty")
    suffix = path.suffix.lower()
    if suffix == ".webp":
        return WebpSource(path)
    if suffix in IMAGE_SUFFIXES:
        return ImagesSource([path])
    return FileSource(path)
