# SPDX-License-Identifier: GPL-3.0-or-later
"""What every way of reading a video hands out, and the sizes it works at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..jobs.errors import BadInputError

MIN_SIDE = 32
"""The shorter side of the smallest video accepted, pixels: below it no limb is a pixel wide."""


@dataclass(frozen=True)
class VideoInfo:
    """What a video is, before it is read."""

    width: int
    height: int
    """Pixels as shown: after rotation flag and pixel aspect ratio, before any reduction."""
    frame_rate: float
    """Frames per second, the average where it varies."""
    duration: float
    """Seconds, estimated where the file does not say."""
    frame_count: int
    """Estimated from the headers; decoding may yield a few more or less."""
    has_alpha: bool
    """The first frame has transparent pixels."""


@dataclass(frozen=True, eq=False)
class VideoFrame:
    """One decoded frame."""

    index: int
    """Position in the whole video. After a seek it is the time times the frame rate, rounded."""
    time: float
    """Seconds since the video's first frame."""
    rgb: NDArray[np.uint8]
    """(H, W, 3) at working size."""
    alpha: NDArray[np.uint8] | None
    """(H, W), None where the file has none."""


def working_size(width: int, height: int, max_side: int) -> tuple[int, int]:
    """Width and height reduced in proportion so that neither exceeds ``max_side``. Never enlarged."""
    scale = min(1.0, max_side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def has_transparency(alpha: NDArray[np.uint8] | None) -> bool:
    """Whether an alpha channel says anything: many files carry one that is opaque everywhere."""
    return alpha is not None and bool((alpha < 128).any()) and bool((alpha >= 128).any())


def no_frames(name: str) -> BadInputError:
    """The error for a video in which nothing can be decoded."""
    return BadInputError(
        f"No picture can be decoded from the video {name}.",
        "Export it again, e.g. as MP4 (H.264).",
        code="video_no_frames",
    )
