# SPDX-License-Identifier: GPL-3.0-or-later
"""Train the pose critic on frames with rival poses, made while training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from mocapanything_addon.models.images import standardised_frame
from mocapanything_addon.models.manifest import DEFAULT_FOLDER
from mocapanything_addon.models.pose_critic import PoseCritic, candidate_image
from mocapanything_addon.models.trunks import OWN, TRUNKS, named_trunk
from mocapanything_addon.models.video_features import IMAGE_SIZE

from .appearance import Backgrounds
from .data import load_characters, shared_characters
from .device import mixed_precision, moved
from .loop import Figures
from .options import read_options, training_options
from .pool import Pool
from .rivals import CANDIDATES, RivalFrame, RivalMaker
from .scenes import SceneMaker
from .train import Task, train

FRAMES_PER_BATCH = 12
FRAMES_PER_CHARACTER = 3
POOL = 1500
"""Frames kept; the oldest make room for new ones."""
USES = 2
VALIDATION_FRAMES = 300
KINDS = ("twin", "exchanged", "turned")


@dataclass(frozen=True, eq=False)
class RivalBatch:
    """B frames with their candidates, as :class:`.rivals.RivalFrame` has them, stacked."""

    color: Tensor
    mask: Tensor
    drawn: Tensor
    painted: Tensor


@dataclass(frozen=True)
class CriticSamples:
    """Frames of the training side; see :class:`.supply.Samples`."""

    packs: Path
    backgrounds: Path | None = None
    batch: int = FRAMES_PER_BATCH
    uses: int = USES
    frame_size: int = IMAGE_SIZE
    """Pixels a side of the film images."""

    def load(self) -> str:
        """The characters."""
        return f"{len(shared_characters(self.packs, 'train'))} characters"

    def batches(self, rng: np.random.Generator, makers: int) -> Iterator[RivalBatch]:
        """Batches without end; one of so many makers."""
        backgrounds = Backgrounds(rng, self.backgrounds)
        scenes = SceneMaker(shared_characters(self.packs, "train"), rng, backgrounds)
        maker = RivalMaker(scenes, self.frame_size)
        size = max(POOL // makers, 4 * self.batch)
        pool = Pool(lambda: maker.frames(FRAMES_PER_CHARACTER), rng, size=size, uses=self.uses)
        while True:
            yield stack_frames(pool.draw(self.batch))


def stack_frames(frames: list[RivalFrame]) -> RivalBatch:
    """Stack frames."""
    names = ("color", "mask", "drawn", "painted")
    return RivalBatch(*(torch.from_numpy(np.stack([getattr(f, name) for f in frames])) for name in names))


def scores(network: PoseCritic, batch: RivalBatch) -> Tensor:
    """(B, CANDIDATES)."""
    frame = standardised_frame(batch.color, batch.mask)
    drawn = batch.drawn.float()
    inside = (255.0 * drawn[:, :, 6]).to(torch.uint8)
    colors = standardised_frame(batch.painted.flatten(0, 1), inside.flatten(0, 1))[:, :3]
    candidates = candidate_image(drawn, colors.unflatten(0, drawn.shape[:2]))
    with mixed_precision(frame.device):
        return network(frame.contiguous(memory_format=torch.channels_last), candidates).float()


def critic_loss(found: Tensor) -> tuple[Tensor, Figures]:
    """Cross-entropy of the right candidate among all, and against each rival alone."""
    right = torch.zeros(len(found), dtype=torch.long, device=found.device)
    together = functional.cross_entropy(found, right)
    alone = functional.softplus(found[:, 1:] - found[:, :1]).mean()
    share = (found[:, :1] > found[:, 1:]).float().mean(0)
    return together + alone, dict(zip(KINDS, share, strict=True))


@torch.no_grad()
def measure(network: PoseCritic, frames: list[RivalFrame]) -> dict[str, float]:
    """Share of pairs judged rightly (the floor is 0.5) and mean surprise, natural logarithm (0.693)."""
    network.eval()
    device = next(network.parameters()).device
    batches = [frames[i : i + FRAMES_PER_BATCH] for i in range(0, len(frames), FRAMES_PER_BATCH)]
    found = torch.cat([scores(network, moved(stack_frames(some), device)) for some in batches])
    network.train()
    assert found.shape[1] == CANDIDATES
    better = found[:, :1] - found[:, 1:]
    figures = {}
    for name, margin in zip(KINDS, better.T, strict=True):
        figures[f"{name}_right"] = float((margin > 0).float().mean())
        figures[f"{name}_surprise"] = float(functional.softplus(-margin).mean())
    return figures


def fixed_frames(
    packs: Path, side: str, count: int, seed: int = 7, frame_size: int = IMAGE_SIZE
) -> list[RivalFrame]:
    """The same frames at every call: for validation and test."""
    rng = np.random.default_rng(seed)
    characters = load_characters(packs, side)  # type: ignore[arg-type]
    maker = RivalMaker(SceneMaker(characters, rng, Backgrounds(rng, count=30), easy=True), frame_size)
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
    parser = training_options("critic", __doc__, rate=1.0e-3, steps=20000, batch=FRAMES_PER_BATCH)
    parser.add_argument(
        "--backgrounds", type=Path, help="folder of pictures and videos to put behind the subject"
    )
    parser.add_argument("--uses", type=int, default=USES, help="of each frame, on average")
    parser.add_argument(
        "--trunk",
        default=OWN,
        metavar="NAME[:PATH]",
        help=f"look at the film through a larger, frozen trunk from local files: {', '.join(TRUNKS)}",
    )
    options = read_options(parser, arguments)
    entry, trunk = named_trunk(options.trunk) or (None, None)
    frame_size = PoseCritic(trunk=trunk).frame_size

    def network() -> PoseCritic:
        critic = PoseCritic(trunk=trunk)
        if options.begin_with is None:
            begin_with_correspondence(critic, DEFAULT_FOLDER / "correspondence.safetensors")
        return critic.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def loss(network: PoseCritic, batch: RivalBatch) -> tuple[Tensor, Figures]:
        return critic_loss(scores(network, batch))

    def validation() -> Callable[[PoseCritic], dict[str, float]]:
        frames = fixed_frames(options.packs, "validation", VALIDATION_FRAMES, frame_size=frame_size)
        return lambda network: measure(network, frames)

    samples = CriticSamples(options.packs, options.backgrounds, options.batch, options.uses, frame_size)
    notes = {} if entry is None else {"trunk": asdict(entry)}
    train(options, Task(samples, network, loss, validation, notes=notes))


if __name__ == "__main__":
    main()
