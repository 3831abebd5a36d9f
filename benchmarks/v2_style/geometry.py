# SPDX-License-Identifier: GPL-3.0-or-later
"""From a window of a known camera to level axes: to the right, away from the camera, and up.

Poses are told in these axes: what the network has to find of the root is its heading against the line of
sight, and tilts are small. The network is told how the camera looks at the subject.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.fit.crop import Crop
from mocapanything_addon.ik.camera import Camera

Array = NDArray[np.float64]
VIEW_FEATURES = 8
UP = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True, eq=False)
class Sightline:
    """How one frame's window is seen."""

    level: Array
    """(3, 3) normalised space (z up) -> right, away, up."""
    rays: Array
    """(3, 3) (x, y, 1), a place in the window, -> the ray through it in level axes; one unit deep along the
    camera's axis."""
    spread: float
    """Half the window's side over the focal length."""
    features: NDArray[np.float32]
    """(VIEW_FEATURES,) the vertical and the line of sight in camera axes, their cosine, the spread."""


def sightline(camera: Camera, window: Crop) -> Sightline:
    """Of a window of a camera in normalised space."""
    spread = 0.5 * window.side / camera.focal
    middle = (np.array([window.left, window.top]) + 0.5 * window.side - 0.5 - camera.center) / camera.focal
    to_camera = np.array([[spread, 0.0, middle[0]], [0.0, spread, middle[1]], [0.0, 0.0, 1.0]])
    line = np.array([middle[0], middle[1], 1.0])
    line /= np.linalg.norm(line)
    up = camera.rotation @ UP
    away = camera.rotation.T @ line
    away = away - away[2] * UP
    if np.linalg.norm(away) < 1e-3:  # straight from above: the picture's upper side is away
        away = camera.rotation.T @ np.array([0.0, -1.0, 0.0])
        away = away - away[2] * UP
    away /= np.linalg.norm(away)
    level = np.stack([np.cross(away, UP), away, UP])
    features = np.concatenate([up, line, [up @ line, spread]])
    return Sightline(level, level @ camera.rotation.T @ to_camera, float(spread), features.astype(np.float32))
