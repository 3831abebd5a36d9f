# SPDX-License-Identifier: GPL-3.0-or-later
"""The video with what was cut out of it: for the user to see whether it is the right one, and all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from ...fit.crop import Crop
from ...fit.video_writer import VideoWriter
from ..video_frame import VideoInfo, working_size
from .candidates import OUTLINE
from .window import Homography

LONGEST_SIDE = 640
"""Of the video, pixels."""

TINT = 0.2
"""Share of the outline's colour in the subject's."""

CUT_OFF = (235, 40, 40)
BAR = 0.02
"""Width of the bar along a border at which the subject is cut off, share of the longest side."""

PALE = 0.35
"""What is left of the colours of a frame without subject."""

NO_SUBJECT = "no subject"
SUBPIXEL = 4
"""Bits of a pixel's fraction in cv2's drawing."""


class MaskVideo:
    """Draws frame by frame; a context manager, after which the file is whole.

    Args:
        path: Where, an .mp4.
        info: The video.
    """

    def __init__(self, path: Path, info: VideoInfo) -> None:
        width, height = working_size(info.width, info.height, LONGEST_SIDE)
        self._size = width + width % 2, height + height % 2
        self._info = info
        self._writer = VideoWriter(path, *self._size, info.frame_rate)

    def add(
        self,
        rgb: NDArray[np.uint8],
        mask: NDArray[np.uint8],
        crop: Crop,
        to_frame: Homography | None,
        cut_off: NDArray[np.bool_],
    ) -> None:
        """Append a frame.

        Args:
            rgb: (H, W, 3), may be smaller than the source.
            mask: (n, n) 255 on the subject.
            crop: Its window, source pixels.
            to_frame: (3, 3) from the window's pixels to the frame's own; None: they are the same.
            cut_off: (4,) the subject is cut off at the left, top, right, bottom border.
        """
        image = np.asarray(cv2.resize(rgb, self._size, interpolation=cv2.INTER_AREA), np.uint8)
        outlines = self._outlines(mask, crop, to_frame)
        if outlines:
            self._draw_subject(image, outlines)
        else:
            grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]
            image = (PALE * image + (1.0 - PALE) * (0.5 * grey + 64.0)).astype(np.uint8)
            scale = self._size[0] / 480.0
            at = round(12 * scale), round(24 * scale)
            cv2.putText(image, NO_SUBJECT, at, cv2.FONT_HERSHEY_SIMPLEX, 0.6 * scale, OUTLINE, 1, cv2.LINE_AA)
        self._draw_bars(image, cut_off)
        self._writer.add(image)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._writer.__exit__(*exception)  # type: ignore[arg-type]

    def _outlines(
        self, mask: NDArray[np.uint8], crop: Crop, to_frame: Homography | None
    ) -> list[NDArray[np.int32]]:
        """Curves (k, 1, 2) in the drawn image, in fractions of a pixel."""
        curves, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        factor = np.array(self._size) / (self._info.width, self._info.height)
        drawn = []
        for curve in curves:
            points = crop.to_image(curve.astype(np.float64))
            if to_frame is not None:
                points = np.asarray(cv2.perspectiveTransform(points, to_frame), np.float64)
            places = (points + 0.5) * factor - 0.5
            drawn.append(np.round(places * (1 << SUBPIXEL)).astype(np.int32))
        return drawn

    def _draw_subject(self, image: NDArray[np.uint8], outlines: list[NDArray[np.int32]]) -> None:
        tinted = image.copy()
        cv2.fillPoly(tinted, outlines, OUTLINE, cv2.LINE_8, SUBPIXEL)
        cv2.addWeighted(tinted, TINT, image, 1.0 - TINT, 0.0, dst=image)
        cv2.polylines(image, outlines, True, OUTLINE, 1, cv2.LINE_AA, SUBPIXEL)

    def _draw_bars(self, image: NDArray[np.uint8], cut_off: NDArray[np.bool_]) -> None:
        width = max(2, round(BAR * max(self._size)))
        bars = (np.s_[:, :width], np.s_[:width], np.s_[:, -width:], np.s_[-width:])
        for bar, is_cut in zip(bars, cut_off.tolist(), strict=True):
            if is_cut:
                image[bar] = CUT_OFF
