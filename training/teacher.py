# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks of real frames by a strong, slow segmenter: what the mask network learns from and is compared with.

The teacher is ISNet (Qin et al. 2022) as the npm package ``@imgly/background-removal-data`` 1.4.5 holds it.
It is used for training and benchmarks only and never shipped.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.worker import video

SIDE = 1024
"""Pixels a side of the teacher's input."""
VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm")
SPLIT_FILE = Path(__file__).with_name("mask_split.json")


@dataclass(frozen=True, eq=False)
class TaughtFrame:
    """A frame and what the teacher made of it."""

    video: str
    index: int
    """Of the frame in its video."""
    image: NDArray[np.uint8]
    """(h, w, 3) RGB."""
    mask: NDArray[np.uint8]
    """(h, w) 255 on the subject, soft."""


class Teacher:
    """The segmenter.

    Args:
        package: Folder of the unpacked npm package.
        name: ``medium`` (the teacher) or ``small`` (its quantised version, for comparison).
    """

    def __init__(self, package: Path, name: str = "medium") -> None:
        import onnxruntime  # only here: neither the product nor its tests need it

        folder = next(package.rglob("resources.json")).parent
        chunks = json.loads((folder / "resources.json").read_text())[f"/models/{name}"]["chunks"]
        content = b"".join((folder / chunk["hash"]).read_bytes() for chunk in chunks)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def mask(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(h, w) 255 on what stands out in the image, soft."""
        image = cv2.resize(rgb, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR).astype(np.float32)
        numbers = ((image - 128.0) / 256.0).transpose(2, 0, 1)[None]
        out = self._session.run(None, {self._input: numbers})[0].reshape(SIDE, SIDE)
        size = (rgb.shape[1], rgb.shape[0])
        return np.clip(cv2.resize(out, size, interpolation=cv2.INTER_LINEAR) * 255.0, 0, 255).astype(np.uint8)


def load_mask_split(path: Path = SPLIT_FILE) -> dict[str, list[str]]:
    """``train``, ``held_out``, ``left_out`` (the teacher errs too often): names of videos. Fixed before any
    training."""
    return json.loads(path.read_text())


def taught_frames(folder: Path, names: list[str]) -> Iterator[TaughtFrame]:
    """What ``teach`` has left in a folder, of the videos named."""
    for name in names:
        for path in sorted((folder / name).glob("*.png")):
            image = cv2.imread(str(path.with_suffix(".jpg")))
            mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
            if image is not None and mask is not None:
                rgb = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
                yield TaughtFrame(name, int(path.stem), rgb, np.asarray(mask, np.uint8))


def teach(path: Path, folder: Path, teacher: Teacher, count: int) -> None:
    """Write ``count`` frames spread over a video and their masks; what is there already is kept."""
    total = sum(1 for _ in video.frames(path))
    wanted = set(np.linspace(0, total - 1, min(count, total)).round().astype(int).tolist())
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(video.frames(path)):
        target = folder / f"{number:05d}.png"
        if number in wanted and not target.exists():
            mask = teacher.mask(frame.rgb)
            bgr = cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR)
            cv2.imwrite(str(target.with_suffix(".jpg")), bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])
            cv2.imwrite(str(target), mask)


def main(arguments: list[str] | None = None) -> None:
    """Command line; see README.md."""
    parser = argparse.ArgumentParser(prog="python -m training teach", description=__doc__)
    parser.add_argument("videos", type=Path, help="folder of videos")
    parser.add_argument("--package", type=Path, required=True, help="unpacked npm package with the teacher")
    parser.add_argument("--output", type=Path, default=Path("data/teacher"))
    parser.add_argument("--count", type=int, default=30, help="frames a video")
    options = parser.parse_args(arguments)
    teacher = Teacher(options.package)
    split = load_mask_split()
    for name in split["train"] + split["held_out"]:
        path = next((p for p in options.videos.glob(f"{name}.*") if p.suffix in VIDEO_SUFFIXES), None)
        if path is not None:
            teach(path, options.output / name, teacher, options.count)
            print(name, flush=True)


if __name__ == "__main__":
    main()
