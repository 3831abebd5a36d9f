# SPDX-License-Identifier: GPL-3.0-or-later
"""Train the reference encoder and the correspondence network together, on samples made while training."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mocapanything_addon.models.correspondence_network import CorrespondenceNetwork
from mocapanything_addon.models.video_features import MAP_SIZE, PointEvidence

from .appearance import Backgrounds
from .batches import CorrespondenceBatch, stack_groups
from .data import load_characters
from .loop import Schedule, Trainer
from .pool import Pool
from .scenes import Group, SceneMaker

GROUPS_PER_BATCH = 4
POOL = 800
"""Groups kept; the oldest make room for new ones."""
USES = 2
"""How often a group is seen on average before it is replaced."""
CELL_BLUR = 0.09
VALIDATION_GROUPS = 60


def predict(network: CorrespondenceNetwork, batch: CorrespondenceBatch) -> PointEvidence:
    """Run the network on a batch."""
    return network(
        batch.reference,
        batch.group_of_frame,
        batch.frame,
        batch.estimate,
        batch.estimated_places,
        batch.estimated_depths,
        batch.valid,
    )


def correspondence_loss(
    evidence: PointEvidence, batch: CorrespondenceBatch
) -> tuple[Tensor, dict[str, float]]:
    """Cross-entropy of the search map, distance and its Laplace scale, visibility, depth and its scale."""
    valid = batch.valid.float()
    count = valid.sum()
    inside = (batch.places.abs().amax(-1) < 1.03).float() * valid
    cells = (torch.arange(MAP_SIZE) + 0.5) / MAP_SIZE * 2.0 - 1.0
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
        "search": float(search.detach()),
        "distance": float((distance.detach() * valid).sum() / count),
        "distance_before": float((before * valid).sum() / count),
        "visibility": float((visibility.detach() * valid).sum() / count),
    }


@torch.no_grad()
def measure(network: CorrespondenceNetwork, groups: list[Group], *, views: bool = True) -> dict[str, float]:
    """2D error of joints inside the window in per cent of the body, beside the estimate's own (the floor)."""
    network.eval()
    sums = np.zeros(9)
    for start in range(0, len(groups), GROUPS_PER_BATCH):
        batch = stack_groups(groups[start : start + GROUPS_PER_BATCH], views=views)
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
    parser = argparse.ArgumentParser(prog="python -m training correspondence", description=__doc__)
    parser.add_argument("--packs", type=Path, default=Path("data/packs"))
    parser.add_argument("--run", type=Path, default=Path("runs/correspondence"))
    parser.add_argument("--steps", type=int, default=20000, help="budget: the cosine ends here")
    parser.add_argument("--rate", type=float, default=1.2e-3)
    parser.add_argument(
        "--backgrounds", type=Path, help="folder of pictures and videos to put behind the subject"
    )
    parser.add_argument("--begin-with", type=Path, metavar="FILE", help="exported weights for a new run")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)

    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    network: nn.Module = CorrespondenceNetwork().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    trainer = Trainer(network, options.run, Schedule(options.rate, options.steps))
    if options.begin_with is not None:
        trainer.begin_with(options.begin_with)
    # A run that goes on must not see the same samples again.
    rng = np.random.default_rng([options.seed, trainer.step])
    characters = load_characters(options.packs, "train")
    maker = SceneMaker(characters, rng, Backgrounds(rng, options.backgrounds))
    pool = Pool(lambda: [maker.group()], rng, size=POOL, uses=USES)
    validation = fixed_groups(options.packs, "validation", VALIDATION_GROUPS)
    print(
        f"{len(characters)} characters, {sum(p.numel() for p in network.parameters())} parameters", flush=True
    )

    def train_step() -> tuple[Tensor, dict[str, float]]:
        views = bool(rng.random() < 0.5)
        batch = stack_groups(pool.draw(GROUPS_PER_BATCH), views=views, rng=rng)
        return correspondence_loss(predict(network, batch), batch)  # type: ignore[arg-type]

    trainer.run(train_step, lambda: measure(trainer.average, validation), steps=options.steps)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
