# SPDX-License-Identifier: GPL-3.0-or-later
"""Put the captured motion where an animator expects it: at the rig's own place, facing its own way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Array = NDArray[np.float64]
LOW_PERCENTILE = 10.0
"""Feet leave the ground and an outlier dips below it: this share of the frames may be lower."""


@dataclass(frozen=True, eq=False)
class Placement:
    """A rigid move x -> rotation x + translation of everything captured, in armature space."""

    rotation: Array
    """(3, 3) about the up direction."""
    translation: Array
    """(3,)."""

    def points(self, points: Array) -> Array:
        """(..., 3) moved."""
        return points @ self.rotation.T + self.translation


def heading(rotations: Array, up: Array) -> Array:
    """Angle of each rotation about ``up`` (the twist of its swing-twist decomposition).

    Args:
        rotations: (T, 3, 3).
        up: (3,) unit length.

    Returns:
        (T,) radians in (-pi, pi]; 0 where the body is upside down and the angle has no meaning.
    """
    quaternions = Rotation.from_matrix(rotations).as_quat()
    twist, w = quaternions[:, :3] @ up, quaternions[:, 3]
    angle = 2.0 * np.arctan2(twist, w)
    angle = np.where(np.hypot(twist, w) < 0.2, 0.0, angle)
    return (angle + np.pi) % (2.0 * np.pi) - np.pi


def place(
    root_positions: Array,
    root_rotations: Array,
    lowest: Array,
    rest_root: Array,
    rest_lowest: float,
    up: Array,
) -> Placement:
    """The move after which the first frame stands over the rest pose, faces as it does and stands as high.

    The video does not say where in the scene the character is or which way is forward there: only the motion
    relative to the first frame is captured.

    Args:
        root_positions: (T, 3) of the body root.
        root_rotations: (T, 3, 3) its D_j.
        lowest: (T,) height along ``up`` of the posed mesh's lowest vertex.
        rest_root: (3,) rest position of the body root.
        rest_lowest: The same height in rest pose.
        up: (3,) unit length.
    """
    yaw = float(heading(root_rotations[:1], up)[0])
    rotation = Rotation.from_rotvec(-yaw * up).as_matrix()
    start = rotation @ root_positions[0]
    # A turn about `up` leaves heights as they are.
    rise = rest_lowest - float(np.percentile(lowest, LOW_PERCENTILE))
    level = rest_root - start
    translation = level - (level @ up) * up + rise * up
    return Placement(rotation, translation)
