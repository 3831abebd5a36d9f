# SPDX-License-Identifier: GPL-3.0-or-later
"""Time and memory of V2's design at the published size, of the small one, and of our networks and capture.

Everything on one thread of the processor, each part in a process of its own. Masks are given to all. Of the
published size a frame goes through each network once; its own program lets windows overlap.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import process_time
from typing import Any
from unittest.mock import patch

import torch
from torch import nn

from benchmarks.fitting.clips import load_clips
from benchmarks.fitting.conditions import BY_NAME
from benchmarks.fitting.runs import Task, run
from benchmarks.report import Table

from .capture import measure_baseline
from .network import V2Style
from .published import FRAMES as PUBLISHED_FRAMES
from .published import IMAGE, Decoders, VisionTransformer, any_clip

CONDITION = "networks, no other clips"
FRAMES = 40
TRUNK_FRAMES = 3
"""Enough: each takes seconds."""
KIBI = 1024.0


@dataclass(frozen=True)
class Timed:
    """One part."""

    name: str
    parameters: float
    """Millions."""
    seconds: float
    """Processor time a frame."""
    memory: float = float("nan")
    """Peak resident MiB of the whole process."""


def published_trunk(_: argparse.Namespace) -> list[Timed]:
    """The frozen trunk, frame by frame."""
    network = VisionTransformer().eval()
    image = torch.zeros(1, 3, IMAGE, IMAGE)
    seconds = _time(lambda: network(image), TRUNK_FRAMES)
    return [Timed("V2 as published: ViT-L/14", _millions(network), seconds)]


def published_decoders(_: argparse.Namespace) -> list[Timed]:
    """Both decoders on one clip."""
    network, clip = Decoders().eval(), any_clip()
    seconds = _time(lambda: network(*clip), 1) / PUBLISHED_FRAMES
    return [Timed("V2 as published: decoders", _millions(network), seconds)]


def small(options: argparse.Namespace) -> list[Timed]:
    """Capture of the clip by the network that was trained here."""
    measured = measure_baseline(_task(options), options.run, "V2-style")
    return [Timed("V2-style: capture", _millions(V2Style()), measured.seconds)]


def ours(options: argparse.Namespace) -> list[Timed]:
    """Capture of the clip as a user gets it, and what of it the networks take."""
    from mocapanything_addon.models.network_critic import NetworkCritic
    from mocapanything_addon.models.networks import Networks

    networks = Networks.load(device="cpu")
    decoder, critic = [0.0], [0.0]
    with ExitStack() as stack:
        for owner, name, spent in (
            (Networks, "encode", decoder),
            (Networks, "decode", decoder),
            (NetworkCritic, "scores", critic),
        ):
            stack.enter_context(_clocked(owner, name, spent))
        outcome = run(_task(options))
    sizes = _millions(networks.decoder), _millions(networks.critic.network)
    whole = sum(outcome.seconds.values())
    return [
        Timed("ours: motion decoder", sizes[0], decoder[0] / outcome.frames),
        Timed("ours: pose critic", sizes[1], critic[0] / outcome.frames),
        Timed("ours: whole capture", sum(sizes), whole),
    ]


PARTS: dict[str, Callable[[argparse.Namespace], list[Timed]]] = {
    "published_trunk": published_trunk,
    "published_decoders": published_decoders,
    "small": small,
    "ours": ours,
}


def speed_table(found: dict[str, list[Timed]]) -> Table:
    """All parts; ratios against our networks together and our whole capture."""
    table = Table(
        "speed",
        "Speed against V2's design",
        (
            "part",
            "million parameters",
            "s a frame",
            "frames a second",
            "our networks = 1",
            "our capture = 1",
            "MiB",
        ),
        "One thread, processor time; peak resident memory of the process that did it. Masks are given.",
    )
    decoder, critic, whole = found["ours"]
    networks = Timed(
        "ours: both networks",
        decoder.parameters + critic.parameters,
        decoder.seconds + critic.seconds,
        whole.memory,
    )
    trunk, heads = found["published_trunk"][0], found["published_decoders"][0]
    published = Timed(
        "V2 as published: forward", trunk.parameters + heads.parameters, trunk.seconds + heads.seconds
    )
    for timed in (trunk, heads, published, *found["small"], decoder, critic, networks, whole):
        table.add(
            timed.name,
            timed.parameters,
            timed.seconds,
            1.0 / max(timed.seconds, 1e-9),
            timed.seconds / max(networks.seconds, 1e-9),
            timed.seconds / max(whole.seconds, 1e-9),
            timed.memory,
        )
    return table


def main(arguments: list[str] | None = None) -> None:
    """Command line; see the package. With --part: that part alone, printed as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.v2_style speed", description=__doc__)
    parser.add_argument("--run", type=Path, default=Path("runs/v2_style"))
    parser.add_argument("--clip", default="crab dance", help="of benchmarks/fitting/clips.json")
    parser.add_argument("--frames", type=int, default=FRAMES, help="of the clip, at most")
    parser.add_argument("--packs", type=Path, default=Path("data/packs"))
    parser.add_argument(
        "--cache", type=Path, default=Path("out/benchmarks/films"), help="folder of the films"
    )
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks/v2_style"), help="of the tables")
    parser.add_argument("--part", choices=list(PARTS), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.part:
        torch.set_num_threads(1)
        with torch.inference_mode():
            found = PARTS[options.part](options)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIBI
        print(json.dumps([asdict(timed) | {"memory": memory} for timed in found]))
        return
    said = sys.argv[2:] if arguments is None else arguments
    table = speed_table({part: _alone(part, said) for part in PARTS})
    print(table.markdown(), flush=True)
    table.write(options.out)


def _alone(part: str, arguments: list[str]) -> list[Timed]:
    """A part in a process of its own, so that memory is its own."""
    print(f"  {part}", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", __package__ or "", "speed", *arguments, "--part", part]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [Timed(**row) for row in json.loads(said.splitlines()[-1])]


def _task(options: argparse.Namespace) -> Task:
    spec = next((spec for spec in load_clips("all") if spec.name == options.clip), None)
    if spec is None:
        raise SystemExit(f"no clip {options.clip} in benchmarks/fitting/clips.json")
    return Task(spec, 0, BY_NAME[CONDITION], "full", options.frames, options.packs, options.cache)


def _time(work: Callable[[], object], count: int) -> float:
    """Processor seconds of one call, after one that is not counted."""
    work()
    began = process_time()
    for _ in range(count):
        work()
    return (process_time() - began) / count


@contextmanager
def _clocked(owner: type, name: str, spent: list[float]) -> Iterator[None]:
    """Add what a method takes, which calls none of the others that are clocked."""
    method = getattr(owner, name)

    def clocked(*args: Any, **kwargs: Any) -> Any:
        began = process_time()
        try:
            return method(*args, **kwargs)
        finally:
            spent[0] += process_time() - began

    with patch.object(owner, name, clocked):
        yield


def _millions(network: nn.Module) -> float:
    return 1e-6 * sum(p.numel() for p in network.parameters())


if __name__ == "__main__":
    main()
