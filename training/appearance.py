# SPDX-License-Identifier: GPL-3.0-or-later
"""How a training image looks: coat, light, background, occluders, and a mask that is not perfect."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.fit.renderer import Rendering
from mocapanything_addon.models.reference import vertex_normals

Image = NDArray[np.float32]
BACKGROUND_SIZE = 192


@dataclass(frozen=True, eq=False)
class Coat:
    """A linear change of the vertex colours, and waves over the rest surface of another colour."""

    mix: NDArray[np.float32]
    add: NDArray[np.float32]
    waves: NDArray[np.float32]
    strength: NDArray[np.float32]
    second: NDArray[np.float32]

    @classmethod
    def random(cls, rng: np.random.Generator, own: float) -> Coat:
        """With probability ``own`` nearly the rig's own colours, else anything."""
        if rng.random() < own:
            mix, add = np.eye(3) * rng.uniform(0.85, 1.15), rng.uniform(-0.05, 0.05, 3)
            strength = np.zeros(2)
        else:
            mix = np.eye(3) * rng.uniform(0.1, 0.8) + rng.dirichlet([1, 1, 1], 3) * rng.uniform(0.0, 0.8)
            add = rng.uniform(-0.2, 0.4, 3)
            strength = rng.uniform(0.0, [1.0, 0.6]) * float(rng.random() < 0.5)
        waves = rng.normal(size=(3, 3)) * rng.uniform(4.0, 30.0)
        return cls(*(np.asarray(a, np.float32) for a in (mix, add, waves, strength, rng.random(3))))

    def paint(self, colors: NDArray[np.float32], places: NDArray[np.float32]) -> NDArray[np.float32]:
        """Colours (N, 3) of surface points at rest places (N, 3)."""
        base = np.clip(colors @ self.mix.T + self.add, 0.0, 1.0)
        if not self.strength.any():
            return base
        phase = places @ self.waves.T
        wave = self.strength[0] * np.sin(phase[:, 0] + 3.0 * np.sin(phase[:, 1]))
        share = np.clip(wave + self.strength[1] * np.sin(phase[:, 2]), 0.0, 1.0)[:, None]
        return base * (1.0 - share) + share * self.second


def shaded(
    drawing: Rendering,
    faces: NDArray[np.int32],
    vertices: NDArray[np.float64],
    rest: NDArray[np.float64],
    colors: NDArray[np.float32],
    coat: Coat,
    rng: np.random.Generator,
) -> Image:
    """(n, n, 3) 0 to 1 under a random lamp and sky; black where nothing is."""
    inside = drawing.mask
    corners = faces[drawing.triangles[inside]]
    weights = drawing.barycentric[inside][:, :, None]
    table = np.concatenate([colors, rest, vertex_normals(vertices, faces)], 1).astype(np.float32)
    seen = (table[corners] * weights).sum(1)
    direction = np.array([rng.normal(), rng.normal(), abs(rng.normal()) + 0.2])
    facing = seen[:, 6:] @ (direction / np.linalg.norm(direction)).astype(np.float32)
    ambient = rng.uniform(0.2, 0.6)
    lamp = (1.0 - 0.5 * ambient) * rng.uniform(0.6, 1.3) * (1.0 + rng.normal(size=3) * 0.08)
    light = (
        ambient * (1.0 + rng.normal(size=3) * 0.08)
        + lamp * (0.8 * np.maximum(facing, 0.0) + 0.1 * (facing + 1.0))[:, None]
    )
    image = np.zeros((*inside.shape, 3), np.float32)
    image[inside] = np.clip(coat.paint(seen[:, :3], seen[:, 3:6]) * light, 0.0, 1.0)
    return image


class Backgrounds:
    """Procedural pictures, and frames of videos or images below a folder where one is given."""

    def __init__(self, rng: np.random.Generator, folder: Path | None = None, count: int = 120) -> None:
        self.pictures = [_procedural(rng) for _ in range(count)]
        if folder is not None:
            self.pictures += frames_below(folder)

    def cut(self, size: int, rng: np.random.Generator) -> Image:
        """(size, size, 3) 0 to 1, a random part with random tint."""
        picture = self.pictures[rng.integers(len(self.pictures))]
        side = min(size, BACKGROUND_SIZE)
        top, left = rng.integers(0, BACKGROUND_SIZE - side + 1, 2)
        part = picture[top : top + side, left : left + side]
        if side < size:
            part = np.asarray(cv2.resize(part, (size, size), interpolation=cv2.INTER_LINEAR), np.float32)
        if rng.random() < 0.5:
            part = part[:, ::-1]
        return np.clip(part * rng.uniform(0.5, 1.4, 3) + rng.uniform(-0.15, 0.15), 0.0, 1.0).astype(
            np.float32
        )


