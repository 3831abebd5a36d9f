# SPDX-License-Identifier: GPL-3.0-or-later
"""A pinhole camera."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
NEAREST_DEPTH = 1e-6
CLEARLY_BEFORE = 0.02
"""Nearer than this share of the subject's size a projection says nothing about where a point is."""


@dataclass(frozen=True, eq=False)
class Camera:
    """Pinhole in OpenCV axes (x right, y down, z forward); pixel (0, 0) is the top left pixel's centre."""

    focal: float
    """Pixels."""
    width: int
    height: int
    rotation: Array
    """(3, 3) armature space to camera axes."""
    translation: Array
    """(3,) x_camera = rotation x + translation."""

    @classmethod
    def from_fov(
        cls, fov_degrees: float, width: int, height: int, rotation: Array, translation: Array
    ) -> Camera:
        """A camera from its field of view across the LONGER image side (as Blender's Auto sensor fit)."""
        focal = 0.5 * max(width, height) / np.tan(0.5 * np.radians(fov_degrees))
        return cls(float(focal), width, height, np.asarray(rotation, float), np.asarray(translation, float))

    @property
    def center(self) -> Array:
        """(2,) principal point, pixels."""
        return np.array([0.5 * (self.width - 1), 0.5 * (self.height - 1)])

    @property
    def position(self) -> Array:
        """(3,) the camera's place in armature space."""
        return -self.rotation.T @ self.translation

    def to_camera(self, points: NDArray) -> Array:
        """(..., 3) armature space to camera space."""
        return points @ self.rotation.T + self.translation

    def is_before(self, points: NDArray, size: float) -> NDArray[np.bool_]:
        """(..., 3) -> (...,) True for points clearly before the camera; ``size`` is that of the subject."""
        return self.to_camera(points)[..., 2] > CLEARLY_BEFORE * size

    def project(self, points: NDArray) -> Array:
        """(..., 3) armature space -> (..., 2) pixels. Points behind the camera are pushed to a tiny depth."""
        local = self.to_camera(points)
        depth = np.maximum(local[..., 2:], NEAREST_DEPTH)
        return self.focal * local[..., :2] / depth + self.center

    def project_with_jacobian(self, points: NDArray) -> tuple[Array, Array]:
        """Pixels (..., 2) and their derivative (..., 2, 3) by the armature-space point."""
        local = self.to_camera(points)
        depth = np.maximum(local[..., 2], NEAREST_DEPTH)
        slope = local[..., :2] / depth[..., None]
        jacobian = np.zeros((*points.shape[:-1], 2, 3))
        scale = self.focal / depth
        jacobian[..., 0, 0] = scale
        jacobian[..., 1, 1] = scale
        jacobian[..., :, 2] = -scale[..., None] * slope
        return self.focal * slope + self.center, jacobian @ self.rotation

    def unproject(self, pixels: NDArray, depths: NDArray) -> Array:
        """Pixels (..., 2) and distances along the camera's axis (...,) -> (..., 3) armature space."""
        local = np.empty((*np.shape(depths), 3))
        local[..., :2] = (pixels - self.center) / self.focal * np.asarray(depths)[..., None]
        local[..., 2] = depths
        return (local - self.translation) @ self.rotation

    def moved(self, rotation: Array, translation: Array) -> Camera:
        """The same lens elsewhere."""
        return replace(self, rotation=rotation, translation=translation)
