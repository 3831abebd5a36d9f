# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples for the pose critic: a filmed subject, a pose near the truth, and others that look like it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from mocapanything_addon.fit.crop import Crop
from mocapanything_addon.fit.renderer import Renderer
from mocapanything_addon.ik.camera import Camera
from mocapanything_addon.ik.rotations import exp
from mocapanything_addon.models.images import draw_candidate
from mocapanything_addon.models.video_features import IMAGE_SIZE

from .appearance import Coat
from .character import MIRROR, Character, about_up
from .poses import estimated_pose, estimated_root, sample_pose
from .scenes import SUPERSAMPLING, SceneMaker, cut_border, random_camera, window_around

Array = NDArray[np.float64]
CANDIDATES = 4
"""A frame: the pose near the truth, its twin in depth, its limbs exchanged, one that faces elsewhere."""
CLOSE_SHARE = 0.6
"""Of the poses near the truth, those that only differ by some degrees, as the fit's do where it went well."""
GREY = 0.5
SMALLEST_TURN = np.radians(40.0)
"""Of a body that faces elsewhere."""
LOPSIDED = 0.06
"""Body sizes that the surface and its mirror image are apart, on average."""


@dataclass(frozen=True, eq=False)
class RivalFrame:
    """One frame and its candidates; the first is the one that is right."""

    color: NDArray[np.uint8]
    """(m, m, 3)."""
    mask: NDArray[np.uint8]
    """(m, m)."""
    drawn: NDArray[np.float16]
    """(CANDIDATES, 7, n, n)."""
    painted: NDArray[np.uint8]
    """(CANDIDATES, n, n, 3)."""


class RivalMaker:
    """Makes frames with rival poses.

    Args:
        scenes: Characters, poses, backgrounds.
        frame_size: Pixels a side of the film images; drawings have ``IMAGE_SIZE``.
    """

    def __init__(self, scenes: SceneMaker, frame_size: int = IMAGE_SIZE) -> None:
        self.scenes, self.rng = scenes, scenes.rng
        self.frame_size = frame_size

    def frames(self, count: int) -> list[RivalFrame]:
        """Frames of one character in one coat."""
        character = self.scenes.character()
        renderer = Renderer(character.faces, rasterizer=self.scenes.rasterizer)
        coat = Coat.random(self.rng, 0.6)
        sided = _has_sides(character)
        return [self._frame(character, renderer, coat, sided) for _ in range(count)]

    def _frame(self, character: Character, renderer: Renderer, coat: Coat, sided: bool) -> RivalFrame:
        rng, scenes = self.rng, self.scenes
        local = sample_pose(character, rng)
        rotations, positions = character.pose(local)
        vertices = character.posed_vertices(rotations, positions)
        camera = random_camera(vertices, rng)
        pixels = camera.project(vertices)
        border = cut_border(pixels, rng) if rng.random() < 0.15 else None
        window = window_around(pixels, border, IMAGE_SIZE, rng)
        fine = Crop(window.left, window.top, window.side, self.frame_size * SUPERSAMPLING)
        drawing = renderer.render(vertices, camera, fine)
        color, mask = scenes.film(character, drawing, vertices, coat, border, fine)

        near, shift = self._near(character, local)
        place = positions[0] + shift
        rivals = [near, twin(character, near, camera, place), self._exchanged(character, near)]
        rivals.append(self._turned(character, near, camera, place))
        if not sided:
            rivals[1] = self._turned(character, near, camera, place)
        colors = self._rig_colors(character, coat)
        drawn, painted = [], []
        for pose in rivals:
            posed = character.posed_vertices(*character.pose(pose, place))
            posed = posed + _back_in_view(posed, vertices, camera)
            image, paint = draw_candidate(renderer, character.vertices, colors, posed, camera, window)
            drawn.append(image)
            painted.append(paint)
        return RivalFrame(color, mask, np.stack(drawn), np.stack(painted))

    def _near(self, character: Character, local: Array) -> tuple[Array, Array]:
        rng = self.rng
        turn, shift = estimated_root(rng)
        if rng.random() < CLOSE_SHARE:
            degrees = rng.uniform(1.0, 8.0)
            noise = rng.normal(size=(character.joint_count, 3)) * np.radians(degrees)
            near = local @ exp(noise * character.stiffness[:, None])
            turn, shift = exp(rng.normal(size=3) * np.radians(0.5 * degrees)), 0.3 * shift
        else:
            near = estimated_pose(character, local, rng)
        near[0] = turn @ local[0]
        return near, shift

    def _exchanged(self, character: Character, near: Array) -> Array:
        """Some pairs of limbs traded; a body without any takes another moment's limbs."""
        rng = self.rng
        exchanged = character.exchanged(near)
        if not character.limbs:
            other = sample_pose(character, rng)
            other[0] = near[0]
            return other
        chosen = [chain for chain in character.limbs if rng.random() < 0.5] or list(character.limbs)
        joints = {j for chain in chosen for j in (*chain, *character.twins[list(chain)])}
        result = near.copy()
        result[sorted(joints)] = exchanged[sorted(joints)]
        return result

    def _turned(self, character: Character, near: Array, camera: Camera, place: Array) -> Array:
        turn = about_up(self.rng.uniform(SMALLEST_TURN, 2.0 * np.pi - SMALLEST_TURN))
        turned = near.copy()
        turned[0] = turn @ near[0]
        return twin(character, turned, camera, place) if self.rng.random() < 0.5 else turned

    def _rig_colors(self, character: Character, coat: Coat) -> NDArray[np.float32]:
        """What the user's rig looks like: as filmed, grey, or otherwise."""
        kind = self.rng.random()
        if kind < 0.3:
            return np.full_like(character.colors, GREY)
        worn = coat if kind < 0.7 else Coat.random(self.rng, 0.3)
        return worn.paint(character.colors, character.vertices.astype(np.float32))


def twin(character: Character, local: Array, camera: Camera, place: Array) -> Array:
    """(J, 3, 3) the pose with (almost) the same outline: mirrored in depth, left and right exchanged."""
    sideways = character.frame @ MIRROR @ character.frame.T
    mirrored = sideways @ local[character.twins] @ sideways
    view = place - camera.position
    view = view * [1.0, 1.0, 0.0]
    view /= max(float(np.linalg.norm(view)), 1e-9)
    in_depth = np.eye(3) - 2.0 * np.outer(view, view)
    mirrored[0] = in_depth @ local[0] @ sideways
    return mirrored


def _has_sides(character: Character) -> bool:
    """Whether its left side looks like its right one, so that a twin looks like itself."""
    sideways = character.frame @ MIRROR @ character.frame.T
    distances, _ = cKDTree(character.vertices).query(character.vertices @ sideways)
    return float(np.mean(distances)) < LOPSIDED


def _back_in_view(posed: Array, filmed: Array, camera: Camera) -> Array:
    """(3,) the way that brings the middle of a body to where the filmed one is seen, as the fit would."""

    def middle(vertices: Array) -> tuple[Array, float]:
        pixels = camera.project(vertices)
        depth = float(camera.to_camera(vertices)[:, 2].mean())
        return 0.5 * (pixels.min(0) + pixels.max(0)), depth

    (there, depth), (here, _) = middle(filmed), middle(posed)
    across = 0.7 * (there - here) * depth / camera.focal
    return np.asarray(across @ camera.rotation[:2])
