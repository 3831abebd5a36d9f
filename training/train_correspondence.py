# SPDX-License-Identifier: GPL-3.0-or-later
"""Train the reference encoder and the correspondence network together, on samples made while training."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mocapanything_addon.models.correspondence_network import CorrespondenceNetwork
from mocapanything_addon.models.video_features import MAP_SIZE, PointEvidence

from .appearance import Backgrounds
from .batches import CorrespondenceBatch, stack_groups
from .data import load_characters, shared_characters
from .device import as_float, mixed_precision, moved
from .loop import Figures
from .options import read_options, training_options
from .pool import Pool
from .scenes import Group, SceneMaker
from .train import Task, train

GROUPS_PER_BATCH = 4
POOL = 800
"""Groups kept; the oldest make room for new ones."""
USES = 2
"""How often a group is seen on average before it is replaced."""
CELL_BLUR = 0.09
VALIDATION_GROUPS = 60


@dataclass(frozen=True)
class CorrespondenceSamples:
    """Groups of the training side; see :class:`.supply.Samples`."""

    packs: Path
    backgrounds: Path | None = None
    batch: int = GROUPS_PER_BATCH
    uses: int = USES

    def load(self) -> str:
        """The characters."""
        return f"{len(shared_characters(self.packs, 'train'))} characters"

    def batches(self, rng: np.random.Generator, makers: int) -> Iterator[CorrespondenceBatch]:
        """Batches without end; one of so many makers."""
        characters = shared_characters(self.packs, "train")
        maker = SceneMaker(characters, rng, Backgrounds(rng, self.backgrounds))
        size = max(POOL // makers, 4 * self.batch)
        pool = Pool(lambda: [maker.group()], rng, size=size, uses=self.uses)
        while True:
            views = bool(rng.random() < 0.5)
            yield stack_groups(pool.draw(self.batch), views=views, rng=rng)


def predict(network: CorrespondenceNetwork, batch: CorrespondenceBatch) -> PointEvidence:
    """Run the network on a batch, where the batch is."""
    with mixed_precision(batch.frame.device):
        evidence = network(
            batch.reference,
            batch.group_of_frame,
            batch.frame,
            batch.estimate,
            batch.estimated_places,
            batch.estimated_depths,
            batch.valid,
        )
    return as_float(evidence)


def correspondence_loss(evidence: PointEvidence, batch: CorrespondenceBatch) -> tuple[Tensor, Figures]:
    """Cross-entropy of the search map, distance and its Laplace scale, visibility, depth and its scale."""
    valid = batch.valid.float()
    count = valid.sum()
    inside = (batch.places.abs().amax(-1) < 1.03).float() * valid
    cells = (torch.arange(MAP_SIZE, device=batch.places.device) + 0.5) / MAP_SIZE * 2.0 - 1.0
    blobs = torch.exp(-0.5 * ((batch.places[..., None] - cells) / CELL_BLUR) ** 2)
    blobs = blobs / blobs.sum(-1, keepdim=True).clamp_min(1e-3)
    log_map = evidence.search_map.unflatten(-1, (MAP_SIZE, MAP_SIZE))
    along_x = (log_map @ blobs[..., 0, :, None])[..., 0]
    search = -((along_x * blobs[..., 1, :]).sum(-1) * inside).sum() / inside.sum().clamp_min(1.0)

    distance = (evidence.places - batch.places).norm(dim=-1)
    scale = distance.detach() * torch.exp(-evidence.log_scale) + evidence.log_scale
    depth = (evidence.depth_shift - batch.depth_shift).abs()
    depth_scale = depth.detach() * torch.exp(-evidence.depth_log_scale) + evidence.depth_log_scale
    visibility = functional.binary_cross_entropy_with_logits(
        evidence.visibility, batch.visible.float(), reduction="none"
    )
    # A point far outside the image should not drown the others.
    bounded = torch.where(distance < 1.0, distance, 1.0 + (distance.clamp_min(1.0)).log())
    each = 15.0 * bounded + scale + visibility + 10.0 * depth.clamp_max(1.0) + 0.3 * depth_scale
    loss = 0.3 * search + (each * valid).sum() / count
    before = (batch.estimated_places - batch.places).norm(dim=-1)
    return loss, {
        "search": search.detach(),
        "distance": (distance.detach() * valid).sum() / count,
        "distance_before": (before * valid).sum() / count,
        "visibility": (visibility.detach() * valid).sum() / count,
    }


@torch.no_grad()
def measure(network: CorrespondenceNetwork, groups: list[Group], *, views: bool = True) -> dict[str, float]:
    """2D error of joints inside the window in per cent of the body, beside the estimate's own (the floor)."""
    network.eval()
    device = next(network.parameters()).device
    sums = np.zeros(9)
    for start in range(0, len(groups), GROUPS_PER_BATCH):
        batch = moved(stack_groups(groups[start : start + GROUPS_PER_BATCH], views=views), device)
        evidence = predict(network, batch)
        joints = slice(0, batch.joint_count)
        use = batch.valid[:, joints] & (batch.places[:, joints].abs().amax(-1) < 1.0)
        body = 100.0 * batch.body_per_place[:, None]
        after = (evidence.places - batch.places).norm(dim=-1)[:, joints] * body
        before = (batch.estimated_places - batch.places).norm(dim=-1)[:, joints] * body
        seen = use & batch.visible[:, joints]
        sure = use & (evidence.log_scale[:, joints] < math.log(0.06))
        right = (evidence.visibility[:, joints] > 0) == batch.visible[:, joints]
        sums += [
            float(after[use].sum()),
            float(before[use].sum()),
            float(use.sum()),
            float(after[seen].sum()),
            float(before[seen].sum()),
            float(seen.sum()),
            float(after[sure].sum()),
            float(sure.sum()),
            float(right[use].sum()),
        ]
    network.train()
    return {
        "error": sums[0] / sums[2],
        "error_before": sums[1] / sums[2],
        "seen_error": sums[3] / max(sums[5], 1),
        "seen_error_before": sums[4] / max(sums[5], 1),
        "sure_error": sums[6] / max(sums[7], 1),
        "sure_share": sums[7] / sums[2],
        "visibility_right": sums[8] / sums[2],
    }


