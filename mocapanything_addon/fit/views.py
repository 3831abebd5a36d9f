# SPDX-License-Identifier: GPL-3.0-or-later
"""How the body looks from all round: its outline in many poses, headings and camera elevations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..ik import rotations
from ..ik.camera import Camera
from ..ik.kinematics import State
from ..ik.motion import Motion
from .crop import Crop
from .outlines import Outlines, normalised
from .problem import Problem
from .start_poses import StartPose

DRAWN = 80
"""Pixels a side of one drawing."""
ROOM = 1.04


@dataclass(frozen=True, eq=False)
class Views:
    """Outlines of all combinations; pose varies slowest, heading fastest."""

    outlines: Outlines
    poses: tuple[StartPose, ...]
    elevations: NDArray[np.float64]
    """(E,) radians that the camera looks down on the body."""
    headings: NDArray[np.float64]
    """(H,) radians about the world's up from rest, as seen by a camera that looks along the problem's."""

    def table(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, ...) -> (poses, E, H, ...)."""
        return scores.reshape(len(self.poses), len(self.elevations), len(self.headings), *scores.shape[1:])


def draw_views(
    problem: Problem,
    poses: Sequence[StartPose],
    elevations: NDArray[np.float64],
    headings: NDArray[np.float64],
    distance: float,
    on_pose: Callable[[int], None],
) -> Views:
    """Draw the body in the middle of the image.

    Args:
        problem: The capture.
        poses: P poses.
        elevations: (E,) radians that the camera looks down.
        headings: (H,) radians.
        distance: Of the camera from the body's middle, armature units.
        on_pose: Told the number of each pose before it is drawn.
    """
    body = problem.body
    ahead = level_view(problem)
    images = []
    for number, pose in enumerate(poses):
        on_pose(number)
        state = State(body.skeleton, Motion(np.zeros((1, 3)), pose.local_rotations[None]))
        vertices = body.skin.at(state, 0).vertices.astype(np.float64)
        middle = 0.5 * (vertices.min(0) + vertices.max(0))
        for elevation in elevations:
            for heading in headings:
                # Turning the camera the other way round the body shows the same as turning the body.
                view = rotations.exp(-heading * body.up) @ (
                    np.cos(elevation) * ahead - np.sin(elevation) * body.up
                )
                camera = _looking(problem.camera, view, body.up, middle - distance * view)
                images.append(normalised(_drawn(problem, vertices, camera)))
    return Views(Outlines.of(images), tuple(poses), elevations, headings)


def level_view(problem: Problem) -> NDArray[np.float64]:
    """(3,) the camera's viewing direction, made horizontal."""
    up, view = problem.body.up, problem.camera.rotation[2]
    level = view - up * (view @ up)
    if np.linalg.norm(level) < 1e-6:
        # Straight down: what is up in the image is ahead.
        level = -(problem.camera.rotation[1] - up * (problem.camera.rotation[1] @ up))
    return np.asarray(level / np.linalg.norm(level), np.float64)


def _looking(
    camera: Camera, view: NDArray[np.float64], up: NDArray[np.float64], position: NDArray[np.float64]
) -> Camera:
    right = np.cross(view, up)
    right /= max(float(np.linalg.norm(right)), 1e-9)
    rotation = np.stack([right, np.cross(view, right), view])
    return camera.moved(rotation, -rotation @ position)


def _drawn(problem: Problem, vertices: NDArray[np.float64], camera: Camera) -> NDArray[np.bool_]:
    points = camera.project(vertices)
    low, high = points.min(0), points.max(0)
    side = max(float((high - low).max()) * ROOM, 1e-6)
    corner = 0.5 * (low + high) + 0.5 - side / 2.0
    return problem.body.render(vertices, camera, Crop(float(corner[0]), float(corner[1]), side, DRAWN)).mask
