# SPDX-License-Identifier: GPL-3.0-or-later
"""Film a creature: shaded, textured, with its shadow, before a backdrop; and its exact silhouette."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from mocapanything_addon.fit.crop import Crop
from mocapanything_addon.fit.renderer import Renderer
from mocapanything_addon.ik.camera import Camera
from mocapanything_addon.ik.kinematics import Pose, forward
from mocapanything_addon.ik.skeleton import Skeleton
from mocapanything_addon.ik.skinning import Skin
from mocapanything_addon.jobs.rig import Rig

from .creatures.creature import vertex_normals
from .motions.animator import Clip
from .noise import Noise

Array = NDArray[np.float64]
Frame = NDArray[np.uint8]
Mask = NDArray[np.bool_]
SUN = np.array([1.00, 0.95, 0.86])
SKY = np.array([0.30, 0.36, 0.44])
BOUNCE = np.array([0.16, 0.15, 0.11])
SHADOW_PIXELS = 512


def look_at(eye: ArrayLike, target: ArrayLike) -> tuple[Array, Array]:
    """Rotation (3, 3) and translation (3,) of an upright camera at ``eye`` that looks at ``target``."""
    position = np.asarray(eye, float)
    ahead = np.asarray(target, float) - position
    ahead = ahead / np.linalg.norm(ahead)
    right = np.cross(ahead, [0.0, 0.0, 1.0])
    if np.linalg.norm(right) < 1e-6:
        right = np.array([1.0, 0.0, 0.0])
    right = right / np.linalg.norm(right)
    rotation = np.stack([right, np.cross(ahead, right), ahead])
    return rotation, -rotation @ position


def frame_points(
    points: Array,
    *,
    azimuth: float,
    elevation: float,
    fov: float,
    width: int,
    height: int,
    fill: float = 0.86,
) -> Camera:
    """The nearest camera from a direction that has all points in view.

    Args:
        points: (N, 3).
        azimuth: Degrees around z; 0 looks at the creature's front, 90 at its left.
        elevation: Degrees above the horizon.
        fov: Degrees across the longer side of the image.
        width: Pixels.
        height: Pixels.
        fill: Share of the image the points may span.
    """
    around, up = np.radians(azimuth), np.radians(elevation)
    outward = np.array([np.sin(around) * np.cos(up), -np.cos(around) * np.cos(up), np.sin(up)])
    center = 0.5 * (points.min(axis=0) + points.max(axis=0))
    size = float(np.linalg.norm(np.ptp(points, axis=0))) or 1.0
    near, far = 0.3 * size, 40.0 * size
    for _ in range(40):
        distance = float(np.sqrt(near * far))
        camera = Camera.from_fov(fov, width, height, *look_at(center + distance * outward, center))
        depth = camera.to_camera(points)[:, 2]
        pixels = camera.project(points)
        off = np.abs(pixels - camera.center) / (0.5 * fill * np.array([width, height]))
        if depth.min() < 0.05 * size or off.max() > 1.0:
            near = distance
        else:
            far = distance
    return Camera.from_fov(fov, width, height, *look_at(center + far * outward, center))


class Place(Protocol):
    """Where something is filmed."""

    @property
    def sun_direction(self) -> Array:
        """(3,) unit, towards the sun."""

    def backdrop(self, camera: Camera) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(H, W, 3) linear RGB, and (H, W, 3) points on the ground, NaN where it is not seen."""


