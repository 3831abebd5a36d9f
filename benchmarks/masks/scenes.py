# SPDX-License-Identifier: GPL-3.0-or-later
"""Drawn scenes in which a subject is hard to keep: another creature crosses, something hides it, it leaves
and comes back, the camera pans and shakes, the film is cut. All that is visible of it is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from samples.footage import write_video
from samples.render import Photographer, frame_points
from samples.scenery import Scenery
from training.pack import FRAME_RATE

from ..fitting.clips import ClipSpec
from ..fitting.filming import View, place_camera, posed_vertices
from ..fitting.subjects import make_subject

FRAMES = 48
WIDTH, HEIGHT = 640, 400
ROOM, HEADROOM = 420, 40
"""Pixels of the scene beyond the image, on either side, above and below."""
TALL = 200
"""Pixels of a creature's longer side."""
GROUND = 330.0
"""Row of the image on which creatures stand."""
POST = 230
"""Pixels across of what hides a creature."""
Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sprite:
    """A creature, frame by frame, cut out."""

    images: list[Image]
    masks: list[Mask]


@dataclass(frozen=True, eq=False)
class Plan:
    """What happens in a scene; places in pixels from the image's middle, T frames."""

    kind: str
    subject: Array
    """(T,) where the subject's middle is."""
    other: Array | None = None
    """(T,) where another creature's is; None: there is none."""
    other_in_front: bool = True
    post: bool = False
    """Something stands in the middle, before everything."""
    pan: Array = field(default_factory=lambda: np.zeros(FRAMES))
    lift: Array = field(default_factory=lambda: np.zeros(FRAMES))
    """(T,) pixels that the camera has moved."""
    cut: bool = False
    """Another shot comes before."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A video and what is visible in it of the creature that is meant. T frames."""

    name: str
    path: Path
    first: int
    """The video's frame with which they begin."""
    masks: list[Mask]
    """(H, W) each."""
    shown: Array
    """(T,) share of the creature that is visible."""
    cut_off: NDArray[np.bool_]
    """(T, 4) it reaches beyond the left, top, right, bottom border."""
    hidden: Array
    """(T,) share of what lies within the image of it that something else covers; NaN where nothing does."""


def plans(seed: int) -> list[Plan]:
    """One of every kind."""
    rng = np.random.default_rng(seed)
    way = np.linspace(-1.0, 1.0, FRAMES)
    shake = np.cumsum(rng.normal(0.0, 1.0, (2, FRAMES)), axis=1)
    beyond = 0.5 * WIDTH + 0.6 * TALL
    return [
        Plan("crossed in front", 90.0 * way, -280.0 * way),
        Plan("crossed behind", 90.0 * way, -280.0 * way, other_in_front=False),
        Plan("hidden for a while", 300.0 * way, post=True),
        Plan("leaves and returns", beyond * np.clip(1.6 - 2.2 * np.abs(way), -0.3, 1.0)),
        Plan("panning camera", 240.0 * way, pan=230.0 * way),
        Plan("shaking camera", 90.0 * way, pan=6.0 * shake[0], lift=2.0 * shake[1]),
        Plan("cut", 120.0 * way, cut=True),
        Plan("cut off", 0.5 * WIDTH - 10.0 + 40.0 * way),
    ]


def draw_sprite(spec: ClipSpec, packs: Path) -> Sprite:
    """Photograph a creature and cut it out."""
    subject = make_subject(spec, packs, FRAMES)
    camera = place_camera(spec, subject, View())
    photographer = Photographer.of_rig(
        subject.rig, Scenery(spec.palette, seed=1, scale=1.0, trees=0), seed=1, supersampling=1
    )
    shots = [photographer.photograph(vertices, camera) for vertices in posed_vertices(subject)]
    seen = np.logical_or.reduce([mask for _, mask in shots])
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    height, width = seen[part].shape
    size = max(8, round(width * TALL / max(height, width))), max(8, round(height * TALL / max(height, width)))
    images = [
        np.asarray(cv2.resize(image[part], size, interpolation=cv2.INTER_AREA), np.uint8)
        for image, _ in shots
    ]
    masks = [
        cv2.resize(mask[part].astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA) > 127
        for _, mask in shots
    ]
    return Sprite(images, masks)


def backdrop(spec: ClipSpec, packs: Path, palette: str, seed: int) -> Image:
    """The whole place, with nobody in it."""
    subject = make_subject(spec, packs, FRAMES)
    vertices = posed_vertices(subject)[0]
    camera = frame_points(
        vertices,
        azimuth=30.0,
        elevation=8.0,
        fov=70.0,
        width=WIDTH + 2 * ROOM,
        height=HEIGHT + 2 * HEADROOM,
        fill=0.3,
    )
    photographer = Photographer.of_rig(
        subject.rig, Scenery(palette, seed=seed, scale=1.0, trees=12), seed=seed, supersampling=1
    )
    nowhere = vertices - 1000.0 * camera.rotation[2]  # behind the camera
    return photographer.photograph(nowhere, camera)[0]


