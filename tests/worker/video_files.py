# SPDX-License-Identifier: GPL-3.0-or-later
"""Small videos with known content, written by the tests that read them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray


def write_video(
    path: Path,
    images: Sequence[NDArray[np.uint8]],
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv444p",
    rate: int = 24,
    times: Sequence[float] | None = None,
    rotation: int = 0,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Encode RGB or RGBA images; ``times`` in seconds make the frame rate vary."""
    with av.open(f"file:{path}", "w", container_options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pixel_format
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            stream.set_display_rotation(rotation)
        for index, image in enumerate(images):
            layout = "rgba" if image.shape[2] == 4 else "rgb24"
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format=layout)
            frame = frame.reformat(format=pixel_format)
            if times is not None:
                frame.time_base = Fraction(1, 1000)
                frame.pts = round(times[index] * 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def numbered(count: int, width: int = 64, height: int = 48) -> list[NDArray[np.uint8]]:
    """Flat frames whose red channel tells their number: 20, 30, ...; the left half is brighter in green."""
    images = []
    for index in range(count):
        image = np.full((height, width, 3), (20 + 10 * index, 60, 90), np.uint8)
        image[:, : width // 2, 1] = 200
        images.append(image)
    return images


def number_of(image: NDArray[np.uint8]) -> int:
    """The number of a frame made by ``numbered``."""
    return round((float(image[..., 0].mean()) - 20) / 10)


def texture(height: int, width: int, seed: int, low: int, high: int, cell: int = 4) -> NDArray[np.uint8]:
    """(height, width, 3) smooth random colours between ``low`` and ``high``."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(low, high, (height // cell + 2, width // cell + 2, 3)).astype(np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def creature(
    width: int, height: int, center: tuple[float, float], phase: float, size: float
) -> NDArray[np.uint8]:
    """(height, width) mask of an ellipse with a head, a thin tail and four thin swinging legs."""
    mask = np.zeros((height, width), np.uint8)
    x, y = center

    def point(u: float, v: float) -> tuple[int, int]:
        return round((x + u * size) * 16), round((y + v * size) * 16)

    def line(a: tuple[float, float], b: tuple[float, float], thickness: float) -> None:
        cv2.line(mask, point(*a), point(*b), 255, max(2, round(thickness * size)), cv2.LINE_AA, 4)

    cv2.ellipse(
        mask, point(0, 0), (round(size * 16), round(size * 0.45 * 16)), 0, 0, 360, 255, -1, cv2.LINE_AA, 4
    )
    cv2.circle(mask, point(1.1, -0.45), round(0.32 * size * 16), 255, -1, cv2.LINE_AA, 4)
    line((-0.9, -0.1), (-1.6, -0.5), 0.1)
    for leg, u in enumerate((-0.7, -0.5, 0.5, 0.7)):
        swing = 0.35 * np.sin(phase + leg * np.pi / 2)
        line((u, 0.2), (u + swing, 1.1), 0.16)
    return np.where(mask > 127, 255, 0).astype(np.uint8)
