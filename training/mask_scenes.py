# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures with exact masks: drawn creatures and cut-outs over any background, and real frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.fit.crop import Crop
from mocapanything_addon.fit.renderer import Rasterizer, Renderer, make_rasterizer
from mocapanything_addon.ik.camera import Camera
from mocapanything_addon.worker.subject.window import box_of, cut_window, inside_image

from .appearance import Coat, Image, occluded, shaded
from .backdrops import Backdrops
from .character import Character
from .poses import sample_pose
from .scenes import random_camera
from .teacher import TaughtFrame

Array = NDArray[np.float64]
SUPERSAMPLING = 2
DRAWN, REAL, PASTED = 0.4, 0.22, 0.38
"""Shares of scenes: a drawn subject, a real frame as it is, a real cut-out on another background."""
CUT_OUTS = 0.75
"""Share of given cut-outs among what is pasted; the others come from real frames."""
SHAPES = 0.5
"""Share of drawn subjects that are like no creature: what the hint points at is meant, whatever it is."""
EMPTY = 0.04
"""Share of composed scenes without a subject: it has gone, or a hint was wrong."""


@dataclass(frozen=True, eq=False)
class MaskScene:
    """A window (n, n) and what is in it, all 0 to 255."""

    image: NDArray[np.uint8]
    """(n, n, 3) RGB."""
    subject: NDArray[np.uint8]
    shadow: NDArray[np.uint8]
    """Its shadow, or what a poor method may take for one."""
    others: NDArray[np.uint8]
    """Other creatures, where they are seen."""
    alone: bool
    """What is meant is clear without a hint."""


@dataclass(frozen=True, eq=False)
class _Layer:
    """Something to be laid over a picture."""

    color: Image
    """(n, n, 3) premultiplied."""
    alpha: Image
    shadow: Image
    """(n, n) 0 to 1."""


