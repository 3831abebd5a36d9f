# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw the posed mesh: which triangle, where on it, how far, and its colour, for every pixel of a crop."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..ik.camera import Camera
from .crop import Crop

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Rendering:
    """Images of n x n pixels, row 0 at the top."""

    ids: NDArray[np.float32]
    """(n, n, 4) triangle number + 1, first two barycentric weights, depth; see :meth:`Rasterizer.draw`."""
    color: NDArray[np.uint8] | None
    """(n, n, 3) shaded colour, black where nothing is; None when not asked for."""

    @cached_property
    def triangles(self) -> NDArray[np.int32]:
        """(n, n) index into the mesh's faces, -1 where nothing is."""
        return self.ids[..., 0].astype(np.int32) - 1

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """(n, n) the silhouette."""
        return self.triangles >= 0

    @cached_property
    def barycentric(self) -> NDArray[np.float32]:
        """(n, n, 3) weights of the triangle's corners at the pixel centre, 0 where nothing is."""
        weights = np.stack(
            [self.ids[..., 1], self.ids[..., 2], 1.0 - self.ids[..., 1] - self.ids[..., 2]], -1
        )
        weights[~self.mask] = 0.0
        return weights

    @property
    def depth(self) -> NDArray[np.float32]:
        """(n, n) distance along the camera's axis, 0 where nothing is."""
        return self.ids[..., 3]

    def weights_at(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float64]:
        """(N, 3) barycentric weights at pixels of the silhouette, without those of the whole image."""
        first = self.ids[rows, columns, 1:3].astype(np.float64)
        return np.concatenate([first, 1.0 - first.sum(axis=1, keepdims=True)], axis=1)


@dataclass(frozen=True)
class Light:
    """One distant lamp: shaded colour = colour x (ambient + diffuse x max(0, normal . direction))."""

    direction: tuple[float, float, float] = (0.35, -0.35, 0.87)
    """Towards the lamp, armature space."""
    ambient: float = 0.55
    diffuse: float = 0.45


class Rasterizer(Protocol):
    """What draws triangles; one for a GPU or its software stand-in, one in plain numpy."""

    name: str

    def draw(
        self,
        corners: NDArray[np.float32],
        corner_colors: NDArray[np.float32] | None,
        projection: NDArray[np.float64],
        size: int,
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8] | None]:
        """Draw F triangles.

        Args:
            corners: (F, 3, 3) camera space (z forward).
            corner_colors: (F, 3, 3) 0 to 1, interpolated over each triangle; None for no colour image.
            projection: (4, 4) from camera space to clip space, y growing downwards.
            size: Pixels a side.

        Returns:
            (n, n, 4) triangle number + 1 (0 for none), the first two barycentric weights, camera depth;
            and the colour image (n, n, 3) or None.
        """


def make_rasterizer() -> Rasterizer:
    """The GL rasteriser where a context can be had, else the plain one (two to six times slower)."""
    from .rasterize_plain import PlainRasterizer

    try:
        from .rasterize_gl import GLRasterizer

        return GLRasterizer()
    except Exception as error:  # every GL stack fails in its own way
        log.warning("No OpenGL context (%s): drawing without it, slowly.", error)
        return PlainRasterizer()


class Renderer:
    """Draws one mesh in any pose.

    Args:
        faces: (F, 3) vertex indices.
        vertex_colors: (V, 3) sRGB 0 to 255; mid grey when None.
        rasterizer: Who draws; the best that this machine has when None.
    """

    def __init__(
        self,
        faces: ArrayLike,
        vertex_colors: ArrayLike | None = None,
        *,
        rasterizer: Rasterizer | None = None,
    ) -> None:
        self.faces: NDArray[np.int32] = np.asarray(faces, np.int32).reshape(-1, 3)
        self.vertex_colors = None if vertex_colors is None else np.asarray(vertex_colors, np.float32) / 255.0
        self.rasterizer = rasterizer or make_rasterizer()

    def render(
        self,
        vertices: NDArray[np.floating],
        camera: Camera,
        crop: Crop,
        *,
        color: bool = False,
        colors: NDArray[np.floating] | None = None,
        light: Light | None = Light(),
    ) -> Rendering:
        """Draw the mesh.

        Args:
            vertices: (V, 3) posed, armature space.
            camera: Of the whole image.
            crop: The window of that image to draw.
            color: Draw colours too.
            colors: (V, 3) 0 to 1 instead of the mesh's own; implies ``color``.
            light: None leaves the colours unshaded.
        """
        local = camera.to_camera(np.asarray(vertices, np.float64))
        corners = local[self.faces].astype(np.float32)
        corner_colors = None
        if color or colors is not None:
            corner_colors = self._corner_colors(corners, colors, light, camera)
        ids, image = self.rasterizer.draw(corners, corner_colors, _projection(local, camera, crop), crop.size)
        return Rendering(ids, image)

    def _corner_colors(
        self,
        corners: NDArray[np.float32],
        colors: NDArray[np.floating] | None,
        light: Light | None,
        camera: Camera,
    ) -> NDArray[np.float32]:
        if colors is not None:
            base = np.asarray(colors, np.float32)[self.faces]
        elif self.vertex_colors is not None:
            base = self.vertex_colors[self.faces]
        else:
            base = np.full(corners.shape, 0.6, np.float32)
        if light is None:
            return base
        direction = camera.rotation @ (np.asarray(light.direction) / np.linalg.norm(light.direction))
        normals = self._corner_normals(corners)
        # The side that faces the camera is the one seen, whatever the winding.
        facing = np.sign(-(normals * corners).sum(-1))
        shade = light.ambient + light.diffuse * np.maximum(
            facing * (normals @ direction.astype(np.float32)), 0.0
        )
        return base * shade[..., None].astype(np.float32)

    def _corner_normals(self, corners: NDArray[np.float32]) -> NDArray[np.float32]:
        """(F, 3, 3) smooth vertex normals, area-weighted."""
        face_normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        count = int(self.faces.max(initial=-1)) + 1
        flat = self.faces.reshape(-1)
        normals = np.stack(
            [np.bincount(flat, np.repeat(face_normals[:, k], 3), minlength=count) for k in range(3)], -1
        )
        lengths = np.linalg.norm(normals, axis=1, keepdims=True)
        return (normals / np.maximum(lengths, 1e-12))[self.faces].astype(np.float32)


def _projection(local: NDArray[np.float64], camera: Camera, crop: Crop) -> NDArray[np.float64]:
    """(4, 4) camera space -> clip space of the crop; y grows downwards, so that row 0 is the top."""
    depth = local[:, 2]
    far = max(float(depth.max(initial=0.0)), 1e-3) * 1.2
    near = max(float(depth.min(initial=far)) * 0.8, far * 1e-3)
    x, y = camera.center + 0.5 - [crop.left, crop.top]
    k = 2.0 / crop.side
    matrix = np.zeros((4, 4))
    matrix[0, 0] = matrix[1, 1] = k * camera.focal
    matrix[0, 2] = k * x - 1.0
    matrix[1, 2] = k * y - 1.0
    matrix[2, 2] = (far + near) / (far - near)
    matrix[2, 3] = -2.0 * far * near / (far - near)
    matrix[3, 2] = 1.0
    return matrix
