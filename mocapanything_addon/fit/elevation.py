# SPDX-License-Identifier: GPL-3.0-or-later
"""How far the camera looks down, when nobody said: from the way the subject goes and from how it stands.

Seen by a camera that is wrongly taken as level, a creature on flat ground that comes nearer seems to sink, by
the very angle the camera looks down; and its body seems to lean towards the camera.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..ik import rotations
from ..ik.kinematics import forward
from ..ik.motion import Motion
from .problem import Problem

LEAN_SIGMA = np.radians(8.0)
"""Creatures lean, and the fit's wish for an upright body hides part of a wrong camera."""
UNEVEN = 0.03
"""Of the body's size: how far the height of a body on its way strays from a line at least, steps and all."""
HIGHEST = np.radians(60.0)


def find_elevation(problem: Problem, motion: Motion) -> float:
    """Radians that the camera looks further down than the problem's camera does.

    The mean of what is usual or what the start search found, of the lean and of the path, each by its
    precision; the path counts when the subject comes nearer or goes away.

    Args:
        problem: The capture.
        motion: As tracked, T frames.
    """
    body, camera = problem.body, problem.camera
    seen = problem.frames.has_subject
    if seen.sum() < 2:
        return 0.0
    pose = forward(body.skeleton, motion)
    root = body.skeleton.root
    ahead = camera.rotation[2] - body.up * (camera.rotation[2] @ body.up)
    ahead /= max(float(np.linalg.norm(ahead)), 1e-9)
    known = camera_elevation(problem)
    tops = pose.global_rotations[seen, root] @ body.up
    lean = -float(np.mean(np.arctan2(tops @ ahead, tops @ body.up)))
    depth, height = pose.positions[seen, root] @ ahead, pose.positions[seen, root] @ body.up
    usual, width = problem.elevation
    values, sigmas = [usual - known, lean], [width, LEAN_SIGMA]
    spread = float(np.ptp(depth))
    if spread > UNEVEN * body.size:
        slope, offset = np.polyfit(depth, height, 1)
        stray = max(float(np.std(height - offset - slope * depth)), UNEVEN * body.size)
        values.append(float(np.arctan(slope)))
        sigmas.append(float(np.arctan(stray / spread)))
    precision = 1.0 / np.square(sigmas)
    change = float(np.asarray(values) @ precision / precision.sum())
    return float(np.clip(known + change, -HIGHEST, HIGHEST) - known)


def camera_elevation(problem: Problem) -> float:
    """Radians that the problem's camera looks down."""
    return -float(np.arcsin(np.clip(problem.camera.rotation[2] @ problem.body.up, -1.0, 1.0)))


def looking_down(problem: Problem, motion: Motion, angle: float) -> tuple[Problem, Motion]:
    """Turn the world about the camera so that it looks down by ``angle`` (radians) more; the image stays."""
    camera, body = problem.camera, problem.body
    turn = rotations.exp(-angle * camera.rotation[0])
    at = camera.position
    rotation = camera.rotation @ turn.T
    rest = body.skeleton.rest_positions[body.skeleton.root]
    local = motion.local_rotations.copy()
    local[:, body.skeleton.root] = turn @ local[:, body.skeleton.root]
    moved = Motion((motion.root_translation + rest - at) @ turn.T + at - rest, local)
    return replace(problem, camera=camera.moved(rotation, -rotation @ at)), moved
