# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw the result over the video: the mesh's outline, and the joints coloured by how sure they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..ik.camera import Camera
from ..ik.kinematics import State, forward
from ..ik.motion import Motion
from .body import Body
from .clip import SubjectClip
from .crop import Crop
from .problem import Progress
from .video_writer import VideoWriter

STAGE = "overlay"
SIZE = 512
"""Pixels a side of the video."""
SUBPIXEL = 4
"""Bits of a pixel's fraction in cv2's drawing."""
OUTLINE = (80, 230, 255)
TINT = 0.25
SURE, UNSURE = np.array([60.0, 220.0, 90.0]), np.array([235.0, 70.0, 60.0])


def overlay_frames(
    body: Body, clip: SubjectClip, camera: Camera, motion: Motion, confidence: NDArray[np.floating]
) -> Iterator[NDArray[np.uint8]]:
    """One RGB image (SIZE, SIZE, 3) a frame.

    Args:
        body: The character.
        clip: What was filmed.
        camera: As fitted.
        motion: T frames.
        confidence: (T, J) 0 to 1.
    """
    pose = forward(body.skeleton, motion)
    state = State(body.skeleton, motion)
    for t in range(motion.frame_count):
        source = clip.crops[t]
        crop = Crop(source.left, source.top, source.side, SIZE)
        color = np.ascontiguousarray(clip.color[t])
        image = np.asarray(cv2.resize(color, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR), np.uint8)
        mask = body.render(body.skin.at(state, t).vertices, camera, crop).mask.astype(np.uint8)
        tinted = image[mask > 0] * (1.0 - TINT) + np.array(OUTLINE) * TINT
        image[mask > 0] = tinted.astype(np.uint8)
        curves, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(image, curves, -1, OUTLINE, 1, cv2.LINE_AA)
        _draw_joints(image, body, crop.to_crop(camera.project(pose.positions[t])), confidence[t])
        yield image


def write_overlay(
    path: Path,
    body: Body,
    clip: SubjectClip,
    camera: Camera,
    motion: Motion,
    confidence: NDArray[np.floating],
    progress: Progress,
) -> None:
    """Write the overlay as an H.264 video at the clip's own rate."""
    with VideoWriter(path, SIZE, SIZE, clip.frame_rate) as writer:
        for t, image in enumerate(overlay_frames(body, clip, camera, motion, confidence)):
            progress(STAGE, t, motion.frame_count)
            writer.add(image)


def _draw_joints(
    image: NDArray[np.uint8], body: Body, places: NDArray[np.float64], confidence: NDArray[np.floating]
) -> None:
    points = np.round(np.clip(places, -4 * SIZE, 4 * SIZE) * (1 << SUBPIXEL)).astype(int)
    sure = np.clip(np.nan_to_num(confidence), 0.0, 1.0)[:, None]
    colors = (sure * SURE + (1.0 - sure) * UNSURE).tolist()
    for joint, parent in enumerate(body.skeleton.parents):
        if parent >= 0:
            cv2.line(
                image,
                points[parent].tolist(),
                points[joint].tolist(),
                colors[parent],
                1,
                cv2.LINE_AA,
                SUBPIXEL,
            )
    for joint, color in enumerate(colors):
        if not body.rig.is_tail[joint]:
            cv2.circle(image, points[joint].tolist(), 3 << SUBPIXEL, color, -1, cv2.LINE_AA, SUBPIXEL)
