# SPDX-License-Identifier: GPL-3.0-or-later
"""WebP, still or animated. FFmpeg's decoder leaves animated ones out, Pillow composes them frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ..jobs.errors import BadInputError
from .video_frame import VideoFrame, VideoInfo, has_transparency, no_frames, working_size

STILL_FRAME_RATE = 24.0
"""Frames per second said of a file with a single frame."""


class WebpSource:
    """A WebP file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def probe(self) -> VideoInfo:
        image = self._open()
        alpha = self._alpha(image)
        count = image.n_frames  # type: ignore[attr-defined]
        durations = []
        for index in range(count):
            image.seek(index)
            image.load()
            durations.append(_duration(image))
        duration = sum(durations)
        return VideoInfo(
            width=image.width,
            height=image.height,
            frame_rate=count / duration if count > 1 else STILL_FRAME_RATE,
            duration=duration,
            frame_count=count,
            has_alpha=has_transparency(alpha),
        )

    def frames(
        self, start_seconds: float, end_seconds: float | None, max_side: int, warn: Callable[[str], None]
    ) -> Iterator[VideoFrame]:
        image = self._open()
        size = working_size(image.width, image.height, max_side)
        time = 0.0
        for index in range(image.n_frames):  # type: ignore[attr-defined]
            try:
                image.seek(index)
                rgba = np.asarray(image.convert("RGBA"))
            except (OSError, EOFError):
                if index == 0:
                    raise no_frames(self._path.name) from None
                warn(f"The file {self._path.name} is damaged from frame {index} on and used up to there.")
                return
            if end_seconds is not None and time > end_seconds + 1e-6:
                return
            if time >= start_seconds - 1e-6:
                if size != (image.width, image.height):
                    rgba = cv2.resize(rgba, size, interpolation=cv2.INTER_AREA)
                alpha = np.ascontiguousarray(rgba[:, :, 3]) if "A" in image.mode else None
                yield VideoFrame(index, time, np.ascontiguousarray(rgba[:, :, :3]), alpha)
            time += _duration(image)

    def _open(self) -> Image.Image:
        try:
            return Image.open(self._path, formats=("WEBP",))
        except OSError as error:
            raise BadInputError(
                f"The file {self._path} is not a WebP image.", "Export it again.", code="video_unreadable"
            ) from error

    def _alpha(self, image: Image.Image) -> np.ndarray | None:
        try:
            return np.asarray(image.convert("RGBA"))[:, :, 3] if "A" in image.mode else None
        except (OSError, EOFError):
            raise no_frames(self._path.name) from None


def _duration(image: Image.Image) -> float:
    """Seconds the current frame is shown; like browsers, read next to nothing as a tenth of a second."""
    milliseconds = float(image.info.get("duration", 0.0))
    return (milliseconds if milliseconds > 10.0 else 100.0) / 1000.0
