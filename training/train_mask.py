# SPDX-License-Identifier: GPL-3.0-or-later
"""Train the mask network on composed scenes and real frames, with simulated hints."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from mocapanything_addon.models.mask_network import MaskNetwork, standardised

from .backdrops import Backdrops
from .data import load_characters, shared_characters
from .device import mixed_precision, moved
from .loop import Figures
from .mask_hints import HINTS, random_hint
from .mask_scenes import MaskScene, MaskSceneMaker
from .options import read_options, training_options
from .pool import Pool
from .teacher import TaughtFrame, load_mask_split, taught_frames
from .train import Task, train

BATCH = 16
POOL = 1200
"""Scenes kept; the oldest make room for new ones."""
USES = 4
"""How often a scene is seen on average, each time with another hint."""
BOUNDARY_WEIGHT = 4.0
BOUNDARY = 0.02
"""Width of the band along the outline that counts more, share of the window."""
VALIDATION_SCENES = 32
LONGEST_SIDE = 640
"""Real frames are kept at this size."""


@dataclass(frozen=True, eq=False)
class MaskBatch:
    """B windows."""

    image: Tensor
    """(B, 3, n, n) standardised."""
    hint: Tensor
    """(B, 1, n, n) -1 to 1."""
    mask: Tensor
    """(B, 1, n, n) 0 to 1."""


@dataclass(frozen=True)
class MaskSamples:
    """Scenes of the training side; see :class:`.supply.Samples`."""

    packs: Path
    teacher: Path
    photos: Path | None = None
    cut_outs: Path | None = None
    size: int = 128
    batch: int = BATCH
    uses: int = USES

    def load(self) -> str:
        """Characters, real frames and cut-outs."""
        cut_outs = _shared_cut_outs(self.cut_outs)
        return (
            f"{len(shared_characters(self.packs, 'train'))} characters, "
            f"{len(_shared_taught(self.teacher))} real frames, {len(cut_outs)} cut-outs"
        )

    def batches(self, rng: np.random.Generator, makers: int) -> Iterator[MaskBatch]:
        """Batches without end; one of so many makers."""
        taught, characters = _shared_taught(self.teacher), shared_characters(self.packs, "train")
        backdrops = Backdrops(rng, self.photos, taught)
        cut_outs = _shared_cut_outs(self.cut_outs)
        maker = MaskSceneMaker(characters, taught, backdrops, rng, self.size, cut_outs=cut_outs)
        size = max(POOL // makers, 4 * self.batch)
        pool = Pool(lambda: [maker.scene()], rng, size=size, uses=self.uses)
        while True:
            yield drawn_batch(pool, rng, self.batch)


def drawn_batch(pool: Pool[MaskScene], rng: np.random.Generator, count: int = BATCH) -> MaskBatch:
    """The next training batch: scenes with another hint each time, turned over and in another light."""
    scenes = pool.draw(count)
    return stack_scenes(scenes, [random_hint(scene, rng) for scene in scenes], rng)


def stack_scenes(
    scenes: list[MaskScene], hints: list[NDArray[np.float32]], rng: np.random.Generator | None = None
) -> MaskBatch:
    """Stack scenes; with a source of chance some are mirrored and their colours disturbed."""
    images, masks, maps = [], [], []
    for scene, hint in zip(scenes, hints, strict=True):
        image, mask, given = scene.image.astype(np.float32), scene.subject, hint
        if rng is not None:
            image = np.clip(image * rng.uniform(0.85, 1.15, 3) + rng.normal() * 8.0, 0.0, 255.0)
            if rng.random() < 0.5:
                image, mask, given = image[:, ::-1], mask[:, ::-1], given[:, ::-1]
        images.append(np.ascontiguousarray(image.transpose(2, 0, 1), np.float32))
        masks.append(np.ascontiguousarray(mask[None], np.float32) / np.float32(255.0))
        maps.append(np.ascontiguousarray(given[None], np.float32))
    stacked = standardised(torch.from_numpy(np.stack(images)))
    return MaskBatch(
        stacked.contiguous(memory_format=torch.channels_last),
        torch.from_numpy(np.stack(maps)),
        torch.from_numpy(np.stack(masks)),
    )


def mask_loss(logit: Tensor, truth: Tensor) -> tuple[Tensor, Figures]:
    """Cross-entropy, more along the outline, and one minus the soft IoU of each window."""
    width = 2 * max(1, round(BOUNDARY * truth.shape[-1])) + 1
    near = functional.max_pool2d(truth, width, 1, width // 2) + functional.max_pool2d(
        -truth, width, 1, width // 2
    )
    weight = 1.0 + BOUNDARY_WEIGHT * near
    entropy = functional.binary_cross_entropy_with_logits(logit, truth, reduction="none")
    entropy = (entropy * weight).sum() / weight.sum()
    odds = torch.sigmoid(logit)
    # A handful of pixels keeps empty windows from counting as wholly wrong.
    some = 1e-4 * truth[0].numel()
    shared = (odds * truth).sum((1, 2, 3)) + some
    both = (odds + truth - odds * truth).sum((1, 2, 3)) + some
    overlap = (shared / both).mean()
    loss = entropy + 0.5 * (1.0 - overlap)
    return loss, {"entropy": entropy.detach(), "overlap": overlap.detach()}


def overlap(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Intersection over union; 1 where both are empty."""
    union = int((mask | truth).sum())
    return float((mask & truth).sum()) / union if union else 1.0