class Photographer:
    """Films one mesh in one place.

    Args:
        faces: (F, 3).
        colors: (V, 3) sRGB, 0 to 255.
        place: Where.
        skin: (V, 3) rest places in units of the body's size: a fine pattern, finer than vertex colours hold,
            is fixed to them. None for no such pattern.
        supersampling: Pixels drawn a side per pixel of the frame.
        grain: Strength of that pattern.
        film_noise: Standard deviation of the noise of every frame, 0 to 255.
        seed: Of pattern and noise.
    """

    def __init__(
        self,
        faces: NDArray[np.int32],
        colors: NDArray[np.uint8],
        place: Place,
        *,
        skin: NDArray[np.floating] | None = None,
        supersampling: int = 2,
        grain: float = 0.22,
        film_noise: float = 2.0,
        seed: int = 0,
    ) -> None:
        self.place = place
        self.supersampling = supersampling
        self.film_noise = film_noise
        self._faces = faces
        self._rng = np.random.default_rng(seed)
        self._renderer = Renderer(faces)
        self._albedo = (colors.astype(np.float64) / 255.0) ** 2.2
        self._skin = skin
        self._grain = grain
        self._grain_noise = Noise(seed + 1)
        self._backdrop: tuple[Camera, NDArray[np.float32], NDArray[np.float32]] | None = None

    @classmethod
    def of_rig(cls, rig: Rig, place: Place, *, seed: int = 0, supersampling: int = 2) -> Photographer:
        """For a rig's mesh with its colours."""
        return cls(
            rig.faces,
            rig.vertex_colors,
            place,
            skin=rig.vertices / rig.size,
            seed=seed,
            supersampling=supersampling,
        )

    def photograph(self, vertices: NDArray[np.floating], camera: Camera) -> tuple[Frame, Mask]:
        """One frame (H, W, 3) sRGB and where the creature is (H, W), more than half of the pixel."""
        backdrop, ground = self._scene(camera)
        sun = _SunView(self._renderer, vertices, self.place.sun_direction)
        shade = sun.shadow_on_ground(ground)[..., None]
        image = backdrop * (1.0 - shade * (1.0 - 0.62 * SKY / SKY.max()).astype(np.float32))
        fine = _finer(camera, self.supersampling)
        drawn = self._renderer.render(vertices, fine, _whole(fine))
        side = max(fine.width, fine.height)
        top, left = (side - fine.height) // 2, (side - fine.width) // 2
        window = np.s_[top : top + fine.height, left : left + fine.width]
        triangles, barycentric = drawn.triangles[window], drawn.barycentric[window]
        seen = triangles >= 0
        creature = np.zeros((fine.height, fine.width, 4), np.float32)
        creature[seen, :3] = self._shaded(vertices, triangles[seen], barycentric[seen], camera, sun)
        creature[seen, 3] = 1.0
        small = np.asarray(
            cv2.resize(creature, (camera.width, camera.height), interpolation=cv2.INTER_AREA), np.float32
        )
        cover = small[..., 3:]
        return self._develop(image * (1.0 - cover) + small[..., :3]), cover[..., 0] > 0.5

    def _scene(self, camera: Camera) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if self._backdrop is None or not _same(self._backdrop[0], camera):
            self._backdrop = (camera, *self.place.backdrop(camera))
        return self._backdrop[1], self._backdrop[2]

    def _shaded(
        self,
        vertices: NDArray[np.floating],
        triangles: NDArray[np.int32],
        barycentric: NDArray[np.float32],
        camera: Camera,
        sun: _SunView,
    ) -> NDArray[np.float32]:
        corners = self._faces[triangles]
        weights = barycentric[..., None]
        normals = (vertex_normals(vertices, self._faces)[corners] * weights).sum(axis=1)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        places = (np.asarray(vertices, np.float64)[corners] * weights).sum(axis=1)
        albedo = (self._albedo[corners] * weights).sum(axis=1)
        if self._skin is not None:
            rest = (self._skin[corners] * weights).sum(axis=1)
            albedo = albedo * (1.0 + self._grain * self._grain_noise(rest * 55.0, 3))[:, None]
        facing = normals @ self.place.sun_direction
        lit = np.clip(0.92 * facing + 0.08, 0.0, 1.0) * (1.0 - sun.shadow_on_body(places))
        upward = 0.5 + 0.5 * normals[:, 2:]
        light = 1.05 * SUN * lit[:, None] + SKY * upward + BOUNCE * (1.0 - upward)
        view = camera.position - places
        view /= np.linalg.norm(view, axis=1, keepdims=True)
        rim = (1.0 - np.clip((normals * view).sum(axis=1), 0.0, 1.0)) ** 4
        half = view + self.place.sun_direction
        half /= np.linalg.norm(half, axis=1, keepdims=True)
        gloss = 0.06 * np.clip((normals * half).sum(axis=1), 0.0, 1.0) ** 24 * lit
        return (albedo * light + (0.05 * rim + gloss)[:, None] * SKY).astype(np.float32)

    def _develop(self, image: NDArray[np.float32]) -> Frame:
        height, width = image.shape[:2]
        x, y = np.linspace(-1, 1, width), np.linspace(-1, 1, height)
        vignette = 1.0 - 0.10 * (x[None, :] ** 2 + y[:, None] ** 2)
        film = 255.0 * np.clip(image * vignette[..., None], 0.0, 1.0) ** (1.0 / 2.2)
        if self.film_noise > 0:
            film = film + self._rng.normal(0.0, self.film_noise, (height, width, 1))
        return np.clip(film, 0, 255).astype(np.uint8)