def draw_scene(
    name: str, plan: Plan, subject: Sprite, other: Sprite, places: tuple[Image, Image], folder: Path
) -> Scene:
    """Draw a scene and write its video.

    Args:
        name: Of the creatures.
        plan: What happens.
        subject: The creature that is meant.
        other: Another one, where the plan has one.
        places: Where it happens, and where the shot before was taken.
        folder: Where the video goes.
    """
    masks: list[Mask] = []
    shown, cut_off = np.zeros(FRAMES), np.zeros((FRAMES, 4), bool)
    hidden = np.full(FRAMES, np.nan)
    frames: list[Image] = []
    first = FRAMES // 3 if plan.cut else 0
    frames += [_view(places[1], 0.0, 0.0)] * first
    for t in range(FRAMES):
        canvas = places[0].copy()
        layers = [(subject, plan.subject)]
        if plan.other is not None:
            layers.insert(1 if plan.other_in_front else 0, (other, plan.other))
        whole = visible = np.zeros(canvas.shape[:2], bool)
        for sprite, path in layers:
            covered = _paste(canvas, sprite, t, float(path[t]))
            if sprite is subject:
                whole = visible = covered
            else:
                visible = visible & ~covered
        if plan.post:
            left = ROOM + (WIDTH - POST) // 2
            canvas[:, left : left + POST] = _planks(canvas.shape[0])
            visible = visible.copy()
            visible[:, left : left + POST] = False
        pan, lift = float(plan.pan[t]), float(plan.lift[t])
        frames.append(_view(canvas, pan, lift))
        masks.append(_view(visible, pan, lift))
        shown[t] = masks[-1].sum() / max(int(whole.sum()), 1)
        cut_off[t] = _beyond(whole, pan, lift)
        within = int(_view(whole, pan, lift).sum())
        if within:
            hidden[t] = 1.0 - masks[-1].sum() / within
    file = folder / f"{name} {plan.kind}.mp4".replace(" ", "_")
    write_video(file, iter(frames), frame_rate=round(FRAME_RATE))
    return Scene(f"{name}: {plan.kind}", file, first, masks, shown, cut_off, hidden)


def scenes(
    pairs: list[tuple[ClipSpec, ClipSpec]], packs: Path, folder: Path
) -> Iterator[tuple[ClipSpec, Scene]]:
    """All kinds of scenes with each pair: the creature that is meant, and another one."""
    for seed, (spec, other) in enumerate(pairs):
        sprites = draw_sprite(spec, packs), draw_sprite(other, packs)
        places = (
            backdrop(spec, packs, ("meadow", "yard", "snow")[seed % 3], seed),
            backdrop(spec, packs, "desert", seed + 7),
        )
        for plan in plans(seed):
            yield spec, draw_scene(spec.name, plan, *sprites, places, folder)


def _paste(canvas: Image, sprite: Sprite, t: int, across: float) -> Mask:
    """Put a creature into the scene; returns what it covers (H, W)."""
    image, mask = sprite.images[t % len(sprite.images)], sprite.masks[t % len(sprite.masks)]
    height, width = mask.shape
    left = round(ROOM + 0.5 * WIDTH + across - 0.5 * width)
    top = round(HEADROOM + GROUND - height)
    covered = np.zeros(canvas.shape[:2], bool)
    from_left, to_right = max(0, -left), max(0, left + width - canvas.shape[1])
    part = slice(from_left, width - to_right)
    place = slice(top, top + height), slice(left + from_left, left + width - to_right)
    covered[place] = mask[:, part]
    canvas[covered] = image[:, part][mask[:, part]]
    return covered


def _view(canvas: NDArray, pan: float, lift: float) -> NDArray:
    x, y = round(ROOM + pan), round(HEADROOM + lift)
    return canvas[y : y + HEIGHT, x : x + WIDTH]


def _beyond(whole: Mask, pan: float, lift: float) -> list[bool]:
    rows, columns = np.nonzero(whole)
    if not len(rows):
        return [False] * 4
    x, y = round(ROOM + pan), round(HEADROOM + lift)
    return [
        bool(columns.min() < x),
        bool(rows.min() < y),
        bool(columns.max() >= x + WIDTH),
        bool(rows.max() >= y + HEIGHT),
    ]


def _planks(height: int) -> Image:
    """(height, POST, 3) a wall of wood."""
    rng = np.random.default_rng(3)
    grain = cv2.GaussianBlur(rng.normal(0.0, 40.0, (height, POST)), (0, 0), sigmaX=1.0, sigmaY=25.0)
    joints = np.where(np.arange(POST) % 46 < 3, -40.0, 0.0)
    level = (grain * 2.0 + joints)[..., None] + np.array([120.0, 88.0, 58.0])
    return np.asarray(np.clip(level, 0, 255), np.uint8)
