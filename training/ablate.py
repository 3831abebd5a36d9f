# SPDX-License-Identifier: GPL-3.0-or-later
"""What each input of the motion decoder is worth: trained alike, each time without one of them.

``python -m training ablate --steps 300``: the same windows in the same order, the same steps, from scratch;
degrees on the windows of families that it does not train on, written as they come.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mocapanything_addon.models.motion_decoder import DecodedMotion, MotionDecoder
from mocapanything_addon.models.motion_features import TOLD_FEATURE
from mocapanything_addon.models.reference_encoder import ReferenceBatch

from .data import load_characters
from .loop import Schedule, Trainer
from .train_decoder import (
    VALIDATION_WINDOWS,
    WINDOWS_PER_BATCH,
    decoder_loss,
    fixed_windows,
    measure,
    predict,
    stack_windows,
)
from .windows import WindowMaker


@dataclass(frozen=True, eq=False)
class Inputs:
    """What the decoder is given; see :meth:`MotionDecoder.forward`."""

    reference: ReferenceBatch
    joints: Tensor
    frames: Tensor
    times: Tensor
    seen: Tensor


def _without_graph(inputs: Inputs) -> Inputs:
    """Every two joints look equally far apart and unrelated."""
    reference = inputs.reference
    return replace(
        inputs,
        reference=replace(
            reference,
            hops=torch.zeros_like(reference.hops),
            relations=torch.zeros_like(reference.relations),
        ),
    )


def _without_mesh(inputs: Inputs) -> Inputs:
    """Every surface point is the same one."""
    reference = inputs.reference
    return replace(
        inputs,
        reference=replace(
            reference,
            surface_positions=torch.zeros_like(reference.surface_positions),
            surface_normals=torch.zeros_like(reference.surface_normals),
        ),
    )


def _without_told(inputs: Inputs) -> Inputs:
    """It is not said which of the estimate's rotations come from pixels."""
    joints = inputs.joints.clone()
    joints[..., TOLD_FEATURE] = 0.0
    return replace(inputs, joints=joints)


HIDE: dict[str, Callable[[Inputs], Inputs]] = {
    "nothing": lambda inputs: inputs,
    "graph": _without_graph,
    "mesh": _without_mesh,
    "told by pixels": _without_told,
}


class Ablated(MotionDecoder):
    """A motion decoder that is not given something.

    Args:
        hidden: A key of ``HIDE``.
    """

    def __init__(self, hidden: str) -> None:
        super().__init__()
        self.hidden = hidden

    def forward(
        self, reference: ReferenceBatch, joints: Tensor, frames: Tensor, times: Tensor, seen: Tensor
    ) -> DecodedMotion:
        """See :meth:`MotionDecoder.forward`."""
        given = HIDE[self.hidden](Inputs(reference, joints, frames, times, seen))
        return super().forward(given.reference, given.joints, given.frames, given.times, given.seen)


def train(hidden: str, options: argparse.Namespace) -> dict[str, float]:
    """Figures on the validation windows after the training; a run that was broken off goes on."""
    torch.manual_seed(options.seed)
    network = Ablated(hidden)
    trainer = Trainer(
        network, options.run / hidden.replace(" ", "_"), Schedule(options.rate, options.steps, warm_up=30)
    )
    rng = np.random.default_rng([options.seed, trainer.step])
    maker = WindowMaker(load_characters(options.packs, "train", need_clips=True), rng)
    validation = fixed_windows(options.packs, "validation", VALIDATION_WINDOWS)

    def train_step() -> tuple[Tensor, dict[str, float]]:
        batch = stack_windows(maker.batch(WINDOWS_PER_BATCH))
        return decoder_loss(predict(network, batch), batch)

    def evaluate() -> dict[str, float]:
        return measure(trainer.average, validation)  # type: ignore[arg-type]

    trainer.run(train_step, evaluate, steps=options.steps, evaluate_every=1e9)
    return evaluate()


def main(arguments: list[str] | None = None) -> None:
    """Command line; see README.md."""
    parser = argparse.ArgumentParser(prog="python -m training ablate", description=__doc__)
    parser.add_argument("--packs", type=Path, default=Path("data/packs"))
    parser.add_argument("--run", type=Path, default=Path("runs/ablations"))
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--rate", type=float, default=1.0e-3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    rows = []
    for hidden in HIDE:
        rows.append({"without": hidden, **{k: round(v, 3) for k, v in train(hidden, options).items()}})
        print(rows[-1], flush=True)
        with (options.run / "ablations.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
