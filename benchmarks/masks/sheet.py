# SPDX-License-Identifier: GPL-3.0-or-later
"""Every video of a folder with what was cut out of it, on one picture, to be looked at."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.jobs.settings import CaptureSettings
from mocapanything_addon.worker import video
from mocapanything_addon.worker.subject.clip import make_clip

COLUMNS = 8
"""Frames of a video."""
WIDTH = 240
HEADING = 18
Picture = NDArray[np.uint8]


def write_sheet(videos: list[Path], scratch: Path, path: Path, settings: CaptureSettings) -> None:
    """One row a video, as the mask's video in the job folder shows it.

    Args:
        videos: Video files.
        scratch: An existing folder for what is needed meanwhile.
        path: The picture.
        settings: Of the captures.
    """
    rows: list[Picture] = []
    for number, source in enumerate(videos):
        folder = scratch / str(number)
        folder.mkdir()
        found = make_clip(source, settings, folder, lambda *_: None, preview=folder / "mask.mp4")
        print(source.name, *found.warnings, sep="\n    ", file=sys.stderr, flush=True)
        rows.append(_row(source.stem, folder / "mask.mp4", found.clip.frame_count))
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))


def _row(name: str, path: Path, count: int) -> Picture:
    chosen = set(np.linspace(0, count - 1, COLUMNS).astype(int).tolist())
    images = [frame.rgb for index, frame in enumerate(video.frames(path)) if index in chosen]
    images += [np.zeros_like(images[0])] * (COLUMNS - len(images))
    height = round(WIDTH * images[0].shape[0] / images[0].shape[1])
    shown = [cv2.resize(image, (WIDTH, height), interpolation=cv2.INTER_AREA) for image in images]
    heading = np.full((HEADING, COLUMNS * WIDTH, 3), 255, np.uint8)
    cv2.putText(
        heading, name, (4, HEADING - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0.0, 0.0, 0.0), 1, cv2.LINE_AA
    )
    return np.vstack([heading, np.hstack(shown)])
