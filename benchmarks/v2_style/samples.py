# SPDX-License-Identifier: GPL-3.0-or-later
"""Training windows: frames of a filmed character, drawn by the engine that our own networks learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mocapanything_addon.fit.crop import Crop
from mocapanything_addon.fit.renderer import Rasterizer, Renderer, make_rasterizer
from mocapanything_addon.ik.camera import Camera
from mocapanything_addon.ik.rotations import nearest_rotation
from mocapanything_addon.models.images import to_places
from training.appearance import Backgrounds, Coat, occluded, shaded, worn_image, worn_mask
from training.character import Character
from training.scenes import SUPERSAMPLING, SceneMaker, random_camera, window_around
from training.windows import WindowMaker

from .geometry import Sightline, sightline
from .network import IMAGE_SIZE, Trunk, VideoBatch
from .rig_input import RigInput, Seen, rig_input, see

Array = NDArray[np.float64]
WINDOW = 6
"""Frames."""
SLOW, FAST = 1, 3
"""Every first to third of a motion's frames is shown."""
GREY_SHARE = 0.2
"""Of the rigs: mid grey in their reference pictures, as many artists' rigs are."""
GREY = 0.5


@dataclass(frozen=True, eq=False)
class PoseWindow:
    """T frames of one character. Positions and the root's rotation in level axes, see geometry.py."""

    rig: RigInput
    frames: Seen
    views: NDArray[np.float32]
    """(T, VIEW_FEATURES)."""
    rays: NDArray[np.float32]
    """(T, 3, 3)."""
    spread: NDArray[np.float32]
    """(T,)."""
    times: NDArray[np.float32]
    """(T,)."""
    places: NDArray[np.float32]
    """(T, J, 2)."""
    depths: NDArray[np.float32]
    """(T, J) behind the root."""
    log_scale: NDArray[np.float32]
    """(T,)."""
    positions: NDArray[np.float32]
    """(T, J, 3) from the root."""
    rotations: NDArray[np.float32]
    """(T, J, 3, 3) local; of the root global."""
    average: NDArray[np.float32]
    """(J, 3, 3) mean local rotations of the whole clip; the identity for the root."""


@dataclass(frozen=True, eq=False)
class Truth:
    """Of B windows, padded."""

    places: Tensor
    depths: Tensor
    log_scale: Tensor
    positions: Tensor
    rotations: Tensor
    counts: Tensor
    """(B, J) joints whose local rotation is judged: neither root nor tail nor padding."""


