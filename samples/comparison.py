# SPDX-License-Identifier: GPL-3.0-or-later
"""The input video beside the animated character: from the video's camera, and from the side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik.camera import Camera

from .evaluated import Evaluated
from .render import Photographer, frame_points
from .scenery import Studio

Frame = NDArray[np.uint8]
BAR = 28
"""Height of the strip with the label, pixels."""
PANEL_HEIGHT = 360
SIDE_DEGREES = 75.0
"""How far around the character the second view stands."""


def comparison_frames(video: Path, shown: Evaluated, camera: Camera) -> Iterator[Frame]:
    """Frames (H, W, 3) of three panels side by side.

    Args:
        video: The input.
        shown: The character as the .blend plays it.
        camera: Where the capture says the video's camera was, armature space.
    """
    scale = PANEL_HEIGHT / camera.height
    width = 2 * round(0.5 * camera.width * scale)
    same = replace(camera, focal=camera.focal * scale, width=width, height=PANEL_HEIGHT)
    side = _side_camera(shown, camera, width)
    size = float(np.ptp(shown.vertices[0], axis=0).max())
    place = Studio(tile=0.25 * size, floor=float(np.percentile(shown.vertices[..., 2].min(axis=1), 10.0)))
    photographers = [Photographer(shown.faces, shown.colors, place, film_noise=0.0) for _ in range(2)]
    labels = ("Input video", "Animated character, same camera", "Animated character, from the side")
    for t, image in enumerate(_video_at(video, shown.times)):
        smaller = cv2.resize(image, (width, PANEL_HEIGHT), interpolation=cv2.INTER_AREA)
        panels: list[Frame] = [np.asarray(smaller, np.uint8)]
        for photographer, view in zip(photographers, (same, side), strict=True):
            panels.append(photographer.photograph(shown.vertices[t], view)[0])
        yield np.hstack([_labelled(p, label) for p, label in zip(panels, labels, strict=True)])


def _side_camera(shown: Evaluated, camera: Camera, width: int) -> Camera:
    """Level with the character, around it from the given camera, with the whole motion in view."""
    ahead = camera.rotation[2]
    around = np.degrees(np.arctan2(-ahead[0], ahead[1]))
    points = shown.vertices[:, ::17].reshape(-1, 3).astype(np.float64)
    return frame_points(
        points,
        azimuth=float(around) + SIDE_DEGREES,
        elevation=10.0,
        fov=35.0,
        width=width,
        height=PANEL_HEIGHT,
    )


def _video_at(video: Path, times: NDArray[np.float64]) -> Iterator[Frame]:
    """The frame that the video shows at each of these increasing times, seconds since its first frame."""
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        frames = container.decode(stream)
        current = next(frames)
        first = float(current.time)
        following = next(frames, None)
        for time in times:
            # Half a millisecond: scene frames and presentation times are rounded differently.
            while following is not None and float(following.time) - first <= time + 5e-4:
                current, following = following, next(frames, None)
            yield current.to_ndarray(format="rgb24").astype(np.uint8, copy=False)


def _labelled(image: Frame, text: str) -> Frame:
    bar = np.full((BAR, image.shape[1], 3), 32, np.uint8)
    cv2.putText(bar, text, (10, BAR - 9), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (235, 235, 235), 1, cv2.LINE_AA)
    return np.vstack([bar, image])
