# SPDX-License-Identifier: GPL-3.0-or-later
"""Train the pose critic on frames with rival poses, made while training."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from mocapanything_addon.models.images import standardised_frame
from mocapanything_addon.models.pose_critic import PoseCritic, candidate_image
from mocapanything_addon.models.registry import DEFAULT_FOLDER

from .appearance import Backgrounds
from .data import load_characters
from .loop import Schedule, Trainer
from .pool import Pool
from .rivals import CANDIDATES, RivalFrame, RivalMaker
from .scenes import SceneMaker

FRAMES_PER_BATCH = 12
FRAMES_PER_CHARACTER = 3
POOL = 1500
"""Frames kept; the oldest make room for new ones."""
USES = 2
VALIDATION_FRAMES = 300
KINDS = ("twin", "exchanged", "turned")


def scores(network: PoseCritic, frames: list[RivalFrame]) -> Tensor:
    """(B, CANDIDATES)."""
    frame = standardised_frame(
        torch.from_numpy(np.stack([f.color for f in frames])),
        torch.from_numpy(np.stack([f.mask for f in frames])),
    )
    drawn = torch.from_numpy(np.stack([f.drawn for f in frames])).float()
    inside = (255.0 * drawn[:, :, 6]).to(torch.uint8)
    painted = torch.from_numpy(np.stack([f.painted for f in frames]))
    colors = standardised_frame(painted.flatten(0, 1), inside.flatten(0, 1))[:, :3]
    candidates = candidate_image(drawn, colors.unflatten(0, drawn.shape[:2]))
    return network(frame.contiguous(memory_format=torch.channels_last), candidates)


def critic_loss(found: Tensor) -> tuple[Tensor, dict[str, float]]:
    """Cross-entropy of the right candidate among all, and against each rival alone."""
    right = torch.zeros(len(found), dtype=torch.long)
    together = functional.cross_entropy(found, right)
    alone = functional.softplus(found[:, 1:] - found[:, :1]).mean()
    share = (found[:, :1] > found[:, 1:]).float().mean(0)
    return together + alone, {name: float(s) for name, s in zip(KINDS, share, strict=True)}


@torch.no_grad()
def measure(network: PoseCritic, frames: list[RivalFrame]) -> dict[str, float]:
    """Share of pairs judged rightly (the floor is 0.5) and mean surprise, natural logarithm (0.693)."""
    network.eval()
    batches = [frames[i : i + FRAMES_PER_BATCH] for i in range(0, len(frames), FRAMES_PER_BATCH)]
    found = torch.cat([scores(network, batch) for batch in batches])
    network.train()
    assert found.shape[1] == CANDIDATES
    better = found[:, :1] - found[:, 1:]
    figures = {}
    for name, margin in zip(KINDS, better.T, strict=True):
        figures[f"{name}_right"] = float((margin > 0).float().mean())
        figures[f"{name}_surprise"] = float(functional.softplus(-margin).mean())
    return figures


def fixed_frames(packs: Path, side: str, count: int, seed: int = 7) -> list[RivalFrame]:
    """The same frames at every call: for validation and test."""
    rng = np.random.default_rng(seed)
    characters = load_characters(packs, side)  # type: ignore[arg-type]
    maker = RivalMaker(SceneMaker(characters, rng, Backgrounds(rng, count=30), easy=True))
    return [f for _ in range(count // FRAMES_PER_CHARACTER) for f in maker.frames(FRAMES_PER_CHARACTER)]


def begin_with_correspondence(network: PoseCritic, weights: Path) -> None:
    """Take over what the correspondence network has learnt of pictures and drawings."""
    own = network.state_dict()
    renamed = {
        name.removeprefix("video.").replace("estimate_stem", "candidate_stem"): value.float()
        for name, value in load_file(weights).items()
    }
    taken = 0
    for name, value in own.items():
        known = renamed.get(name)
        if known is None:
            continue
        if known.shape == value.shape:
            value.copy_(known)
            taken += 1
        elif name.startswith("candidate_stem.0.0."):
            value.zero_()
            value[:, : known.shape[1]] = known
            taken += 1
    if not taken:
        raise ValueError(f"{weights} is not of the correspondence network.")


def main(arguments: list[str] | None = None) -> None:
    """Command line; see README.md."""
    parser = argparse.ArgumentParser(prog="python -m training critic", description=__doc__)
    parser.add_argument("--packs", type=Path, default=Path("data/packs"))
    parser.add_argument("--run", type=Path, default=Path("runs/critic"))
    parser.add_argument("--steps", type=int, default=20000, help="budget: the cosine ends here")
    parser.add_argument("--rate", type=float, default=1.0e-3)
    parser.add_argument(
        "--backgrounds", type=Path, help="folder of pictures and videos to put behind the subject"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)

    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    network = PoseCritic().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    begin_with_correspondence(network, DEFAULT_FOLDER / "correspondence.safetensors")
    trainer = Trainer(network, options.run, Schedule(options.rate, options.steps))
    # A run that goes on must not see the same samples again.
    rng = np.random.default_rng([options.seed, trainer.step])
    characters = load_characters(options.packs, "train")
    maker = RivalMaker(SceneMaker(characters, rng, Backgrounds(rng, options.backgrounds)))
    pool = Pool(lambda: maker.frames(FRAMES_PER_CHARACTER), rng, size=POOL, uses=USES)
    validation = fixed_frames(options.packs, "validation", VALIDATION_FRAMES)
    print(
        f"{len(characters)} characters, {sum(p.numel() for p in network.parameters())} parameters", flush=True
    )

    def train_step() -> tuple[Tensor, dict[str, float]]:
        return critic_loss(scores(network, pool.draw(FRAMES_PER_BATCH)))

    trainer.run(train_step, lambda: measure(trainer.average, validation), steps=options.steps)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