class MaskSceneMaker:
    """Makes scenes.

    Args:
        characters: What is drawn; a family is drawn first, then one of its members.
        taught: Real frames with the teacher's masks; may be empty.
        backdrops: What lies behind.
        cut_outs: Pictures of creatures with exact masks, to be pasted; may be none.
        rng: Source of chance.
        size: Pixels a side of the windows.
    """

    def __init__(
        self,
        characters: list[Character],
        taught: Iterable[TaughtFrame],
        backdrops: Backdrops,
        rng: np.random.Generator,
        size: int,
        rasterizer: Rasterizer | None = None,
        *,
        cut_outs: Sequence[TaughtFrame] = (),
    ) -> None:
        self.cut_outs = cut_outs
        self.families: dict[str, list[Character]] = {}
        for character in characters:
            self.families.setdefault(character.family, []).append(character)
        self.videos: dict[str, list[TaughtFrame]] = {}
        for frame in taught:
            if np.isfinite(box_of(frame.mask > 127)[0]):
                self.videos.setdefault(frame.video, []).append(frame)
        self.backdrops, self.rng, self.size = backdrops, rng, size
        self.rasterizer = rasterizer or make_rasterizer()

    def scene(self) -> MaskScene:
        """A scene of a random kind."""
        shares = np.array([DRAWN, REAL * bool(self.videos), PASTED * bool(self.videos or self.cut_outs)])
        kind = self.rng.choice(3, p=shares / shares.sum())
        return (self.drawn, self.real, self.pasted)[kind]()

    def drawn(self) -> MaskScene:
        """A drawn creature over a background, sometimes with others."""
        place = self._place(subject=True)
        layer = self._shape(place) if self.rng.random() < SHAPES else self._creature(place, textured=True)
        return self._composed(layer)

    def pasted(self) -> MaskScene:
        """A real creature over another background, sometimes with others."""
        return self._composed(self._cut_out(self._place(subject=True)))

    def real(self) -> MaskScene:
        """A frame as filmed, around its subject or whole; one of the parts of a mask that has several."""
        rng = self.rng
        frame = self._taught()
        mask, others = _one_part(frame.mask, rng) if rng.random() < 0.6 else (frame.mask, None)
        height, width = mask.shape
        if rng.random() < 0.25:
            side = float(max(height, width)) * rng.uniform(0.8, 1.05)
            middle = np.array([0.5 * width, 0.5 * height]) + rng.normal(size=2) * 0.05 * side
        else:
            left, top, right, bottom = box_of(mask > 127)
            side = max(right - left, bottom - top, 16.0) / rng.uniform(0.35, 0.95)
            middle = np.array([0.5 * (left + right), 0.5 * (top + bottom)])
            middle = middle + rng.uniform(-0.15, 0.15, 2) * side
        crop = Crop(float(middle[0] - 0.5 * side), float(middle[1] - 0.5 * side), float(side), self.size)
        image = cut_window(frame.image, crop, width)
        inside = inside_image(crop, width, height)
        subject = cut_window(mask, crop, width) * inside
        rest = np.zeros_like(subject) if others is None else cut_window(others, crop, width) * inside
        shadow = _levels(_fallen(subject.astype(np.float32) / np.float32(255.0), rng))
        worn = self._worn(image.astype(np.float32) / 255.0)
        return MaskScene(worn, subject, shadow, rest, alone=not rest.any())

    def _composed(self, layer: _Layer) -> MaskScene:
        rng = self.rng
        picture, others = self.backdrops.cut(self.size, rng)
        if rng.random() < EMPTY:
            layer = _Layer(*(np.zeros_like(part) for part in (layer.color, layer.alpha, layer.shadow)))
        alone = bool(others.max() < 0.5)
        for _ in range(int(rng.choice(3, p=[0.6, 0.3, 0.1]))):
            other = self._another()
            picture, seen = _laid(other, picture, rng)
            others = np.maximum(others * (1.0 - seen), seen)
            alone = alone and float(seen.sum()) < 0.25 * float(layer.alpha.sum())
        color = layer.color
        if rng.random() < 0.2:
            # Coloured like what is behind: edges have to do, or the hint.
            weight = layer.alpha[..., None]
            behind = (picture * weight).sum((0, 1)) / max(float(weight.sum()), 1.0)
            own = color.sum((0, 1)) / max(float(weight.sum()), 1.0)
            color = np.clip(color + weight * (behind - own) * np.float32(rng.uniform(0.5, 1.0)), 0.0, 1.0)
        picture, subject = _laid(_Layer(color, layer.alpha, layer.shadow), picture, rng)
        others = others * (1.0 - subject)
        if rng.random() < 0.12:
            before = self._another()
            picture, seen = _laid(before, picture, rng)
            subject, others = subject * (1.0 - seen), np.maximum(others * (1.0 - seen), seen)
            alone = False
        if rng.random() < 0.12:
            picture, subject = occluded(picture, subject, self.backdrops.things, rng)
        picture, subject, others = self._cut_by_border(picture, subject, others)
        shadow = layer.shadow * (1.0 - subject)
        return MaskScene(self._worn(picture), _levels(subject), _levels(shadow), _levels(others), alone)

    def _another(self) -> _Layer:
        place = self._place(subject=False)
        if (self.videos or self.cut_outs) and self.rng.random() < 0.4:
            return self._cut_out(place)
        return self._creature(place, textured=False)

    def _place(self, *, subject: bool) -> tuple[float, Array]:
        """Longer side of a creature's box, and its middle, window sides."""
        rng = self.rng
        if not subject:
            return rng.uniform(0.15, 0.7), rng.uniform(0.0, 1.0, 2)
        share = rng.uniform(0.35, 0.88) if rng.random() < 0.8 else rng.uniform(0.1, 0.35)
        return share, 0.5 + rng.uniform(-0.5, 0.5, 2) * (1.0 - share) * 0.9

    def _creature(self, place: tuple[float, Array], *, textured: bool) -> _Layer:
        """A drawn creature and its shadow on the ground."""
        rng = self.rng
        names = sorted(self.families)
        family = self.families[names[rng.integers(len(names))]]
        character = family[rng.integers(len(family))].varied(rng)
        rotations, positions = character.pose(sample_pose(character, rng))
        vertices = character.posed_vertices(rotations, positions)
        camera = random_camera(vertices, rng)
        pixels = camera.project(vertices)
        low, high = pixels.min(0), pixels.max(0)
        side = max(float((high - low).max()), 1.0) / place[0]
        corner = 0.5 * (low + high) - place[1] * side
        fine = Crop(float(corner[0]), float(corner[1]), side, self.size * SUPERSAMPLING)
        renderer = Renderer(character.faces, rasterizer=self.rasterizer)
        drawing = renderer.render(vertices, camera, fine)
        coat = Coat.random(rng, 0.5)
        image = shaded(drawing, character.faces, vertices, character.vertices, character.colors, coat, rng)
        size = (self.size, self.size)
        alpha = np.asarray(
            cv2.resize(drawing.mask.astype(np.float32), size, interpolation=cv2.INTER_AREA), np.float32
        )
        color = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)
        if textured and rng.random() < 0.6:
            grain = self.backdrops.grain(self.size, rng) * np.float32(rng.uniform(0.1, 0.5))
            color = np.clip(color * (1.0 + grain[..., None]), 0.0, alpha[..., None])
        shadow = np.zeros_like(alpha)
        if rng.random() < 0.75:
            found = _on_ground(renderer, vertices, camera, Crop(fine.left, fine.top, side, self.size), rng)
            shadow = shadow if found is None else found
        return _blurred(_Layer(color, alpha, shadow), rng)

    def _shape(self, place: tuple[float, Array]) -> _Layer:
        """A body and some limbs of a flat colour or any texture."""
        rng, size = self.rng, self.size
        alpha = np.zeros((size * SUPERSAMPLING, size * SUPERSAMPLING), np.uint8)
        scale = place[0] * len(alpha)
        middle = place[1] * len(alpha)
        radii = np.maximum(scale * rng.uniform(0.08, 0.5, 2), 2.0)
        turn = float(rng.uniform(0.0, 180.0))
        at = (int(middle[0]), int(middle[1]))
        cv2.ellipse(alpha, at, (int(radii[0]), int(radii[1])), turn, 0, 360, (1,), -1)
        for _ in range(int(rng.integers(0, 7))):
            way = rng.uniform(0.0, 2.0 * np.pi)
            bend = way + rng.normal() * 0.7
            knee = middle + 0.3 * scale * np.array([np.cos(way), np.sin(way)])
            end = knee + scale * rng.uniform(0.05, 0.25) * np.array([np.cos(bend), np.sin(bend)])
            points = np.stack([middle, knee, end]).astype(np.int32)
            cv2.polylines(alpha, [points], False, (1,), max(2, int(scale * rng.uniform(0.01, 0.12))))
        soft = np.asarray(
            cv2.resize(alpha.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA), np.float32
        )
        color = np.tile(rng.random(3).astype(np.float32), (size, size, 1))
        if rng.random() < 0.6:
            share = np.float32(rng.uniform(0.2, 1.0))
            color = (1.0 - share) * color + share * self.backdrops.cut(size, rng)[0]
        shadow = _fallen(soft, rng) if rng.random() < 0.5 else np.zeros_like(soft)
        return _blurred(_Layer(color * soft[..., None], soft, shadow), rng)

    def _cut_out(self, place: tuple[float, Array]) -> _Layer:
        """The subject of a real frame, alone."""
        rng = self.rng
        if self.cut_outs and (not self.videos or rng.random() < CUT_OUTS):
            frame = self.cut_outs[rng.integers(len(self.cut_outs))]
            mask = frame.mask
        else:
            frame = self._taught()
            mask, _ = _one_part(frame.mask, rng)
        left, top, right, bottom = box_of(mask > 127)
        side = max(right - left, bottom - top, 8.0) / place[0]
        corner = np.array([0.5 * (left + right), 0.5 * (top + bottom)]) - place[1] * side
        crop = Crop(float(corner[0]), float(corner[1]), float(side), self.size)
        inside = inside_image(crop, mask.shape[1], mask.shape[0])
        alpha = cut_window(mask, crop, mask.shape[1]).astype(np.float32) / 255.0 * inside
        # The soft rim still has the old background's colour.
        alpha = np.clip(1.6 * alpha - 0.6, 0.0, 1.0).astype(np.float32)
        color = cut_window(frame.image, crop, mask.shape[1]).astype(np.float32) / 255.0
        if rng.random() < 0.5:
            color = np.clip(color * rng.uniform(0.6, 1.4, 3), 0.0, 1.0).astype(np.float32)
        color, alpha = _bent(color * alpha[..., None], alpha, rng)
        shadow = _fallen(alpha, rng) if rng.random() < 0.6 else np.zeros_like(alpha)
        layer = _Layer(color, alpha, shadow)
        if rng.random() < 0.5:
            layer = _Layer(layer.color[:, ::-1], layer.alpha[:, ::-1], layer.shadow[:, ::-1])
        return _blurred(layer, rng)

    def _taught(self) -> TaughtFrame:
        names = sorted(self.videos)
        frames = self.videos[names[self.rng.integers(len(names))]]
        return frames[self.rng.integers(len(frames))]

    def _cut_by_border(self, picture: Image, *masks: Image) -> tuple[Image, ...]:
        """Sometimes the window reaches over the image's border: it goes on as at it, and nothing is there."""
        rng, size = self.rng, self.size
        if rng.random() > 0.3:
            return picture, *masks
        low, high = np.zeros(2, int), np.full(2, size)
        for axis in range(2):
            if rng.random() < 0.6:
                cut = int(rng.uniform(0.0, 0.3) * size)
                if rng.random() < 0.5:
                    low[axis] = cut
                else:
                    high[axis] = size - cut
        kept = picture[low[1] : high[1], low[0] : high[0]]
        edges = (int(low[1]), int(size - high[1]), int(low[0]), int(size - high[0]))
        picture = np.asarray(cv2.copyMakeBorder(kept, *edges, cv2.BORDER_REPLICATE), np.float32)
        inside = np.zeros((size, size), np.float32)
        inside[low[1] : high[1], low[0] : high[0]] = 1.0
        return picture, *(mask * inside for mask in masks)

    def _worn(self, picture: Image) -> NDArray[np.uint8]:
        """Exposure, blur, noise, compression."""
        rng, size = self.rng, self.size
        picture = np.clip(picture, 0.0, 1.0) ** np.float32(np.exp(rng.normal() * 0.25))
        picture = picture * rng.uniform(0.8, 1.2, 3).astype(np.float32)
        if rng.random() < 0.3:
            small = max(24, int(size * rng.uniform(0.3, 0.9)))
            coarse = cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA)
            picture = np.asarray(cv2.resize(coarse, (size, size), interpolation=cv2.INTER_LINEAR), np.float32)
        if rng.random() < 0.3:
            picture = picture + rng.normal(size=(size, size, 1)).astype(np.float32) * rng.uniform(0.005, 0.05)
        if rng.random() < 0.05:
            picture = np.repeat(picture.mean(2, keepdims=True), 3, axis=2)
        image = np.clip(picture * 255.0, 0, 255).astype(np.uint8)
        if rng.random() < 0.6:
            _, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 92))])
            image = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
        return image