class PoseWindowMaker:
    """Makes windows from characters with clips.

    Args:
        characters: What may appear.
        rng: Source of chance.
        backgrounds: Behind and before the subject.
        trunk: Its frozen part looks at the pictures once.
        easy: Test conditions: own shape, a clip as it is, no occluders.
    """

    def __init__(
        self,
        characters: list[Character],
        rng: np.random.Generator,
        backgrounds: Backgrounds,
        trunk: Trunk,
        rasterizer: Rasterizer | None = None,
        *,
        easy: bool = False,
    ) -> None:
        self.rng, self.backgrounds, self.trunk, self.easy = rng, backgrounds, trunk, easy
        self.rasterizer = rasterizer or make_rasterizer()
        self.scenes = SceneMaker(characters, rng, backgrounds, self.rasterizer, easy=easy)
        self.motions = WindowMaker(characters, rng, easy=easy)

    def window(self) -> PoseWindow:
        """A new window."""
        character, rng = self.scenes.character(), self.rng
        times, local, root, average = self._motion(character)
        rotations, positions = character.pose(local, root)
        vertices = character.posed_vertices(rotations, positions)
        camera = random_camera(vertices.reshape(-1, 3), rng)
        coat = Coat.random(rng, 0.6)
        color, mask, windows = self._film(character, vertices, camera, coat)
        lines = [sightline(camera, window) for window in windows]
        depth = camera.to_camera(positions)[..., 2]
        turned = local.copy()
        turned[:, 0] = np.stack([line.level for line in lines]) @ rotations[:, 0]
        places = [to_places(camera.project(p), w) for p, w in zip(positions, windows, strict=True)]
        return PoseWindow(
            rig=self._rig(character, coat),
            frames=see(self.trunk, color, mask),
            **told(lines),
            times=times.astype(np.float32),
            places=np.stack(places).astype(np.float32),
            depths=(depth - depth[:, :1]).astype(np.float32),
            log_scale=np.log([line.spread * d for line, d in zip(lines, depth[:, 0], strict=True)]).astype(
                np.float32
            ),
            positions=np.stack(
                [(p - p[0]) @ line.level.T for p, line in zip(positions, lines, strict=True)]
            ).astype(np.float32),
            rotations=turned.astype(np.float32),
            average=average.astype(np.float32),
        )

    def _motion(self, character: Character) -> tuple[Array, Array, Array, Array]:
        """Times, local rotations, root positions of WINDOW frames, and the clip's mean local rotations."""
        number = int(self.rng.integers(len(character.clips)))
        times, local, root = self.motions.motion(character, number if self.easy else None)
        step = 1 if self.easy else int(self.rng.integers(SLOW, FAST + 1))
        chosen = np.arange(0, len(times), step)[:WINDOW]
        chosen = np.arange(WINDOW) if len(chosen) < WINDOW else chosen
        whole = character.in_frame(character.clips[number][0].astype(float))
        average = nearest_rotation(whole.mean(0))
        average[0] = np.eye(3)
        return times[chosen] - times[chosen[0]], local[chosen], root[chosen], average

    def _film(
        self, character: Character, vertices: Array, camera: Camera, coat: Coat
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8], list[Crop]]:
        """Pictures (T, n, n, 3), masks (T, n, n) and windows; one light and one place for all frames."""
        rng = self.rng
        renderer = Renderer(character.faces, rasterizer=self.rasterizer)
        worn = coat if rng.random() < 0.6 else Coat.random(rng, 0.3)
        hidden = not self.easy and rng.random() < 0.2
        colorless = not self.easy and rng.random() < 0.08
        seed = int(rng.integers(2**31))
        small = (IMAGE_SIZE, IMAGE_SIZE)
        colors, masks, windows = [], [], []
        for posed in vertices:
            window = window_around(camera.project(posed), None, IMAGE_SIZE, rng)
            fine = Crop(window.left, window.top, window.side, IMAGE_SIZE * SUPERSAMPLING)
            drawing = renderer.render(posed, camera, fine)
            scene = np.random.default_rng(seed)
            image = shaded(drawing, character.faces, posed, character.vertices, character.colors, worn, scene)
            mask = drawing.mask.astype(np.float32)
            image = np.where(mask[..., None] > 0, image, self.backgrounds.cut(fine.size, scene))
            if hidden:
                image, mask = occluded(image, mask, self.backgrounds, scene)
            image, mask = worn_image(image, scene), worn_mask(mask, rng)
            if colorless:
                image = np.full_like(image, GREY)
            shrunk = cv2.resize((255.0 * image).astype(np.uint8), small, interpolation=cv2.INTER_AREA)
            covered = cv2.resize((255.0 * mask).astype(np.uint8), small, interpolation=cv2.INTER_AREA)
            colors.append(np.asarray(shrunk, np.uint8))
            masks.append(np.asarray(covered, np.uint8))
            windows.append(window)
        return np.stack(colors), np.stack(masks), windows

    def _rig(self, character: Character, coat: Coat) -> RigInput:
        colors = coat.paint(character.colors, character.vertices.astype(np.float32))
        if self.rng.random() < GREY_SHARE:
            colors = np.full_like(colors, GREY)
        return rig_input(
            self.trunk,
            character.rest,
            character.parents,
            character.is_tail,
            character.vertices,
            character.faces,
            (character.skin_joints, character.skin_weights),
            colors,
            self.rasterizer,
            self.rng.uniform(0.0, 360.0),
        )


def told(lines: Sequence[Sightline]) -> dict[str, NDArray[np.float32]]:
    """What sightlines (T,) say to the network: views, rays, spread."""
    return {
        "views": np.stack([line.features for line in lines]),
        "rays": np.stack([line.rays for line in lines]).astype(np.float32),
        "spread": np.array([line.spread for line in lines], np.float32),
    }


def stack_video(windows: Sequence[PoseWindow]) -> VideoBatch:
    """The windows' frames."""

    def stacked(name: str) -> Tensor:
        return torch.from_numpy(np.stack([getattr(w, name) for w in windows]))

    times = stacked("times")
    return VideoBatch(
        early=torch.from_numpy(np.stack([w.frames.early for w in windows])).float(),
        hints=torch.from_numpy(np.stack([w.frames.hints for w in windows])).float(),
        views=stacked("views"),
        rays=stacked("rays"),
        spread=stacked("spread"),
        times=times,
        seen=torch.ones(times.shape, dtype=torch.bool),
    )


def stack_truth(windows: Sequence[PoseWindow]) -> Truth:
    """What is true of the windows, padded to the most joints."""
    joints = max(len(w.rig.parents) for w in windows)

    def padded(name: str) -> Tensor:
        found = []
        for window in windows:
            values = getattr(window, name)
            gap = [(0, 0)] * values.ndim
            gap[1] = (0, joints - values.shape[1])
            found.append(np.pad(values, gap))
        return torch.from_numpy(np.stack(found))

    counts = np.zeros((len(windows), joints), bool)
    for row, window in zip(counts, windows, strict=True):
        row[: len(window.rig.parents)] = ~window.rig.is_tail
    counts[:, 0] = False
    return Truth(
        places=padded("places"),
        depths=padded("depths"),
        log_scale=torch.from_numpy(np.stack([w.log_scale for w in windows])),
        positions=padded("positions"),
        rotations=padded("rotations"),
        counts=torch.from_numpy(counts),
    )
