# SPDX-License-Identifier: GPL-3.0-or-later
"""A camera for a video that comes without one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ik.camera import Camera
from ..jobs.rig import Rig

DEFAULT_FOV_DEGREES = 40.0
"""Across the longer side of the image: between a phone's main lens (65) and a tele lens (20)."""
NEAREST = 1.05
"""Distance of the camera in radii of the body, at least."""


def guess_camera(
    rig: Rig,
    box: NDArray[np.float64],
    width: int,
    height: int,
    *,
    fov_degrees: float | None = None,
    elevation: float = 0.0,
) -> Camera:
    """A camera that sees the rig at rest where, and as large as, the subject is seen.

    The rig's ``up`` is the world's up. The camera looks along the armature's +Y (a character that faces -Y,
    as
    Blender's do by habit, looks into it); which way the character really faces is for the start search to
    find.

    Args:
        rig: The character.
        box: (4,) left, top, right, bottom of a typical mask, source pixels.
        width: Of the image, pixels.
        height: Of the image, pixels.
        fov_degrees: Field of view across the longer side; None takes a common one.
        elevation: How far the camera looks down, radians.
    """
    up = rig.up / np.linalg.norm(rig.up)
    forward = np.array([0.0, 1.0, 0.0]) if abs(up[1]) < 0.9 else np.array([0.0, 0.0, -1.0])
    forward = forward - up * (up @ forward)
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, up)
    view = np.cos(elevation) * forward - np.sin(elevation) * up
    rotation = np.stack([right, np.cross(view, right), view])
    camera = Camera.from_fov(
        DEFAULT_FOV_DEGREES if fov_degrees is None else fov_degrees, width, height, rotation, np.zeros(3)
    )
    vertices = np.asarray(rig.vertices, np.float64)
    center = 0.5 * (vertices.min(0) + vertices.max(0))
    radius = 0.5 * float(np.linalg.norm(np.ptp(vertices, axis=0))) or 1.0
    # The body's largest extent as seen from the side, against the box's longer side.
    extent = max(float(np.ptp(vertices, axis=0).max()), 1e-9)
    seen = max(float(box[2] - box[0]), float(box[3] - box[1]), 1.0)
    depth = max(camera.focal * extent / seen, NEAREST * radius)
    at = np.array([0.5 * (box[0] + box[2]), 0.5 * (box[1] + box[3])])
    target = np.append((at - camera.center) * depth / camera.focal, depth)
    return camera.moved(rotation, target - rotation @ center)