def film(photographer: Photographer, rig: Rig, clip: Clip, camera: Camera) -> Iterator[tuple[Frame, Mask]]:
    """All frames of a clip of a rig, whose mesh the photographer has."""
    skeleton = Skeleton.from_rig(rig)
    skin = Skin(rig.vertices, rig.faces, rig.skin_joints, rig.skin_weights, skeleton)
    pose = forward(skeleton, clip.motion)
    for t in range(len(clip.times)):
        one = Pose(pose.global_rotations[t : t + 1], pose.positions[t : t + 1])
        yield photographer.photograph(skin.pose(one)[0], camera)


class _SunView:
    """The mesh as the sun sees it: what it does not see lies in shadow (Williams 1978, shadow maps)."""

    def __init__(self, renderer: Renderer, vertices: NDArray[np.floating], direction: Array) -> None:
        center = 0.5 * (vertices.min(axis=0) + vertices.max(axis=0)).astype(float)
        size = float(np.linalg.norm(np.ptp(vertices, axis=0)))
        # So far away that its rays are as good as parallel.
        rotation, translation = look_at(center + 60.0 * size * direction, center)
        n = SHADOW_PIXELS
        focal = 60.0 * n / 1.15
        self._camera = Camera(focal, n, n, rotation, translation)
        drawn = renderer.render(vertices, self._camera, Crop(0.0, 0.0, float(n), n))
        self._depth = drawn.depth.copy()
        self._depth[~drawn.mask] = np.inf
        self._silhouette = np.asarray(cv2.GaussianBlur(drawn.mask.astype(np.float32), (0, 0), 3.0))
        self._slack = 0.012 * size

    def shadow_on_ground(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """(H, W) 0 in the sun to 1 in full shadow, for points (H, W, 3); 0 where they are NaN."""
        pixels = np.nan_to_num(self._camera.project(points.astype(np.float64)), nan=-1e4).astype(np.float32)
        x, y = pixels[..., 0], pixels[..., 1]
        return np.asarray(cv2.remap(self._silhouette, x, y, cv2.INTER_LINEAR, borderValue=(0.0,)), np.float32)

    def shadow_on_body(self, points: Array) -> Array:
        """(N,) the mean of sixteen tests around each point, for soft borders."""
        pixels = self._camera.project(points)
        depth = self._camera.to_camera(points)[:, 2]
        shadow = np.zeros(len(points))
        offsets = (-2.4, -0.8, 0.8, 2.4)
        for dx in offsets:
            for dy in offsets:
                x = np.clip(np.rint(pixels[:, 0] + dx).astype(int), 0, SHADOW_PIXELS - 1)
                y = np.clip(np.rint(pixels[:, 1] + dy).astype(int), 0, SHADOW_PIXELS - 1)
                shadow += self._depth[y, x] < depth - self._slack
        return shadow / len(offsets) ** 2


def _finer(camera: Camera, factor: int) -> Camera:
    """The same view with more pixels; its principal point stays in the middle of the image."""
    return replace(
        camera, focal=camera.focal * factor, width=camera.width * factor, height=camera.height * factor
    )


def _whole(camera: Camera) -> Crop:
    """The smallest square around the image."""
    side = max(camera.width, camera.height)
    return Crop(-float((side - camera.width) // 2), -float((side - camera.height) // 2), float(side), side)


def _same(a: Camera, b: Camera) -> bool:
    return (
        (a.focal, a.width, a.height) == (b.focal, b.width, b.height)
        and np.array_equal(a.rotation, b.rotation)
        and np.array_equal(a.translation, b.translation)
    )