@torch.no_grad()
def predicted(network: nn.Module, batch: MaskBatch) -> NDArray[np.float32]:
    """(B, n, n) log odds."""
    batch = moved(batch, next(network.parameters()).device)
    with mixed_precision(batch.image.device):
        return network(batch.image, batch.hint)[:, 0].float().cpu().numpy()


def measure(
    network: nn.Module, drawn: list[MaskScene], real: list[MaskScene], *, seed: int = 3
) -> dict[str, float]:
    """Mean IoU by kind of scene and of hint, beside the hint's own (the floor)."""
    network.eval()
    rng = np.random.default_rng(seed)
    found: dict[str, list[float]] = {}
    for side, scenes in (("drawn", drawn), ("real", real)):
        for start in range(0, len(scenes), BATCH):
            part = scenes[start : start + BATCH]
            for kind in ("nothing", "moving"):
                hints = [HINTS[kind][1](scene, rng) for scene in part]
                for scene, hint, logit in zip(
                    part, hints, predicted(network, stack_scenes(part, hints)), strict=True
                ):
                    truth = scene.subject > 127
                    if kind == "nothing" and not scene.alone:
                        continue
                    found.setdefault(f"{side}_{kind}", []).append(overlap(logit > 0, truth))
                    if kind == "moving":
                        found.setdefault(f"{side}_floor", []).append(overlap(hint > 0, truth))
    network.train()
    return {name: float(np.mean(values)) for name, values in found.items()}


def fixed_scenes(
    packs: Path, taught: list[TaughtFrame], size: int, count: int, seed: int = 7
) -> tuple[list[MaskScene], list[MaskScene]]:
    """The same validation scenes at every call: of rigs that do not train, and of real frames held out."""
    rng = np.random.default_rng(seed)
    maker = MaskSceneMaker(load_characters(packs, "validation"), taught, Backdrops(rng), rng, size)
    drawn = [maker.drawn() for _ in range(count)]
    return drawn, [maker.real() for _ in range(count)] if taught else []


def load_taught(folder: Path, side: str) -> list[TaughtFrame]:
    """Real frames of a side of ``mask_split.json``, at most ``LONGEST_SIDE`` large; none without a folder."""
    frames = []
    for frame in taught_frames(folder, load_mask_split()[side]):
        scale = min(1.0, LONGEST_SIDE / max(frame.mask.shape))
        size = round(frame.mask.shape[1] * scale), round(frame.mask.shape[0] * scale)
        image, mask = (cv2.resize(a, size, interpolation=cv2.INTER_AREA) for a in (frame.image, frame.mask))
        frames.append(TaughtFrame(frame.video, frame.index, np.asarray(image), np.asarray(mask)))
    return frames


def load_cut_outs(folder: Path) -> list[TaughtFrame]:
    """Pictures whose alpha is their mask."""
    found = []
    for number, path in enumerate(sorted(folder.glob("*.png"))):
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if image is not None and image.ndim == 3 and image.shape[2] == 4 and image[..., 3].max() > 127:
            rgb = np.ascontiguousarray(image[..., 2::-1], np.uint8)
            found.append(TaughtFrame("cut-outs", number, rgb, np.ascontiguousarray(image[..., 3], np.uint8)))
    return found


def main(arguments: list[str] | None = None) -> None:
    """Command line; see README.md."""
    parser = training_options("mask", __doc__, rate=1.0e-3, steps=4000, batch=BATCH)
    parser.set_defaults(evaluate_every=900.0)
    parser.add_argument("--teacher", type=Path, default=Path("data/teacher"), help="what 'teach' has written")
    parser.add_argument("--photos", type=Path, help="folder of pictures without creatures")
    parser.add_argument("--cut-outs", type=Path, help="folder of pictures of creatures with alpha")
    parser.add_argument("--trunk", type=Path, help="weights of EfficientNet-Lite0, for a new run")
    parser.add_argument("--size", type=int, default=128, help="pixels a side of the windows, of 32")
    parser.add_argument("--uses", type=int, default=USES, help="of each scene, on average")
    options = read_options(parser, arguments)
    cv2.setNumThreads(1)

    def network() -> MaskNetwork:
        made = MaskNetwork()
        if options.trunk is not None:
            made.trunk.load_published(torch.load(options.trunk, weights_only=True))
        return made.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def loss(network: MaskNetwork, batch: MaskBatch) -> tuple[Tensor, Figures]:
        with mixed_precision(batch.image.device):
            logit = network(batch.image, batch.hint)
        return mask_loss(logit.float(), batch.mask)

    def validation() -> Callable[[MaskNetwork], dict[str, float]]:
        held_out = load_taught(options.teacher, "held_out")
        drawn, real = fixed_scenes(options.packs, held_out, options.size, VALIDATION_SCENES)
        return lambda network: measure(network, drawn, real)

    samples = MaskSamples(
        options.packs,
        options.teacher,
        options.photos,
        options.cut_outs,
        options.size,
        options.batch,
        options.uses,
    )
    train(options, Task(samples, network, loss, validation, pretrained=lambda network: network.trunk))


@functools.cache
def _shared_taught(folder: Path) -> list[TaughtFrame]:
    return load_taught(folder, "train")


@functools.cache
def _shared_cut_outs(folder: Path | None) -> list[TaughtFrame]:
    return [] if folder is None else load_cut_outs(folder)


if __name__ == "__main__":
    main()
