# SPDX-License-Identifier: GPL-3.0-or-later
"""What a figure does not say: the capture over the film, and beside the truth from where nobody filmed."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.fit.crop import Crop
from mocapanything_addon.fit.overlay import overlay_frames
from mocapanything_addon.fit.problem import Problem
from mocapanything_addon.ik import rotations
from mocapanything_addon.ik.camera import Camera
from mocapanything_addon.ik.kinematics import State
from mocapanything_addon.ik.motion import Motion

from .filming import Case

MOMENTS = (0.03, 0.3, 0.62, 0.95)
"""Of the clip; uneven, for a gait must not be caught in the same phase every time."""
SIZE = 256
TRUE, FOUND = (225, 225, 225), (240, 130, 40)


def draw(path: Path, problem: Problem, motion: Motion, case: Case) -> None:
    """Some frames with the capture's outline; below, truth (light) and capture (orange) from the side."""
    body, clip = problem.body, case.clip
    frames = (np.array(MOMENTS) * (motion.frame_count - 1)).astype(int)
    sure = np.ones((motion.frame_count, body.skeleton.joint_count))
    drawn = list(overlay_frames(body, clip, problem.camera, motion, sure))
    above = [cv2.resize(drawn[t], (SIZE, SIZE)) for t in frames]
    true = [body.skin.at(State(body.skeleton, case.truth), int(t)).vertices for t in frames]
    turn = case.camera.rotation.T @ problem.camera.rotation
    shift = case.camera.rotation.T @ (problem.camera.translation - case.camera.translation)
    found = [
        body.skin.at(State(body.skeleton, motion), int(t)).vertices.astype(float) @ turn.T + shift
        for t in frames
    ]
    below = [_beside(problem, case.camera, a, b) for a, b in zip(true, found, strict=True)]
    sheet = np.concatenate([np.concatenate(above, axis=1), np.concatenate(below, axis=1)])
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), sheet[..., ::-1])


def _beside(
    problem: Problem, camera: Camera, true: NDArray[np.floating], found: NDArray[np.floating]
) -> NDArray[np.uint8]:
    """Both meshes from a quarter round to the right of the camera."""
    center = 0.5 * (true.min(0) + true.max(0)).astype(float)
    quarter = rotations.exp(problem.body.up * np.pi / 2.0)
    rotation = camera.rotation @ quarter.T
    aside = camera.moved(rotation, camera.to_camera(center) - rotation @ center)
    pixels = np.concatenate([aside.project(np.asarray(v, float)) for v in (true, found)])
    low, high = np.percentile(pixels, 1, axis=0), np.percentile(pixels, 99, axis=0)
    side = 1.2 * float((high - low).max())
    corner = 0.5 * (low + high) - 0.5 * side
    crop = Crop(float(corner[0]), float(corner[1]), side, SIZE)
    image = np.full((SIZE, SIZE, 3), 40, np.uint8)
    shown: list[tuple[NDArray[np.floating], tuple[int, int, int]]] = [(true, TRUE), (found, FOUND)]
    for vertices, color in shown:
        shades = np.tile(np.array(color) / 255.0, (len(vertices), 1))
        drawing = problem.body.renderer.render(np.asarray(vertices, float), aside, crop, colors=shades)
        assert drawing.color is not None
        share = 1.0 if color is TRUE else 0.65
        mixed = (1.0 - share) * image[drawing.mask] + share * drawing.color[drawing.mask]
        image[drawing.mask] = mixed.astype(np.uint8)
    return image
