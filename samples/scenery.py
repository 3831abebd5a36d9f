# SPDX-License-Identifier: GPL-3.0-or-later
"""A place to film in: ground, hills, trees and sky, seen from any camera."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik.camera import Camera

from .noise import Noise

Array = NDArray[np.float64]
Image = NDArray[np.float32]
HAZE_DISTANCE = 90.0
"""Metres at which the haze has taken away 1 - 1/e of what is seen."""


@dataclass(frozen=True)
class Palette:
    """Linear RGB, 0 to 1."""

    ground: tuple[tuple[float, float, float], tuple[float, float, float]]
    hills: tuple[float, float, float]
    trees: tuple[float, float, float]
    zenith: tuple[float, float, float]
    horizon: tuple[float, float, float]


PALETTES: dict[str, Palette] = {
    "meadow": Palette(
        ((0.085, 0.150, 0.030), (0.240, 0.260, 0.080)),
        (0.10, 0.16, 0.10),
        (0.030, 0.075, 0.020),
        (0.16, 0.33, 0.68),
        (0.62, 0.72, 0.80),
    ),
    "desert": Palette(
        ((0.46, 0.33, 0.19), (0.60, 0.46, 0.29)),
        (0.34, 0.20, 0.13),
        (0.10, 0.13, 0.05),
        (0.20, 0.40, 0.70),
        (0.78, 0.74, 0.64),
    ),
    "snow": Palette(
        ((0.62, 0.68, 0.76), (0.84, 0.86, 0.90)),
        (0.36, 0.42, 0.50),
        (0.035, 0.060, 0.045),
        (0.34, 0.46, 0.62),
        (0.78, 0.82, 0.86),
    ),
    "yard": Palette(
        ((0.20, 0.20, 0.20), (0.32, 0.31, 0.29)),
        (0.20, 0.19, 0.20),
        (0.06, 0.10, 0.04),
        (0.42, 0.48, 0.56),
        (0.72, 0.74, 0.76),
    ),
    "pond": Palette(
        ((0.05, 0.16, 0.17), (0.14, 0.25, 0.20)),
        (0.04, 0.12, 0.14),
        (0.02, 0.07, 0.05),
        (0.12, 0.36, 0.40),
        (0.10, 0.28, 0.31),
    ),
}


@dataclass(frozen=True)
class Scenery:
    """Everything but the creature. The ground is z = 0; one unit is one metre.

    Args:
        palette: A name in :data:`PALETTES`.
        seed: Of the hills, trees and spots on the ground.
        scale: How large the creature is compared to a dog of one metre; the ground's grain follows it.
        trees: How many.
    """

    palette: str = "meadow"
    seed: int = 0
    scale: float = 1.0
    trees: int = 14
    sun: tuple[float, float, float] = (0.45, -0.40, 0.80)
    """Towards the sun."""

    @cached_property
    def sun_direction(self) -> Array:
        """(3,) unit."""
        sun = np.array(self.sun)
        return sun / np.linalg.norm(sun)

    @property
    def colors(self) -> Palette:
        return PALETTES[self.palette]

    def backdrop(self, camera: Camera) -> tuple[Image, NDArray[np.float32]]:
        """(H, W, 3) linear RGB, and (H, W, 3) ground points with NaN where the ground is not seen."""
        rays = _rays(camera)
        position = camera.position / self.scale
        noise = Noise(self.seed)
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = np.where(rays[..., 2] < -1e-4, -position[2] / rays[..., 2], np.inf)
        ground = np.isfinite(distance) & (distance < 400.0) & (position[2] > 0)
        points = position + np.where(ground, distance, 0.0)[..., None] * rays
        image = self._sky(rays, noise)
        image = self._hills(image, rays, noise)
        floor = self._ground(points, distance, camera, noise)
        image = np.where(ground[..., None], floor, image)
        image = self._trees(image, camera, noise)
        points = np.where(ground[..., None], points * self.scale, np.nan)
        return image.astype(np.float32), points.astype(np.float32)

    def _sky(self, rays: Array, noise: Noise) -> Array:
        height = np.clip(rays[..., 2:], 0.0, 1.0) ** 0.55
        horizon, zenith = np.array(self.colors.horizon), np.array(self.colors.zenith)
        sky = horizon + height * (zenith - horizon)
        lifted = np.maximum(rays[..., 2], 0.03)
        clouds = noise(rays[..., :2] / lifted[..., None] * 1.3, 5)
        cover = np.clip((clouds - 0.05) * 2.2, 0.0, 0.85) * np.clip(rays[..., 2] * 9.0, 0.0, 1.0)
        return sky + cover[..., None] * (np.array([0.92, 0.92, 0.93]) - sky)

    def _hills(self, image: Array, rays: Array, noise: Noise) -> Array:
        azimuth = np.arctan2(rays[..., 0], -rays[..., 1])
        slope = rays[..., 2] / np.maximum(np.linalg.norm(rays[..., :2], axis=-1), 1e-6)
        for layer, (base, roughness) in enumerate(((0.10, 3.0), (0.055, 6.0))):
            crest = base * (1.0 + 0.8 * noise(azimuth[..., None] * roughness + 31.0 * layer, 4))
            color = np.array(self.colors.hills) * (
                0.8 + 0.25 * noise(np.stack([azimuth * 60, slope * 90], -1), 3)[..., None]
            )
            haze = 0.55 - 0.2 * layer
            color = color + haze * (np.array(self.colors.horizon) - color)
            image = np.where((slope < crest)[..., None], color, image)
        return image

    def _ground(self, points: Array, distance: Array, camera: Camera, noise: Noise) -> Array:
        flat = points[..., :2]
        footprint = np.where(np.isfinite(distance), distance, 1e3) / camera.focal
        patches = 0.5 + 0.5 * noise(flat * 0.35, 3)
        grain = np.zeros(flat.shape[:-1])
        for octave, frequency in enumerate((1.4, 3.1, 7.0, 16.0, 35.0, 80.0)):
            # Finer than two pixels it would only flicker.
            seen = np.clip(1.5 - footprint * frequency * 2.0, 0.0, 1.0)
            grain += (
                seen * noise(flat * frequency + 7.7 * octave) * (0.34, 0.32, 0.34, 0.40, 0.40, 0.30)[octave]
            )
        low, high = (np.array(c) for c in self.colors.ground)
        color = low + np.clip(patches + 0.25 * grain, 0, 1)[..., None] * (high - low)
        color = color * np.clip(1.0 + 0.75 * grain, 0.25, 2.0)[..., None]
        haze = 1.0 - np.exp(-np.where(np.isfinite(distance), distance, 1e3) / HAZE_DISTANCE)
        return color + haze[..., None] * (np.array(self.colors.horizon) * 0.92 - color)

    def _trees(self, image: Array, camera: Camera, noise: Noise) -> Array:
        """Blobs with a trunk, far ones first."""
        rng = np.random.default_rng([self.seed, 5])
        image = image.copy()
        away = np.sort(rng.uniform(9.0, 60.0, self.trees))[::-1] * self.scale
        forward = camera.rotation[2]
        middle = np.arctan2(forward[1], forward[0])
        bark = np.array([0.09, 0.06, 0.04])
        for k, far in enumerate(away):
            angle = middle + rng.uniform(-0.75, 0.75)
            size = rng.uniform(1.4, 3.4) * self.scale
            broad = rng.uniform(0.5, 0.9)
            tint = np.array(self.colors.trees) * rng.uniform(0.8, 1.3)
            foot = camera.position * [1, 1, 0] + far * np.array([np.cos(angle), np.sin(angle), 0.0])
            depth = float(camera.to_camera(foot)[2])
            if depth <= 0.1 * far:
                continue
            crown, base = camera.project(np.stack([foot + np.array([0.0, 0.0, 1.15 * size]), foot]))
            radius = size * camera.focal / depth
            window = _window(image, crown - 1.3 * radius, np.maximum(crown + 1.3 * radius, base))
            if window is None:
                continue
            rows, columns = (grid[window] for grid in np.mgrid[: image.shape[0], : image.shape[1]])
            trunk = (np.abs(columns - base[0]) < 0.06 * radius) & (rows < base[1]) & (rows > crown[1])
            x, y = (columns - crown[0]) / (broad * radius), (rows - crown[1]) / (0.75 * radius)
            leaves = x * x + y * y < 1.0 + 0.55 * noise(np.stack([x * 2.5 + 9.1 * k, y * 2.5], -1), 4)
            shade = 0.75 + 0.5 * noise(np.stack([x * 6.0, y * 6.0 + 3.3 * k], -1), 3) - 0.3 * y
            haze = 1.0 - np.exp(-far / self.scale / HAZE_DISTANCE)
            part = image[window]
            for where, color in ((trunk, bark * np.ones_like(part)), (leaves, tint * shade[..., None])):
                hazed = color + haze * (np.array(self.colors.horizon) - color)
                part = np.where(where[..., None], hazed, part)
            image[window] = part
        return image


@dataclass(frozen=True)
class Studio:
    """A light floor with a grid and nothing else.

    Args:
        tile: Side of a square, metres.
        floor: Height of the floor.
    """

    tile: float = 0.5
    floor: float = 0.0

    @property
    def sun_direction(self) -> Array:
        """(3,) unit."""
        return np.array([0.45, -0.40, 0.80]) / np.linalg.norm([0.45, -0.40, 0.80])

    def backdrop(self, camera: Camera) -> tuple[Image, NDArray[np.float32]]:
        """As :meth:`Scenery.backdrop`."""
        rays = _rays(camera)
        height = camera.position[2] - self.floor
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = np.where(rays[..., 2] < -1e-4, -height / rays[..., 2], np.inf)
        on_floor = np.isfinite(distance) & (height > 0)
        points = camera.position + np.where(on_floor, distance, 0.0)[..., None] * rays
        footprint = np.where(on_floor, distance, 1.0) / camera.focal / self.tile
        across = np.abs(points[..., :2] / self.tile - np.rint(points[..., :2] / self.tile)).min(axis=-1)
        line = np.clip(1.2 - across / np.maximum(1.2 * footprint, 0.008), 0.0, 1.0)
        line *= np.clip(1.6 - 6.0 * footprint, 0.0, 1.0)
        wall = np.array([0.52, 0.55, 0.60]) + 0.25 * np.clip(rays[..., 2:], 0.0, 1.0)
        far = 1.0 - np.exp(-np.where(on_floor, distance, 1e3) / (40.0 * self.tile))
        ground = np.array([0.60, 0.60, 0.59]) - 0.22 * line[..., None]
        ground = ground + far[..., None] * (wall - ground)
        image = np.where(on_floor[..., None], ground, wall)
        points = np.where(on_floor[..., None], points, np.nan)
        return image.astype(np.float32), points.astype(np.float32)


def _window(image: Array, first: Array, last: Array) -> tuple[slice, slice] | None:
    """Rows and columns of the box between two pixels (x, y), cut at the border; None if nothing is left."""
    left, top = (max(int(np.floor(v)), 0) for v in first)
    right, bottom = min(int(np.ceil(last[0])), image.shape[1]), min(int(np.ceil(last[1])), image.shape[0])
    if right <= left or bottom <= top:
        return None
    return slice(top, bottom), slice(left, right)


def _rays(camera: Camera) -> Array:
    """(H, W, 3) unit directions in armature space."""
    rows, columns = np.mgrid[: camera.height, : camera.width]
    local = np.stack(
        [
            (columns - camera.center[0]) / camera.focal,
            (rows - camera.center[1]) / camera.focal,
            np.ones_like(rows, float),
        ],
        axis=-1,
    )
    world = local @ camera.rotation
    return world / np.linalg.norm(world, axis=-1, keepdims=True)
