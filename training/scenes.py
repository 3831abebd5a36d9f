# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples for the correspondence network: a filmed subject, the rig as estimated, the truth."""

from __future__ import annotations

from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.fit.crop import Crop
from mocapanything_addon.fit.renderer import Light, Rasterizer, Renderer, Rendering, make_rasterizer
from mocapanything_addon.ik.camera import Camera
from mocapanything_addon.models.images import MARGIN, draw_estimate, to_places
from mocapanything_addon.models.reference import (
    VIEW_SIZE,
    joint_features,
    sample_surface,
    vertex_normals,
)
from mocapanything_addon.models.skeleton_graph import hop_distances, relations
from mocapanything_addon.models.video_features import IMAGE_SIZE

from .appearance import Backgrounds, Coat, occluded, shaded, worn_image, worn_mask
from .character import Character
from .poses import estimated_pose, estimated_root, sample_pose

Array = NDArray[np.float64]
SUPERSAMPLING = 2
FRAMES_PER_GROUP = 4
SURFACE_PER_GROUP = 48
VIEWS_PER_GROUP = 2
IMAGE_SIDE = 512
"""Pixels a side of the virtual film image; only ratios matter."""
SURFACE_TOLERANCE = 0.03
JOINT_TOLERANCE = 0.12
"""A joint counts as seen when the surface before it is no farther away than this (body sizes)."""


@dataclass(frozen=True, eq=False)
class Group:
    """M frames of one character variant: J joints, S surface points, K = J + S points."""

    joint_positions: NDArray[np.float32]
    joint_features: NDArray[np.float32]
    hops: NDArray[np.uint8]
    relations: NDArray[np.uint8]
    surface_positions: NDArray[np.float32]
    surface_normals: NDArray[np.float32]
    surface_joints: NDArray[np.int32]
    surface_weights: NDArray[np.float32]
    views: NDArray[np.uint8]
    """(N, 4, h, w) premultiplied."""
    view_points: NDArray[np.float32]
    color: NDArray[np.uint8]
    """(M, n, n, 3)."""
    mask: NDArray[np.uint8]
    """(M, n, n)."""
    estimate: NDArray[np.float16]
    """(M, 7, n, n)."""
    estimated_places: NDArray[np.float32]
    """(M, K, 2)."""
    estimated_depths: NDArray[np.float32]
    """(M, K) behind the root joint, body sizes."""
    places: NDArray[np.float32]
    """(M, K, 2) the truth."""
    depth_shift: NDArray[np.float32]
    """(M, K) true depth minus estimated depth."""
    visible: NDArray[np.bool_]
    """(M, K)."""
    body_per_place: NDArray[np.float32]
    """(M,) body sizes at the root's depth per half image."""


