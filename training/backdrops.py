# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies behind the subject of a mask scene: procedural pictures, photos, real frames."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from .appearance import Backgrounds, Image
from .teacher import TaughtFrame

LONG_SIDE = 512
EMPTIED_PER_VIDEO = 6
FRAMES_PER_VIDEO = 10


class Backdrops:
    """Pictures and, where one shows a creature, its mask.

    Args:
        rng: Source of chance.
        photos: Folder of pictures without creatures.
        taught: Real frames; some are used with their subject painted over, some as they are.
    """

    def __init__(
        self, rng: np.random.Generator, photos: Path | None = None, taught: Iterable[TaughtFrame] = ()
    ) -> None:
        self.things = Backgrounds(rng, count=60)
        """Procedural pictures, for what stands in front as well."""
        self._photos: list[tuple[NDArray[np.uint8], NDArray[np.uint8] | None]] = []
        for path in sorted(photos.glob("*.*")) if photos else []:
            image = cv2.imread(str(path))
            if image is not None:
                self._photos.append((_small(np.asarray(image[..., ::-1], np.uint8)), None))
        self._frames: list[tuple[NDArray[np.uint8], NDArray[np.uint8] | None]] = []
        videos: dict[str, list[TaughtFrame]] = {}
        for frame in taught:
            videos.setdefault(frame.video, []).append(frame)
        for frames in videos.values():
            for index in np.linspace(0, len(frames) - 1, EMPTIED_PER_VIDEO).astype(int):
                self._frames.append((_emptied(frames[index]), None))
            for index in np.linspace(0, len(frames) - 1, FRAMES_PER_VIDEO).astype(int):
                self._frames.append((_small(frames[index].image), _small(frames[index].mask)))

    def cut(self, size: int, rng: np.random.Generator) -> tuple[Image, Image]:
        """A part (size, size, 3) of a picture, 0 to 1, and where a creature is in it (size, size)."""
        pools = [pool for pool in (self._photos, self._frames) if pool]
        if not pools or rng.random() < 0.25:
            picture = cv2.resize(self.things.cut(128, rng), (size, size), interpolation=cv2.INTER_CUBIC)
            return np.clip(picture, 0.0, 1.0).astype(np.float32), np.zeros((size, size), np.float32)
        pool = pools[rng.integers(len(pools))]
        image, mask = pool[rng.integers(len(pool))]
        height, width = image.shape[:2]
        side = int(min(height, width) * rng.uniform(0.35, 1.0))
        top, left = int(rng.integers(0, height - side + 1)), int(rng.integers(0, width - side + 1))
        flip = slice(None, None, -1 if rng.random() < 0.5 else 1)

        def part(whole: NDArray[np.uint8]) -> Image:
            cut = whole[top : top + side, left : left + side][:, flip]
            way = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
            return np.asarray(cv2.resize(cut, (size, size), interpolation=way), np.float32) / np.float32(
                255.0
            )

        picture = np.clip(part(image) * rng.uniform(0.75, 1.25, 3), 0.0, 1.0).astype(np.float32)
        covered = np.zeros((size, size), np.float32) if mask is None else part(mask)
        return np.asarray(picture, np.float32), covered

    def grain(self, size: int, rng: np.random.Generator) -> Image:
        """(size, size) fine detail of a picture, about one in strength: fur, cloth, dirt."""
        picture, _ = self.cut(size, rng)
        grey = picture.mean(2)
        fine = grey - cv2.GaussianBlur(grey, (0, 0), size / 20)
        return np.clip(fine / max(float(fine.std()), 0.02), -2.5, 2.5).astype(np.float32)


def _small(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = min(1.0, LONG_SIDE / max(image.shape[:2]))
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _emptied(frame: TaughtFrame) -> NDArray[np.uint8]:
    """The frame without its subject, painted over from around it."""
    hole = cv2.dilate((_small(frame.mask) > 40).astype(np.uint8), np.ones((9, 9), np.uint8))
    return np.asarray(cv2.inpaint(_small(frame.image), hole, 4, cv2.INPAINT_TELEA), np.uint8)
