# SPDX-License-Identifier: GPL-3.0-or-later
"""The cameras from which a rig is shown: around it and from above, level with the world."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ik.camera import Camera

Array = NDArray[np.float64]

IMAGE_SIZE = 256
"""Pixels a side."""
FIELD_OF_VIEW = 30.0
"""Degrees."""
MARGIN = 1.05
DIRECTIONS = {
    "front": (0.0, -1.0, 0.0),
    "left": (1.0, 0.0, 0.0),
    "back": (0.0, 1.0, 0.0),
    "right": (-1.0, 0.0, 0.0),
    "three_quarter": (0.7, -0.7, 0.4),
    "top": (0.0, 0.0, 1.0),
}
"""Towards the camera in world axes; "front" is where a character shows its face that looks along -y."""


def view_cameras(vertices: NDArray[np.floating], world_axes: Array) -> dict[str, Camera]:
    """Cameras that see the whole surface.

    Args:
        vertices: (V, 3) the surface in rest pose, armature space.
        world_axes: (3, 3) the world's axes in armature space, as columns.

    Returns:
        Cameras in armature space by the name of the view.
    """
    low, high = vertices.min(axis=0).astype(float), vertices.max(axis=0).astype(float)
    center = 0.5 * (low + high)
    radius = float(np.linalg.norm(vertices - center, axis=1).max()) or 1.0
    distance = MARGIN * radius / np.sin(0.5 * np.radians(FIELD_OF_VIEW))
    cameras = {}
    for name, direction in DIRECTIONS.items():
        outwards = world_axes @ direction
        outwards = outwards / np.linalg.norm(outwards)
        up = world_axes @ ([0.0, 1.0, 0.0] if name == "top" else [0.0, 0.0, 1.0])
        right = np.cross(up, outwards)
        right = right / np.linalg.norm(right)
        rotation = np.stack([right, np.cross(-outwards, right), -outwards])
        translation = -rotation @ (center + distance * outwards)
        cameras[name] = Camera.from_fov(FIELD_OF_VIEW, IMAGE_SIZE, IMAGE_SIZE, rotation, translation)
    return cameras