def fixed_groups(packs: Path, side: str, count: int, seed: int = 7) -> list[Group]:
    """The same groups at every call: for validation and test."""
    rng = np.random.default_rng(seed)
    characters = load_characters(packs, side)  # type: ignore[arg-type]
    maker = SceneMaker(characters, rng, Backgrounds(rng, count=30), easy=True)
    return [maker.group() for _ in range(count)]


def main(arguments: list[str] | None = None) -> None:
    """Command line; see README.md."""
    parser = training_options("correspondence", __doc__, rate=1.2e-3, steps=20000, batch=GROUPS_PER_BATCH)
    parser.add_argument(
        "--backgrounds", type=Path, help="folder of pictures and videos to put behind the subject"
    )
    parser.add_argument("--uses", type=int, default=USES, help="of each group of frames, on average")
    options = read_options(parser, arguments)

    def network() -> CorrespondenceNetwork:
        return CorrespondenceNetwork().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def loss(network: CorrespondenceNetwork, batch: CorrespondenceBatch) -> tuple[Tensor, Figures]:
        return correspondence_loss(predict(network, batch), batch)

    def validation() -> Callable[[CorrespondenceNetwork], dict[str, float]]:
        groups = fixed_groups(options.packs, "validation", VALIDATION_GROUPS)
        return lambda network: measure(network, groups)

    samples = CorrespondenceSamples(options.packs, options.backgrounds, options.batch, options.uses)
    train(options, Task(samples, network, loss, validation))


if __name__ == "__main__":
    main()
