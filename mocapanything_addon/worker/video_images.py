# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of images, or one image, read as a video."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..jobs.errors import BadInputError
from .video_frame import VideoFrame, VideoInfo, has_transparency, no_frames, working_size

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})

SEQUENCE_FRAME_RATE = 24.0
"""Frames per second of image files, which carry no time of their own: Blender's default."""


class ImagesSource:
    """Images in the order of their names, one frame each, ``SEQUENCE_FRAME_RATE`` apart."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = list(paths)

    @classmethod
    def from_folder(cls, folder: Path) -> ImagesSource:
        try:
            found = [
                p
                for p in folder.iterdir()
                if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith(".")
            ]
        except OSError as error:
            raise BadInputError(
                f"The folder {folder} cannot be read: {error.strerror}.", code="video_unreadable"
            ) from error
        if not found:
            kinds = ", ".join(sorted(s[1:] for s in IMAGE_SUFFIXES))
            raise BadInputError(
                f"The folder {folder} holds no images.",
                f"An image sequence is a folder with one file a frame ({kinds}).",
                code="video_no_images",
            )
        return cls(sorted(found, key=natural_key))

    def probe(self) -> VideoInfo:
        image = self._first_readable()
        _, alpha = split_alpha(image)
        count = len(self._paths)
        return VideoInfo(
            width=image.shape[1],
            height=image.shape[0],
            frame_rate=SEQUENCE_FRAME_RATE,
            duration=count / SEQUENCE_FRAME_RATE,
            frame_count=count,
            has_alpha=has_transparency(alpha),
        )

    def frames(
        self, start_seconds: float, end_seconds: float | None, max_side: int, warn: Callable[[str], None]
    ) -> Iterator[VideoFrame]:
        first = self._first_readable()
        size = working_size(first.shape[1], first.shape[0], max_side)
        shape = first.shape[:2]
        del first
        unreadable: list[str] = []
        resized = 0
        for index, path in enumerate(self._paths):
            time = index / SEQUENCE_FRAME_RATE
            if time < start_seconds - 1e-6:
                continue
            if end_seconds is not None and time > end_seconds + 1e-6:
                break
            image = read_image(path)
            if image is None:
                unreadable.append(path.name)
                continue
            resized += image.shape[:2] != shape
            if (image.shape[1], image.shape[0]) != size:
                image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
            rgb, alpha = split_alpha(image)
            yield VideoFrame(index, time, rgb, alpha)
        if unreadable:
            warn(
                f"{len(unreadable)} images could not be read and were left out, the first is {unreadable[0]}."
            )
        if resized:
            warn(f"{resized} images have another size than the first one and were scaled to it.")

    def _first_readable(self) -> NDArray[np.uint8]:
        for path in self._paths:
            image = read_image(path)
            if image is not None:
                return image
        raise no_frames(self._paths[0].name)


def natural_key(path: Path) -> list[tuple[int, int, str]]:
    """Sort key that puts ``frame2`` before ``frame10``."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts if p]


def read_image(path: Path) -> NDArray[np.uint8] | None:
    """(H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA as 8 bits a channel; None if it is no image."""
    try:
        data = np.fromfile(path, np.uint8)  # cv2.imread cannot open every file name on every system
    except OSError:
        return None
    if not data.size:
        return None
    # A photo's orientation tag is only honoured where alpha is given up, and only JPEG photos carry one.
    flag = cv2.IMREAD_COLOR if path.suffix.lower() in {".jpg", ".jpeg"} else cv2.IMREAD_UNCHANGED
    image: NDArray[Any] | None = cv2.imdecode(data, flag)
    if image is None:
        return None
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    elif image.dtype != np.uint8:
        image = (np.clip(image, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    if image.ndim == 3 and image.shape[2] == 4:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA), np.uint8)
    if image.ndim == 3 and image.shape[2] == 3:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
    return np.ascontiguousarray(image if image.ndim == 2 else image[:, :, 0], np.uint8)


def split_alpha(image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """RGB and alpha of what ``read_image`` returns."""
    if image.ndim == 2:
        return np.repeat(image[:, :, None], 3, axis=2), None
    if image.shape[2] == 4:
        return np.ascontiguousarray(image[:, :, :3]), np.ascontiguousarray(image[:, :, 3])
    return image, None