def _levels(part: Image) -> NDArray[np.uint8]:
    return np.asarray(255.0 * part, np.uint8)


def _one_part(
    mask: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """One of the large connected parts of a mask, and the other large ones; the mask itself if it is one."""
    _, parts, stats, _ = cv2.connectedComponentsWithStats((mask > 127).astype(np.uint8), connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    large = 1 + np.flatnonzero(areas > max(0.15 * areas.max(initial=0), 60))
    if len(large) < 2:
        return mask, None
    chosen = int(rng.choice(large))
    near = cv2.dilate((parts == chosen).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    rest = np.isin(parts, [p for p in large if p != chosen])
    # Small crumbs belong to nobody in particular: the one chosen keeps them only where they touch.
    return np.where(near & ~rest, mask, 0).astype(np.uint8), np.where(rest, mask, 0).astype(np.uint8)


def _laid(layer: _Layer, picture: Image, rng: np.random.Generator) -> tuple[Image, Image]:
    """The picture under the layer's shadow and behind its colours; and its alpha."""
    if layer.shadow.any():
        dark = np.float32(rng.uniform(0.25, 0.85)) * layer.shadow[..., None]
        picture = picture * (1.0 - dark * rng.uniform(0.85, 1.0, 3).astype(np.float32))
    return picture * (1.0 - layer.alpha[..., None]) + layer.color, layer.alpha


def _on_ground(
    renderer: Renderer, vertices: Array, camera: Camera, window: Crop, rng: np.random.Generator
) -> Image | None:
    """(n, n) the shadow on the ground below; None where the camera does not see the ground from above."""
    ground = float(vertices[:, 2].min()) - (rng.uniform(0.0, 0.3) if rng.random() < 0.15 else 0.0)
    eye = -camera.rotation.T @ camera.translation
    if eye[2] < ground + 0.1:
        return None
    steep = np.radians(rng.uniform(25.0, 90.0))
    around = rng.uniform(0.0, 2.0 * np.pi)
    fall = np.array([np.cos(around), np.sin(around)]) / np.tan(steep)
    flat = vertices.copy()
    flat[:, :2] += fall * (vertices[:, 2:] - ground)
    flat[:, 2] = ground
    if camera.to_camera(flat)[:, 2].min() < 0.1:
        return None
    shadow = renderer.render(flat, camera, window).mask.astype(np.float32)
    width = rng.uniform(0.4, 2.0) if rng.random() < 0.6 else rng.uniform(2.0, 10.0)
    return np.asarray(cv2.GaussianBlur(shadow, (0, 0), width * window.size / 256), np.float32)


def _fallen(alpha: Image, rng: np.random.Generator) -> Image:
    """A shadow made of the outline alone: laid flat from its lower edge, beside the body or under it."""
    rows = np.flatnonzero((alpha > 0.5).any(1))
    if not len(rows):
        return np.zeros_like(alpha)
    foot = float(rows[-1])
    squash, shear = rng.uniform(-0.5, 0.35), rng.normal() * 0.8
    matrix = np.array([[1.0, -shear, shear * foot], [0.0, squash, foot * (1.0 - squash)]])
    size = alpha.shape[::-1]
    shadow = cv2.warpAffine(alpha, matrix, (size[0], size[1]))
    shadow = cv2.GaussianBlur(shadow, (0, 0), rng.uniform(0.5, 6.0) * size[0] / 256)
    return np.asarray(shadow * (1.0 - alpha), np.float32)


def _bent(color: Image, alpha: Image, rng: np.random.Generator) -> tuple[Image, Image]:
    """Turned, stretched and bent a little: the same picture in another pose."""
    size = alpha.shape[0]
    middle = 0.5 * (size - 1)
    linear = np.eye(2) + rng.normal(size=(2, 2)) * 0.12
    y, x = np.mgrid[:size, :size].astype(np.float32)
    wave = cv2.resize(
        rng.normal(size=(4, 4, 2)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC
    )
    places = np.stack([x - middle, y - middle], -1) @ linear.T.astype(np.float32) + np.float32(middle)
    places = (places + wave * np.float32(rng.uniform(0.0, 0.03) * size)).astype(np.float32)
    moved = cv2.remap(np.dstack([color, alpha]), places[..., 0], places[..., 1], cv2.INTER_LINEAR)
    return np.asarray(moved[..., :3], np.float32), np.asarray(moved[..., 3], np.float32)


def _blurred(layer: _Layer, rng: np.random.Generator) -> _Layer:
    """Sometimes blurred along a motion, or out of focus."""
    size = layer.alpha.shape[0]
    if rng.random() > 0.3:
        return layer
    length = max(3, int(rng.uniform(0.01, 0.05) * size)) | 1
    kernel = np.zeros((length, length), np.float32)
    half, angle = length // 2, rng.uniform(0.0, np.pi)
    step = np.array([np.cos(angle), np.sin(angle)]) * half
    ends = [tuple(int(v) for v in np.round(half + sign * step)) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], (1.0,), 1)
    kernel /= kernel.sum()
    color, alpha = (
        np.asarray(cv2.filter2D(part, -1, kernel), np.float32) for part in (layer.color, layer.alpha)
    )
    return _Layer(color, alpha, layer.shadow)
