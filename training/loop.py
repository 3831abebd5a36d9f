# SPDX-License-Identifier: GPL-3.0-or-later
"""What every training run needs: a schedule, averaged weights, checkpoints to go on from, a curve as CSV."""

from __future__ import annotations

import copy
import csv
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from .checkpoint import CHECKPOINT, load_checkpoint, save_checkpoint
from .events import Events
from .ranks import Ranks

CURVE = "curve.csv"
PRETRAINED_PACE = 0.3
"""Learning rate of what has learnt already, share of the schedule's."""
FIRST_LOOK = 120.0
"""Seconds after which a run is measured first."""

Figures = Mapping[str, float | Tensor]


class Rate(Protocol):
    """How fast to learn."""

    @property
    def rate(self) -> float:
        """The highest."""

    def at(self, step: int, spent: float) -> float:
        """Learning rate of a step; ``spent`` is the share of a limited time that is over."""


@dataclass(frozen=True)
class Schedule:
    """Cosine over a declared budget of steps; beyond it a run can go on at the floor."""

    rate: float
    steps: int
    warm_up: int = 60
    floor: float = 0.03

    def at(self, step: int, spent: float = 0.0) -> float:
        """Learning rate of a step; ``spent`` is the share of a limited time that is over."""
        share = min(max(step / self.steps, spent), 1.0)
        cosine = 0.5 * (1.0 + math.cos(math.pi * share))
        return self.rate * min(1.0, (step + 1) / self.warm_up) * (cosine * (1.0 - self.floor) + self.floor)