def occluded(
    image: Image, mask: Image, backgrounds: Backgrounds, rng: np.random.Generator
) -> tuple[Image, Image]:
    """Put one or two things in front of the subject; the mask knows of them."""
    size = image.shape[0]
    for _ in range(int(rng.integers(1, 3))):
        shape = np.zeros((size, size), np.uint8)
        center = int(rng.integers(size)), int(rng.integers(size))
        half = [int(v) for v in rng.integers(size // 20, size // 4, 2)]
        if rng.random() < 0.5:
            low = (center[0] - half[0], center[1] - half[1])
            cv2.rectangle(shape, low, (center[0] + half[0], center[1] + half[1]), 1, -1)
        else:
            cv2.ellipse(shape, center, (half[0], half[1]), float(rng.uniform(0, 180)), 0, 360, (1.0,), -1)
        thing = backgrounds.cut(size, rng)
        image = np.where(shape[..., None] > 0, thing, image)
        mask = mask * (shape == 0)
    return image, mask


def worn_mask(mask: Image, rng: np.random.Generator) -> Image:
    """The mask of a segmenter: the edge wanders, too wide or too narrow; sometimes a hole or a blob."""
    if rng.random() < 0.3:
        return mask
    size = mask.shape[0]
    coarse = rng.normal(size=(12, 12)).astype(np.float32)
    wander = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC) * rng.uniform(0.0, 1.0)
    blurred = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.8, 2.2) * size / 128)
    edge = blurred * (1.0 - blurred)  # away from the edge a segmenter is sure
    noisy = (blurred + edge * wander > 0.5 + rng.uniform(-0.25, 0.25)).astype(np.float32)
    if rng.random() < 0.2:
        rows, columns = np.nonzero(mask > 0.5)
        if len(rows):
            at = rng.integers(len(rows))
            radius = int(rng.integers(size // 32, size // 9))
            cv2.circle(noisy, (int(columns[at]), int(rows[at])), radius, (float(rng.random() < 0.5),), -1)
    return noisy


def worn_image(image: Image, rng: np.random.Generator) -> Image:
    """Exposure, blur and noise."""
    image = image * rng.uniform(0.75, 1.25) + rng.uniform(-0.08, 0.08)
    if rng.random() < 0.3:
        width = rng.uniform(0.4, 1.4) * image.shape[0] / 128
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), width), np.float32)
    if rng.random() < 0.4:
        image = image + rng.normal(size=(*image.shape[:2], 1)) * rng.uniform(0.005, 0.05)
    return np.clip(image, 0.0, 1.0).astype(np.float32)


def _procedural(rng: np.random.Generator) -> Image:
    size = BACKGROUND_SIZE
    picture = np.tile(rng.random(3), (size, size, 1)).astype(np.float32)
    for cells in (2, 4, 8, 16, 32, 64):
        if rng.random() < 0.7:
            noise = rng.normal(size=(cells, cells, 3 if rng.random() < 0.5 else 1)) * rng.uniform(0.05, 0.5)
            noise = cv2.resize(
                (noise / np.sqrt(cells / 4)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC
            )
            picture += noise.reshape(size, size, -1)
    if rng.random() < 0.6:
        horizon = int(rng.integers(size // 5, size * 4 // 5))
        picture[horizon:] = 0.5 * picture[horizon:] + 0.5 * rng.random(3)
    for _ in range(int(rng.integers(0, 16))):
        color = tuple(float(v) for v in rng.random(3))
        a, b = (tuple(int(v) for v in rng.integers(0, size, 2)) for _ in range(2))
        kind = rng.integers(3)
        if kind == 0:
            cv2.circle(picture, a, int(rng.integers(3, 40)), color, -1, cv2.LINE_AA)
        elif kind == 1:
            cv2.rectangle(picture, a, b, color, -1)
        else:
            cv2.line(picture, a, b, color, int(rng.integers(1, 9)), cv2.LINE_AA)
    return np.clip(picture, 0.0, 1.0)


def frames_below(folder: Path, per_video: int = 12) -> list[Image]:
    """All pictures and some frames of all videos below a folder, (192, 192, 3) 0 to 1."""
    pictures = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in (".png", ".jpg", ".jpeg"):
            frames = [cv2.imread(str(path))]
        elif path.suffix.lower() in (".mp4", ".mov", ".mkv", ".avi", ".webm"):
            frames = _video_frames(path, per_video)
        else:
            continue
        for frame in frames:
            if frame is not None:
                small = cv2.resize(frame, (BACKGROUND_SIZE, BACKGROUND_SIZE), interpolation=cv2.INTER_AREA)
                pictures.append(small[..., ::-1].astype(np.float32) / 255.0)
    return pictures


def _video_frames(path: Path, count: int) -> list[NDArray]:
    video = cv2.VideoCapture(str(path))
    total = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    frames = []
    for index in np.linspace(0, max(total - 1, 0), count).astype(int):
        video.set(cv2.CAP_PROP_POS_FRAMES, int(index))
        found, frame = video.read()
        if found:
            frames.append(frame)
    video.release()
    return frames
