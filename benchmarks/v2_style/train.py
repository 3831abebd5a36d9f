# SPDX-License-Identifier: GPL-3.0-or-later
"""Train the V2-style network on windows drawn while training, for a given time; begun again it goes on.

Time is processor time of the one thread: a busy machine makes a run last longer, not learn less.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mocapanything_addon.ik.rotations import angle_between, nearest_rotation
from samples.metrics import mpjpe, pa_mpjpe
from training.appearance import Backgrounds
from training.character import Character
from training.data import load_characters
from training.loop import Trainer
from training.motion import forward_kinematics
from training.pool import Pool

from .network import FoundPositions, RigBatch, V2Style
from .rig_input import stack_rigs
from .samples import PoseWindow, PoseWindowMaker, Truth, stack_truth, stack_video

BATCH = 4
"""Windows."""
TOGETHER = 4
"""Batches drawn at once and sorted by joints, so that little is padded."""
POOL = 900
"""Windows kept; the oldest make room for new ones."""
USES = 3
VALIDATION_WINDOWS = 120
GUIDED_UNTIL = 0.5
"""Share of the budget from which on rotations are found from predicted positions alone (V2: half)."""
POSITION, ROTATION, SPEED, ROOT = 1.0, 1.0, 1.0, 0.1
"""Weights of the loss, as published."""
EVALUATE_EVERY = 240.0
"""Seconds of training."""
SAVE_EVERY = 120.0
"""Seconds on the clock."""


class ByTheClock:
    """A cosine over a declared time: the rate is run down when the time is over."""

    def __init__(self, rate: float, seconds: float, warm_up: int = 60, floor: float = 0.03) -> None:
        self.rate, self.seconds, self.warm_up, self.floor = rate, seconds, warm_up, floor
        self.share = 0.0
        """Of the time that is over; kept up to date by the run."""

    def at(self, step: int, spent: float = 0.0) -> float:
        """Learning rate of a step; ``spent`` is the share of a limited time on the clock that is over."""
        cosine = 0.5 * (1.0 + math.cos(math.pi * min(max(self.share, spent), 1.0)))
        return self.rate * min(1.0, (step + 1) / self.warm_up) * (cosine * (1.0 - self.floor) + self.floor)


def guided(truth: Truth, share_predicted: float, rng: np.random.Generator) -> Tensor:
    """True positions (B, T, J, 3) for some of the windows, NaN where the network's own count."""
    own = torch.from_numpy(rng.random(len(truth.positions)) < share_predicted)
    return truth.positions.masked_fill(own[:, None, None, None], float("nan"))


def pose_loss(
    found: FoundPositions, turned: Tensor, truth: Truth, rig: RigBatch
) -> tuple[Tensor, dict[str, float]]:
    """Positions, rotations, their change over time, the root's rotation; and what positions are made of."""
    valid = rig.valid[:, None].float().expand(found.depths.shape)
    counts = truth.counts[:, None].float().expand(found.depths.shape)

    def mean(values: Tensor, weight: Tensor) -> Tensor:
        return (values * weight).sum() / weight.sum().clamp_min(1.0)

    position = mean((found.positions - truth.positions).abs().sum(-1).clamp_max(2.0), valid)
    place = mean((found.places - truth.places).abs().sum(-1).clamp_max(2.0), valid)
    depth = mean((found.depths - truth.depths).abs(), valid)
    scale = (found.log_scale - truth.log_scale).abs().mean()
    error = turned - truth.rotations
    rotation = mean((error**2).sum((-1, -2)), counts)
    speed = mean(((error[:, 1:] - error[:, :-1]) ** 2).sum((-1, -2)), counts[:, 1:])
    root = (error[:, :, 0] ** 2).sum((-1, -2)).mean()
    loss = POSITION * (position + place + depth + scale) + ROTATION * rotation + SPEED * speed + ROOT * root
    parts = {"position": position, "place": place, "scale": scale, "rotation": rotation, "root": root}
    return loss, {f"{name}_loss": float(value.detach()) for name, value in parts.items()}


@torch.no_grad()
def measure(network: V2Style, windows: list[PoseWindow]) -> dict[str, float]:
    """Errors of posed skeletons beside the floors on the true root; centimetres in the 1 m cube, degrees.

    ``found_...``: of the positions before rotations are found from them.
    """
    network.eval()
    rows = []
    for first in range(0, len(windows), BATCH):
        part = windows[first : first + BATCH]
        positions, turned = network(stack_rigs([w.rig for w in part]), stack_video(part))
        for index, window in enumerate(part):
            count = len(window.rig.parents)
            rows.append(
                _figures(
                    window,
                    positions.positions[index, :, :count].double().numpy(),
                    turned[index, :, :count].double().numpy(),
                )
            )
    network.train()
    return {name: float(np.nanmean([row[name] for row in rows])) for name in rows[0]}