class Trainer:
    """One run in one folder.

    Args:
        network: Trained in place, on the device where it is.
        folder: Gets the checkpoint and the curve; a run goes on from the checkpoint it finds.
        schedule: Learning rate.
        decay: AdamW weight decay of matrices.
        pretrained: A part of the network that has learnt already: it takes smaller steps.
        batch: Samples a step and process, for the curve.
        minutes: From now on until the run ends; no limit when None.
        light: Checkpoints in shorter numbers, see :func:`.checkpoint.save_checkpoint`.
        ranks: Who else trains this network; nobody when None.
        notes: JSON values that the manifest of the exported weights shall hold.

    Raises:
        ValueError: the folder holds a run with other notes.
    """

    def __init__(
        self,
        network: nn.Module,
        folder: Path,
        schedule: Rate,
        decay: float = 0.02,
        pretrained: nn.Module | None = None,
        *,
        batch: int = 1,
        minutes: float | None = None,
        light: bool = False,
        ranks: Ranks | None = None,
        notes: dict[str, Any] | None = None,
    ) -> None:
        self.notes = notes or {}
        self.network, self.folder, self.schedule = network, folder, schedule
        self.light, self.ranks = light, ranks or Ranks()
        self._batch = batch * self.ranks.count
        self._begun = time.monotonic()
        self._limit = math.inf if minutes is None else 60.0 * minutes
        self.average = copy.deepcopy(network).eval().requires_grad_(False)
        learnt = [] if pretrained is None else list(pretrained.parameters())
        groups = []
        for pace, chosen in (
            (1.0, [p for p in network.parameters() if not any(p is q for q in learnt)]),
            (PRETRAINED_PACE, [p for p in learnt if p.requires_grad]),
        ):
            groups.append({"params": [p for p in chosen if p.ndim > 1], "weight_decay": decay, "pace": pace})
            groups.append({"params": [p for p in chosen if p.ndim <= 1], "weight_decay": 0.0, "pace": pace})
        self.optimizer = torch.optim.AdamW(
            [group for group in groups if group["params"]], lr=schedule.rate, betas=(0.9, 0.99)
        )
        self.step = 0
        self.samples = 0
        self.seconds = 0.0
        self.running: dict[str, Tensor] = {}
        self._events = Events(folder)
        folder.mkdir(parents=True, exist_ok=True)
        state = load_checkpoint(folder)
        if state is not None:
            self._go_on(state)
        self.ranks.same_start(network)
        self.ranks.same_start(self.average)

    def begin_with(self, weights: Path) -> None:
        """Start a new run from exported weights; a run that has begun goes on from its own checkpoint."""
        if self.step:
            return
        known = {name: value.float() for name, value in load_file(weights).items()}
        for network in (self.network, self.average):
            # Counters of batches are not exported.
            left = network.load_state_dict(known, strict=False)
            missing = [name for name in left.missing_keys if not name.endswith("num_batches_tracked")]
            if missing or left.unexpected_keys:
                raise ValueError(f"{weights} is of another network: {missing + left.unexpected_keys}")

    def update(self, loss: Tensor, figures: Figures, *, ending: bool = False) -> bool:
        """One step down the loss; figures go into running means.

        Args:
            loss: Of a batch.
            figures: Of the same batch.
            ending: This process has no more time.

        Returns:
            Whether any of the ranks has no more time.
        """
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        spent = (time.monotonic() - self._begun) / self._limit
        spent, ended = self.ranks.average(self.network, [spent, float(ending)])
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.at(self.step, spent) * group.get("pace", 1.0)
        nn.utils.clip_grad_norm_(self.network.parameters(), 2.0)
        self.optimizer.step()
        self.step += 1
        self.samples += self._batch
        self._follow(min(0.998, self.step / (self.step + 10.0)))
        # Left where they are: to read a figure is to wait for the GPU.
        for name, value in {"loss": loss, **figures}.items():
            latest = torch.as_tensor(value).detach().float()
            if name in self.running:
                self.running[name].lerp_(latest, 0.02)
            else:
                self.running[name] = latest.clone()
        return ended > 0.0

    def _follow(self, keep: float) -> None:
        slow, fast = (network.state_dict() for network in (self.average, self.network))
        moving = [name for name, value in slow.items() if value.dtype.is_floating_point]
        get_ema_multi_avg_fn(keep)([slow[n] for n in moving], [fast[n] for n in moving], 0)
        with torch.no_grad():
            for name in slow.keys() - set(moving):
                slow[name].copy_(fast[name])

    def save(self) -> None:
        """Write the checkpoint; the old one stands until the new one is whole."""
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "samples": self.samples,
            "seconds": self.seconds,
            "notes": self.notes,
        }
        save_checkpoint(self.folder, state, light=self.light)

    def _go_on(self, state: dict) -> None:
        if state.get("notes", {}) != self.notes:
            raise ValueError(
                f"The run in {self.folder} was begun otherwise ({state.get('notes', {})}, now {self.notes}). "
                "Name another folder with --run."
            )
        self.network.load_state_dict(state["network"])
        # A light checkpoint has no counters of batches.
        self.average.load_state_dict({**self.average.state_dict(), **state["average"]})
        if "optimizer" in state:
            self.optimizer.load_state_dict(state["optimizer"])
        elif self.ranks.leads:
            print(f"{self.folder / CHECKPOINT} came without the optimiser: it starts anew.", flush=True)
        self.step, self.seconds = int(state["step"]), float(state["seconds"])
        # Runs of before samples were counted had batches of the default size.
        self.samples = int(state.get("samples", self.step * self._batch))

    def record(self, figures: dict[str, float]) -> None:
        """Append a row to the curve; columns that it has not had yet are added."""
        row: dict[str, float | int | str] = {
            "step": self.step,
            "seconds": round(self.seconds),
            **{k: round(v, 5) for k, v in figures.items()},
            "samples": self.samples,
        }
        add_row(self.folder / CURVE, row)
        self._events.record(self.step, figures)

    def run(
        self,
        train_step: Callable[[], tuple[Tensor, Figures]],
        evaluate: Callable[[], dict[str, float]],
        *,
        steps: int,
        evaluate_every: float = 600.0,
        save_every: float = 180.0,
        waited: Callable[[], float] | None = None,
    ) -> None:
        """Train until ``steps`` are done or the time is over.

        Saves and evaluates by the clock (seconds), and at the end; in limited time also first of all.

        Args:
            train_step: Loss and figures of the next batch.
            evaluate: Figures of the averaged network.
            steps: Budget.
            evaluate_every, save_every: Seconds.
            waited: Seconds spent waiting for samples so far; their share becomes a figure.
        """
        before = saved = time.monotonic()
        evaluated = before - evaluate_every + min(FIRST_LOOK, evaluate_every)
        measuring = waited_before = 0.0
        seconds_before = self.seconds
        if math.isfinite(self._limit) and self.ranks.leads:
            figures = evaluate()
            measuring = time.monotonic() - before
            self._tell(figures)
            before = time.monotonic()
        self.network.train()
        ended = self.step >= steps
        while not ended:
            # A last evaluation has to fit in.
            left = self._limit - (time.monotonic() - self._begun) - measuring
            ended = self.update(*train_step(), ending=left < 0.0) or self.step >= steps
            now = time.monotonic()
            self.seconds += now - before
            before = now
            if not self.ranks.leads:
                continue
            if ended or (now - evaluated > evaluate_every and left > 2.0 * measuring):
                figures = {name: float(value) for name, value in self.running.items()}
                if not math.isfinite(figures["loss"]):
                    raise FloatingPointError(
                        f"The loss is {figures['loss']} after {self.step} steps: begin again from the last "
                        "checkpoint with a lower --rate."
                    )
                if waited is not None:
                    passed = max(self.seconds - seconds_before, 1e-9)
                    figures["waiting"] = (waited() - waited_before) / passed
                    waited_before, seconds_before = waited(), self.seconds
                self._tell({**figures, **evaluate()})
                before = evaluated = time.monotonic()
                measuring = before - now
            if ended or now - saved > save_every:
                self.save()
                saved = time.monotonic()
        self._events.close()
        self.ranks.check_equal(self.network)

    def _tell(self, figures: dict[str, float]) -> None:
        self.record(figures)
        print(self.step, {k: round(v, 4) for k, v in figures.items()}, flush=True)


def add_row(path: Path, row: Mapping[str, float | int | str]) -> None:
    """Append a row to a CSV file with a header; where the row has new columns, the file gets them too."""
    old: list[dict[str, str]] = []
    columns: list[str] = []
    if path.exists():
        with path.open(newline="") as stream:
            reader = csv.DictReader(stream)
            columns = list(reader.fieldnames or ())
            old = list(reader)
    added = [name for name in row if name not in columns]
    if not added:
        with path.open("a", newline="") as stream:
            csv.DictWriter(stream, columns).writerow(row)
        return
    partial = path.with_name(path.name + ".part")
    with partial.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, [*columns, *added])
        writer.writeheader()
        writer.writerows([*old, row])
    partial.replace(path)
