# SPDX-License-Identifier: GPL-3.0-or-later
"""Write pictures as a video that every player shows: H.264, where FFmpeg has an encoder for it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Self, cast

import av
import numpy as np
from numpy.typing import NDArray

ENCODERS = ("libx264", "libopenh264", "mpeg4")
"""The first that is there; the last is part of every FFmpeg."""

LIBX264_OPTIONS = {"crf": "20", "preset": "veryfast"}
"""A third of the default preset's time, for files that are a little larger."""


class VideoWriter:
    """A video that grows frame by frame; a context manager, after which the file is whole.

    Args:
        path: Where; its suffix says the container.
        width: Even, pixels.
        height: Even, pixels.
        frame_rate: Frames per second.
    """

    def __init__(self, path: Path, width: int, height: int, frame_rate: float) -> None:
        self._container = av.open(str(path), "w")
        rate = Fraction(max(frame_rate, 1.0)).limit_denominator(1001)
        encoder = next(name for name in ENCODERS if name in av.codecs_available)
        options = LIBX264_OPTIONS if encoder == "libx264" else {}
        stream = self._container.add_stream(encoder, rate=rate, options=options)
        self._stream = cast(av.VideoStream, stream)
        self._stream.width, self._stream.height = width, height
        self._stream.pix_fmt = "yuv420p"

    def add(self, image: NDArray[np.uint8]) -> None:
        """Append an RGB image (height, width, 3)."""
        self._container.mux(self._stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._container.mux(self._stream.encode())
        finally:
            self._container.close()
