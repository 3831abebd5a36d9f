# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks that somebody else made: a video, a folder of images, or the video's own alpha."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ...jobs.errors import BadInputError
from .. import video
from ..video_frame import VideoFrame


class GivenMasks:
    """Masks read alongside the video, in its order.

    A folder is matched by number: image 0 belongs to the video's frame 0. A video is matched by time, to the
    nearest frame. Use ``mask_for`` with rising frames only; memory stays at two masks.
    """

    def __init__(self, path: str | Path, video_rate: float) -> None:
        self._path = Path(path)
        self._by_number = self._path.is_dir()
        try:
            self._rate = video.probe(self._path).frame_rate
        except BadInputError as error:
            raise BadInputError(
                f"The mask cannot be used: {error.message}", error.hint, code=f"mask_{error.code}"
            ) from error
        self._video_rate = video_rate
        self._masks: Iterator[VideoFrame] = video.frames(self._path)
        self._current: VideoFrame | None = next(self._masks)
        self._next: VideoFrame | None = next(self._masks, None)

    def mask_for(self, frame: VideoFrame) -> NDArray[np.uint8] | None:
        """(H, W) 255 on the subject, at the frame's size; None once the masks have ended."""
        wanted = frame.index / self._rate if self._by_number else frame.time
        while (
            self._current is not None
            and self._next is not None
            and abs(self._next.time - wanted) <= abs(self._current.time - wanted)
        ):
            self._current, self._next = self._next, next(self._masks, None)
        if self._current is None or abs(self._current.time - wanted) > 0.75 / min(
            self._rate, self._video_rate
        ):
            return None
        return mask_of(self._current, frame.rgb.shape[:2])


def mask_of(frame: VideoFrame, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """A mask frame as (H, W) of 0 and 255: its alpha where it has any, else its brightness."""
    levels = frame.alpha if frame.alpha is not None and frame.alpha.min() < 128 else frame.rgb.max(axis=2)
    if levels.max() == 1:
        levels = levels * np.uint8(255)  # one-bit images of some tools say 1 for white
    if levels.shape != shape[:2]:
        levels = np.asarray(cv2.resize(levels, shape[1::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
    return np.where(levels > 127, 255, 0).astype(np.uint8)
