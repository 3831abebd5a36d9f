# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of one network as its command's options have it: the same for all networks."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from .checkpoint import steps_done
from .device import choose_device, moved
from .loop import Figures, Schedule, Trainer
from .options import keep_config
from .ranks import Ranks
from .supply import Samples, Supply

Batch = TypeVar("Batch")
Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Task(Generic[Network, Batch]):
    """What there is to learn."""

    samples: Samples[Batch]
    network: Callable[[], Network]
    """Makes the network as a new run begins with it."""
    loss: Callable[[Network, Batch], tuple[Tensor, Figures]]
    """Of a batch on the network's device."""
    validation: Callable[[], Callable[[Network], dict[str, float]]]
    """Makes the validation samples, once, and gives what measures a network with them."""
    pretrained: Callable[[Network], nn.Module] | None = None
    """The part of a network that has learnt already."""
    notes: dict[str, Any] = field(default_factory=dict)
    """JSON values that the manifest of the exported weights shall hold."""


def train(options: argparse.Namespace, task: Task[Network, Batch]) -> None:
    """Train from where the run's folder has come to until its budget or its time is over.

    Under ``torchrun`` several processes do so together; the first measures, records and saves.
    """
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    ranks = Ranks.of_environment()
    # A run that goes on must not see the same samples again.
    supply = Supply(task.samples, ranks.seed(options.seed, steps_done(options.run)), options.workers)
    device = choose_device(options.device, ranks.local)
    ranks.join(device)
    if ranks.leads:
        keep_config(options)
    network = task.network().to(device)
    trainer = Trainer(
        network,
        options.run,
        Schedule(options.rate, options.steps),
        pretrained=None if task.pretrained is None else task.pretrained(network),
        batch=options.batch,
        minutes=options.minutes,
        light=options.light,
        notes=task.notes,
        ranks=ranks,
    )
    if options.begin_with is not None:
        trainer.begin_with(options.begin_with)
    measure: Callable[[Network], dict[str, float]] = task.validation() if ranks.leads else lambda _: {}
    if ranks.leads:
        beside = f", {ranks.count} processes" if ranks.count > 1 else ""
        count = sum(p.numel() for p in network.parameters())
        print(f"{supply.described}, {count} parameters on {device}{beside}", flush=True)

    def train_step() -> tuple[Tensor, Figures]:
        return task.loss(network, moved(supply.next(), device))

    trainer.run(
        train_step,
        lambda: measure(trainer.average),  # type: ignore[arg-type]
        steps=options.steps,
        evaluate_every=options.evaluate_every,
        save_every=options.save_every,
        waited=lambda: supply.waited,
    )
    ranks.leave()
