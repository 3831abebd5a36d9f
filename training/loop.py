# SPDX-License-Identifier: GPL-3.0-or-later
"""What every training run needs: a schedule, averaged weights, checkpoints to go on from, a curve as CSV."""

from __future__ import annotations

import copy
import csv
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

CHECKPOINT = "checkpoint.pt"
CURVE = "curve.csv"
PRETRAINED_PACE = 0.3
"""Learning rate of what has learnt already, share of the schedule's."""


@dataclass(frozen=True)
class Schedule:
    """Cosine over a declared budget of steps; beyond it a run can go on at the floor."""

    rate: float
    steps: int
    warm_up: int = 60
    floor: float = 0.03

    def at(self, step: int) -> float:
        """Learning rate of a step."""
        share = min(step / self.steps, 1.0)
        cosine = 0.5 * (1.0 + math.cos(math.pi * share))
        return self.rate * min(1.0, (step + 1) / self.warm_up) * (cosine * (1.0 - self.floor) + self.floor)


class Trainer:
    """One run in one folder.

    Args:
        network: Trained in place.
        folder: Gets the checkpoint and the curve; a run goes on from the checkpoint it finds.
        schedule: Learning rate.
        decay: AdamW weight decay of matrices.
        pretrained: A part of the network that has learnt already: it takes smaller steps.
    """

    def __init__(
        self,
        network: nn.Module,
        folder: Path,
        schedule: Schedule,
        decay: float = 0.02,
        pretrained: nn.Module | None = None,
    ) -> None:
        self.network, self.folder, self.schedule = network, folder, schedule
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
        self.seconds = 0.0
        self.running: dict[str, float] = {}
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / CHECKPOINT).exists():
            self._load()

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

    def update(self, loss: Tensor, figures: dict[str, float]) -> None:
        """One step down the loss; figures go into running means."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.at(self.step) * group.get("pace", 1.0)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 2.0)
        self.optimizer.step()
        self.step += 1
        self._follow(min(0.998, self.step / (self.step + 10.0)))
        for name, value in {"loss": float(loss.detach()), **figures}.items():
            self.running[name] = 0.98 * self.running.get(name, value) + 0.02 * value

    def _follow(self, keep: float) -> None:
        pairs = zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True)
        with torch.no_grad():
            for slow, fast in pairs:
                if slow.dtype.is_floating_point:
                    slow.lerp_(fast, 1.0 - keep)
                else:
                    slow.copy_(fast)

    def save(self) -> None:
        """Write the checkpoint; the old one stands until the new one is whole."""
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }
        partial = self.folder / (CHECKPOINT + ".part")
        torch.save(state, partial)
        partial.replace(self.folder / CHECKPOINT)

    def _load(self) -> None:
        state = torch.load(self.folder / CHECKPOINT, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = int(state["step"]), float(state["seconds"])

    def record(self, figures: dict[str, float]) -> None:
        """Append a row to the curve."""
        row = {
            "step": self.step,
            "seconds": round(self.seconds),
            **{k: round(v, 5) for k, v in figures.items()},
        }
        path = self.folder / CURVE
        columns = path.read_text().splitlines()[0].split(",") if path.exists() else list(row)
        with path.open("a", newline="") as stream:
            writer = csv.DictWriter(stream, columns, extrasaction="ignore")
            if not stream.tell():
                writer.writeheader()
            writer.writerow(row)

    def run(
        self,
        train_step: Callable[[], tuple[Tensor, dict[str, float]]],
        evaluate: Callable[[], dict[str, float]],
        *,
        steps: int,
        evaluate_every: float = 600.0,
        save_every: float = 180.0,
    ) -> None:
        """Train until ``steps`` are done. Saves and evaluates by the clock (seconds), and at the end."""
        before, saved, evaluated = (
            time.monotonic(),
            time.monotonic(),
            time.monotonic() - evaluate_every + 120.0,
        )
        self.network.train()
        while self.step < steps:
            self.update(*train_step())
            now = time.monotonic()
            self.seconds += now - before
            before = now
            last = self.step >= steps
            if last or now - evaluated > evaluate_every:
                figures = {**self.running, **evaluate()}
                self.record(figures)
                print(self.step, {k: round(v, 4) for k, v in figures.items()}, flush=True)
                before = evaluated = time.monotonic()
            if last or now - saved > save_every:
                self.save()
                saved = time.monotonic()
