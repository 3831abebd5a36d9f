# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks of a film by a segmenter that sees whole pictures one by one, in a folder as a user brings it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.jobs.files import replacing_file
from mocapanything_addon.worker import video
from training.teacher import Teacher

HALF = 127
"""Of 255: what the segmenter marks more strongly is the subject."""
Cut = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
"""A picture (H, W, 3) to what stands out in it (H, W), 255, soft."""


def write_masks(film: Path, folder: Path, cut: Cut) -> None:
    """One image a frame, white on the subject. Those that are there already are kept: they took long."""
    folder.mkdir(parents=True, exist_ok=True)
    for frame in video.frames(film):
        path = folder / f"{frame.index:05d}.png"
        if path.exists():
            continue
        mask = np.where(cut(frame.rgb) > HALF, 255, 0).astype(np.uint8)
        with replacing_file(path) as temporary:
            cv2.imwrite(str(temporary), mask)


def cut_by_teacher(package: Path, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A :data:`Cut`, but for the folder of the teacher's package; loads it with the first picture."""
    return _teacher(package).mask(rgb)


@cache
def _teacher(package: Path) -> Teacher:
    return Teacher(package)