class SceneMaker:
    """Makes groups of samples from characters.

    Args:
        characters: What may appear; a family is drawn first, then one of its members.
        rng: Source of chance.
        backgrounds: Behind and before the subject.
        easy: Test conditions: no change of shape, no occluders, own colours half of the time.
    """

    def __init__(
        self,
        characters: list[Character],
        rng: np.random.Generator,
        backgrounds: Backgrounds,
        rasterizer: Rasterizer | None = None,
        *,
        easy: bool = False,
    ) -> None:
        self.families: dict[str, list[Character]] = {}
        for character in characters:
            self.families.setdefault(character.family, []).append(character)
        self.rng, self.backgrounds, self.easy = rng, backgrounds, easy
        self.rasterizer = rasterizer or make_rasterizer()

    def group(self) -> Group:
        """A new group."""
        return self.group_of(self.character())

    def character(self) -> Character:
        """A new variant of some character."""
        rng = self.rng
        names = sorted(self.families)
        weights = np.minimum(np.sqrt([len(self.families[name]) for name in names]), 2.5)
        family = self.families[names[rng.choice(len(names), p=weights / weights.sum())]]
        character = family[rng.integers(len(family))]
        return character if self.easy else character.varied(rng)

    def group_of(self, character: Character) -> Group:
        """A group of this very character."""
        rng = self.rng
        renderer = Renderer(character.faces, rasterizer=self.rasterizer)
        order = sample_surface(
            character.vertices, character.skin_joints, character.skin_weights, 2 * SURFACE_PER_GROUP
        )
        points = np.sort(rng.permutation(order)[:SURFACE_PER_GROUP])
        coat = Coat.random(rng, 0.6)
        shown = [self._frame(character, renderer, points, coat) for _ in range(FRAMES_PER_GROUP)]
        views = [self._view(character, renderer, coat) for _ in range(VIEWS_PER_GROUP)]
        normals = vertex_normals(character.vertices, character.faces)
        rest = character.rest
        return Group(
            joint_positions=rest.astype(np.float32),
            joint_features=joint_features(
                rest, character.parents, character.is_tail, character.skin_joints, character.skin_weights
            ),
            hops=hop_distances(character.parents),
            relations=relations(character.parents),
            surface_positions=(character.vertices[points]).astype(np.float32),
            surface_normals=(normals[points]).astype(np.float32),
            surface_joints=character.skin_joints[points],
            surface_weights=character.skin_weights[points],
            views=np.stack([v[0] for v in views]),
            view_points=np.stack([v[1] for v in views]),
            **{name: np.stack([frame[name] for frame in shown]) for name in shown[0]},
        )

    def _frame(
        self, character: Character, renderer: Renderer, points: NDArray[np.intp], coat: Coat
    ) -> dict[str, NDArray]:
        rng = self.rng
        local = sample_pose(character, rng)
        rotations, positions = character.pose(local)
        vertices = character.posed_vertices(rotations, positions)
        camera = random_camera(vertices, rng)
        border = cut_border(camera.project(vertices), rng) if rng.random() < 0.15 else None
        window = window_around(camera.project(vertices), border, IMAGE_SIZE, rng)
        fine = Crop(window.left, window.top, window.side, IMAGE_SIZE * SUPERSAMPLING)
        drawing = renderer.render(vertices, camera, fine)
        worn = coat if rng.random() < 0.5 else Coat.random(rng, 0.3)
        color, mask = self.film(character, drawing, vertices, worn, border, fine)

        turn, shift = estimated_root(rng)
        guess = estimated_pose(character, local, rng)
        guess[0] = turn @ guess[0]
        guess_rotations, guess_positions = character.pose(guess, positions[0] + shift)
        guess_vertices = character.posed_vertices(guess_rotations, guess_positions)
        estimate = draw_estimate(renderer, character.vertices, guess_vertices, camera, window)

        true = np.concatenate([positions, vertices[points]])
        guessed = np.concatenate([guess_positions, guess_vertices[points]])
        depth, guessed_depth = camera.to_camera(true)[:, 2], camera.to_camera(guessed)[:, 2]
        places = to_places(camera.project(true), window)
        tolerance = np.where(np.arange(len(true)) < character.joint_count, JOINT_TOLERANCE, SURFACE_TOLERANCE)
        return {
            "color": color,
            "mask": mask,
            "estimate": estimate,
            "estimated_places": to_places(camera.project(guessed), window).astype(np.float32),
            "estimated_depths": (guessed_depth - guessed_depth[0]).astype(np.float32),
            "places": places.astype(np.float32),
            "depth_shift": (depth - guessed_depth).astype(np.float32),
            "visible": _seen(places, depth, drawing, mask, tolerance),
            "body_per_place": np.float32(0.5 * window.side * depth[0] / camera.focal),
        }

    def film(
        self,
        character: Character,
        drawing: Rendering,
        vertices: Array,
        coat: Coat,
        border: tuple[int, float] | None,
        window: Crop,
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The film image and its mask, half as many pixels a side as the window."""
        rng = self.rng
        size = drawing.mask.shape[0]
        image = shaded(drawing, character.faces, vertices, character.vertices, character.colors, coat, rng)
        mask = drawing.mask.astype(np.float32)
        image = np.where(mask[..., None] > 0, image, self.backgrounds.cut(size, rng))
        if not self.easy and rng.random() < 0.25:
            image, mask = occluded(image, mask, self.backgrounds, rng)
        image = worn_image(image, rng)
        mask = worn_mask(mask, rng)
        if border is not None:
            beyond = _beyond(border, window)
            image, mask = np.where(beyond[..., None], 0.0, image), np.where(beyond, 0.0, mask)
        if not self.easy and rng.random() < 0.1:
            image = np.full_like(image, 0.5)  # the outline has to do without colours
        small = (window.size // SUPERSAMPLING, window.size // SUPERSAMPLING)
        color = cv2.resize((image * 255.0).astype(np.uint8), small, interpolation=cv2.INTER_AREA)
        covered = cv2.resize((mask * 255.0).astype(np.uint8), small, interpolation=cv2.INTER_AREA)
        return np.asarray(color, np.uint8), np.asarray(covered, np.uint8)

    def _view(
        self, character: Character, renderer: Renderer, coat: Coat
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        rng = self.rng
        camera = random_camera(character.vertices, rng, level=True)
        window = window_around(camera.project(character.vertices), None, VIEW_SIZE, None)
        colors = coat.paint(character.colors, character.vertices.astype(np.float32))
        drawing = renderer.render(
            character.vertices, camera, window, colors=colors, light=Light(ambient=0.6, diffuse=0.4)
        )
        assert drawing.color is not None
        image = np.concatenate([drawing.color, 255 * drawing.mask[..., None].astype(np.uint8)], -1)
        points = to_places(camera.project(character.rest), window)
        return image.transpose(2, 0, 1), points.astype(np.float32)


def random_camera(vertices: Array, rng: np.random.Generator, *, level: bool = False) -> Camera:
    """A camera anywhere around the mesh, mostly a little above it, not quite aimed at its middle."""
    yaw = rng.uniform(0.0, 2.0 * np.pi)
    elevation = np.radians(rng.uniform(5.0, 25.0) if level else rng.uniform(-10.0, 40.0))
    roll = 0.0 if level else np.radians(rng.normal() * 4.0)
    fov = np.radians(rng.uniform(25.0, 60.0))
    back = np.array([np.cos(yaw) * np.cos(elevation), np.sin(yaw) * np.cos(elevation), np.sin(elevation)])
    right = np.array([-np.sin(yaw), np.cos(yaw), 0.0])
    down = -np.cross(back, right)
    axes = np.stack([right, down, -back])
    cos, sin = np.cos(roll), np.sin(roll)
    axes = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]]) @ axes
    middle = 0.5 * (vertices.max(0) + vertices.min(0))
    extent = float(np.ptp(vertices, axis=0).max())
    coverage = rng.uniform(0.3, 0.9)
    distance = max(0.5 * extent / np.tan(0.5 * fov) / coverage, 0.8 * extent)
    aside = rng.uniform(-0.5, 0.5, 2) * (1.0 - coverage) * distance * np.tan(0.5 * fov)
    center = np.array([aside[0], aside[1], distance])
    return Camera.from_fov(np.degrees(fov), IMAGE_SIDE, IMAGE_SIDE, axes, center - axes @ middle)


def as_numbers(group: Group) -> dict[str, NDArray]:
    """Field -> array."""
    return {f.name: getattr(group, f.name) for f in fields(group)}


def cut_border(pixels: Array, rng: np.random.Generator) -> tuple[int, float]:
    """An image border that cuts the subject: side (0 left, 1 top, 2 right, 3 bottom) and its pixel."""
    side = int(rng.integers(4))
    low, high = pixels[:, side % 2].min(), pixels[:, side % 2].max()
    cut = rng.uniform(0.05, 0.4) * (high - low)
    return side, float(low + cut if side < 2 else high - cut)


def _beyond(border: tuple[int, float], window: Crop) -> NDArray[np.bool_]:
    side, at = border
    pixels = np.arange(window.size)
    along = window.to_image(np.stack([pixels, pixels], -1))[:, side % 2]
    beyond = along < at if side < 2 else along > at
    return np.broadcast_to(beyond[None, :] if side % 2 == 0 else beyond[:, None], (window.size, window.size))


def window_around(
    pixels: Array, border: tuple[int, float] | None, size: int, rng: np.random.Generator | None
) -> Crop:
    """The window around what is seen of the subject, jittered as a worn mask would."""
    low, high = pixels.min(0), pixels.max(0)
    if border is not None:
        side, at = border
        if side < 2:
            low[side] = at
        else:
            high[side - 2] = at
    length, middle = max(float((high - low).max()), 1.0), 0.5 * (low + high)
    margin = MARGIN
    if rng is not None:
        middle = middle + rng.uniform(-0.05, 0.05, 2) * length
        margin = rng.uniform(1.05, 1.4)
    corner = middle - 0.5 * length * margin
    return Crop(float(corner[0]), float(corner[1]), float(length * margin), size)


def _seen(
    places: Array, depth: Array, drawing: Rendering, mask: NDArray[np.uint8], tolerance: Array
) -> NDArray[np.bool_]:
    """(K,) inside the window, on the mask, and no surface lies before the point."""
    size = drawing.mask.shape[0]
    at = np.floor((places + 1.0) * 0.5 * size).astype(int)
    inside = ((at >= 0) & (at < size)).all(1)
    at = np.clip(at, 0, size - 1)
    front = drawing.depth[at[:, 1], at[:, 0]]
    coarse = at * mask.shape[0] // size
    on_mask = mask[coarse[:, 1], coarse[:, 0]] > 127
    return inside & on_mask & (front > depth - tolerance)