def _figures(window: PoseWindow, found: NDArray, turned: NDArray) -> dict[str, float]:
    parents, rest = window.rig.parents, window.rig.rest.astype(float)
    offsets = rest - rest[np.maximum(parents, 0)]
    truth, true_positions = window.rotations.astype(float), 100.0 * window.positions.astype(float)
    own = nearest_rotation(turned + 1e-9 * np.eye(3))
    own[:, window.rig.is_tail] = np.eye(3)
    still = np.tile(np.eye(3), (*own.shape[:2], 1, 1))
    average = np.tile(window.average.astype(float), (len(own), 1, 1, 1))
    counts = ~window.rig.is_tail & (np.arange(len(parents)) > 0)
    figures = {"found_mpjpe": mpjpe(100.0 * found, true_positions)}
    for floor in (still, average):
        floor[:, 0] = truth[:, 0]
    for name, local in (("", own), ("rest_", still), ("constant_", average)):
        posed = 100.0 * forward_kinematics(parents, offsets, local, np.zeros((len(local), 3)))[1]
        figures[f"{name}mpjpe"] = mpjpe(posed, true_positions)
        figures[f"{name}pa_mpjpe"] = pa_mpjpe(posed, true_positions)
        away = angle_between(local[:, counts], truth[:, counts]) if counts.any() else np.array(np.nan)
        figures[f"{name}rotation"] = float(np.degrees(away).mean())
    figures["root"] = float(np.degrees(angle_between(own[:, 0], truth[:, 0])).mean())
    return figures


def fixed_windows(
    characters: list[Character], network: V2Style, count: int, seed: int = 7, *, easy: bool = True
) -> list[PoseWindow]:
    """The same windows at every call."""
    rng = np.random.default_rng(seed)
    maker = PoseWindowMaker(characters, rng, Backgrounds(rng, count=30), network.trunk, easy=easy)
    return [maker.window() for _ in range(count)]


def batches(pool: Pool[PoseWindow], rng: np.random.Generator) -> Iterator[list[PoseWindow]]:
    """Batches of windows with about equally many joints, without end."""
    while True:
        windows = sorted(pool.draw(BATCH * TOGETHER), key=lambda w: len(w.rig.parents))
        for part in rng.permutation(TOGETHER):
            yield windows[part * BATCH : (part + 1) * BATCH]


def train(
    trainer: Trainer,
    schedule: ByTheClock,
    pool: Pool[PoseWindow],
    validation: list[PoseWindow],
    rng: np.random.Generator,
    *,
    evaluate_every: float = EVALUATE_EVERY,
) -> None:
    """Train until the schedule's processor time is over, that of earlier calls counted, measuring not."""
    network, average = trainer.network, trainer.average
    assert isinstance(average, V2Style)
    drawn = batches(pool, rng)
    saved, evaluated = time.monotonic(), trainer.seconds
    while trainer.seconds < schedule.seconds:
        began = time.process_time()
        schedule.share = trainer.seconds / schedule.seconds
        windows = next(drawn)
        rig, truth = stack_rigs([w.rig for w in windows]), stack_truth(windows)
        predicted = min(1.0, 0.1 + 0.9 * schedule.share / GUIDED_UNTIL)
        found, turned = network(rig, stack_video(windows), guided(truth, predicted, rng))
        trainer.update(*pose_loss(found, turned, truth, rig))
        trainer.seconds += time.process_time() - began
        now = time.monotonic()
        last = trainer.seconds >= schedule.seconds
        if last or trainer.seconds - evaluated > evaluate_every:
            running = {name: float(value) for name, value in trainer.running.items()}
            figures = running | measure(average, validation)
            trainer.record(figures)
            said = {name: round(value, 3) for name, value in figures.items()}
            print(trainer.step, round(trainer.seconds), said, flush=True)
            evaluated = trainer.seconds
        if last or now - saved > SAVE_EVERY:
            trainer.save()
            saved = time.monotonic()


def main(arguments: list[str] | None = None) -> None:
    """Command line; see the package."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.v2_style train", description=__doc__)
    parser.add_argument("--packs", type=Path, default=Path("data/packs"))
    parser.add_argument("--run", type=Path, default=Path("runs/v2_style"))
    parser.add_argument("--minutes", type=float, default=75.0, help="of processor time, all calls together")
    parser.add_argument("--rate", type=float, default=1.0e-3)
    parser.add_argument("--trunk", type=Path, help="weights of EfficientNet-Lite0, for a new run")
    parser.add_argument("--backgrounds", type=Path, help="folder of pictures to put behind the subject")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    torch.manual_seed(options.seed)
    published = None if options.trunk is None else torch.load(options.trunk, weights_only=True)
    network: nn.Module = V2Style(published=published).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    assert isinstance(network, V2Style)
    schedule = ByTheClock(options.rate, 60.0 * options.minutes)
    trainer = Trainer(network, options.run, schedule, pretrained=network.trunk, batch=BATCH)
    if not trainer.step and published is None:
        parser.error("a new run needs --trunk; training/README.md says where its weights come from")
    # A run that goes on must not see the same windows again.
    rng = np.random.default_rng([options.seed, trainer.step])
    characters = load_characters(options.packs, "train", need_clips=True)
    maker = PoseWindowMaker(characters, rng, Backgrounds(rng, options.backgrounds), network.trunk)
    pool = Pool(lambda: [maker.window()], rng, size=POOL, uses=USES)
    unseen = load_characters(options.packs, "validation", need_clips=True)
    validation = fixed_windows(unseen, network, VALIDATION_WINDOWS)
    trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
    print(f"{trained} trained parameters, {len(validation)} validation windows", flush=True)
    train(trainer, schedule, pool, validation, rng)


if __name__ == "__main__":
    main()
