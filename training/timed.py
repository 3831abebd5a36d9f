# SPDX-License-Identifier: GPL-3.0-or-later
"""Train several networks one after the other within a given time, on the GPUs where there are any."""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from mocapanything_addon.models.registry import DEFAULT_FOLDER

from .checkpoint import CHECKPOINT
from .device import DEVICES, choose_device
from .options import read_options

NETWORKS = ("decoder", "critic", "correspondence")
"""The mask network is not among them: it learns from videos, which stay where they are."""
CONFIGS = Path(__file__).with_name("gpu")
BACKGROUNDS = "data/backgrounds"
AROUND = 20.0
"""Seconds that a run takes to start and to end, beside its training."""
CPU_RATE = 3e-4
"""Learning rate where a GPU's options are not taken: low, for the few steps begin with trained weights."""
GRACE = 90.0
"""Seconds after its time in which a run has to end."""


def minutes_of(left: float, shares: Sequence[float]) -> float:
    """How long the first of some runs may train when all of them have ``left`` seconds; at least a second."""
    return max(left * shares[0] / sum(shares) - AROUND, 1.0) / 60.0


def command_of(
    options: argparse.Namespace, network: str, minutes: float, device: str, processes: int
) -> list[str]:
    """The command line of one network's run."""
    launched = [sys.executable]
    if processes > 1:
        launched += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    # After "--", or torchrun takes --run for a short form of an option of its own.
    command = [*launched, "-m", *(["--"] if processes > 1 else []), "training", network]
    if device != "cpu":
        command += ["--config", str(CONFIGS / f"{network}.toml")]
    command += ["--run", str(options.output / network), "--packs", str(options.packs), "--light"]
    command += ["--minutes", f"{minutes:.3f}", "--device", device, "--seed", str(options.seed)]
    command += ["--workers", str(_workers(options.workers, processes))]
    weights = DEFAULT_FOLDER / f"{network}.safetensors"
    if options.begin_with_shipped and weights.is_file():
        command += ["--begin-with", str(weights)]
    if network != "decoder" and options.backgrounds.is_dir():
        command += ["--backgrounds", str(options.backgrounds)]
    if device == "cpu":
        command += [f"--steps={10**9}", f"--rate={CPU_RATE}", "--evaluate-every=60", "--save-every=60"]
    return command


def _workers(asked: int | None, processes: int) -> int:
    """Of each process: what was asked for, else one a core that is left."""
    if asked is not None:
        return asked
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(cores // processes - 1, 0)


def main(arguments: list[str] | None = None) -> None:
    """Command line; see README.md."""
    begun = time.monotonic()
    parser = argparse.ArgumentParser(
        prog="python -m training timed", description=__doc__, exit_on_error=False
    )
    parser.add_argument("--config", type=Path, help="TOML file with any of these options; those here win")
    parser.add_argument("--minutes", type=float, default=30.0, help="for all of it")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=["decoder", "critic"])
    parser.add_argument(
        "--shares", nargs="+", type=float, help="of the time, one a network; alike by default"
    )
    parser.add_argument(
        "--output", type=Path, default=Path("runs"), help="gets a folder a network; goes on there"
    )
    parser.add_argument("--packs", type=Path, default=Path("data/packs"))
    parser.add_argument("--backgrounds", type=Path, default=Path(BACKGROUNDS), help="where it is there")
    parser.add_argument("--device", choices=DEVICES, default="auto")
    parser.add_argument("--workers", type=int, help="that make samples, a process; one a core by default")
    parser.add_argument("--processes", type=int, help="that train one network together; one a GPU by default")
    parser.add_argument(
        "--begin-with-shipped",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="new runs begin with the shipped weights",
    )
    parser.add_argument("--seed", type=int, default=0)
    options = read_options(parser, arguments)
    shares = options.shares or [1.0] * len(options.networks)
    if len(shares) != len(options.networks) or min(shares) <= 0.0:
        parser.error(f"--shares needs {len(options.networks)} positive numbers, one a network.")

    device = choose_device(options.device).type
    processes = options.processes or (max(torch.cuda.device_count(), 1) if device == "cuda" else 1)
    failed = []
    for index, network in enumerate(options.networks):
        left = 60.0 * options.minutes - (time.monotonic() - begun)
        minutes = minutes_of(left, shares[index:])
        print(f"{network}: {minutes:.1f} minutes on {device}", flush=True)
        if not _run(
            command_of(options, network, minutes, device, processes), 60.0 * minutes + AROUND + GRACE
        ):
            failed.append(network)
    for network in options.networks:
        size = sum(p.stat().st_size for p in (options.output / network).glob("*.pt")) / 1e6
        there = (options.output / network / CHECKPOINT).exists()
        print(
            f"{options.output / network}: {size:.1f} MB" if there else f"{network}: no checkpoint", flush=True
        )
    if failed:
        sys.exit(f"These did not end well: {', '.join(failed)}.")


def _run(command: list[str], longest: float) -> bool:
    with subprocess.Popen(command) as process:
        try:
            return process.wait(longest if math.isfinite(longest) else None) == 0
        except subprocess.TimeoutExpired:
            print("It has not ended in time: stopping it.", flush=True)
            process.terminate()
            return False


if __name__ == "__main__":
    main()
