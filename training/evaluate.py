# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of the shipped weights, a side of the split at a time, each beside what doing nothing gives."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from mocapanything_addon.models.manifest import DEFAULT_FOLDER
from mocapanything_addon.models.networks import Networks

from . import train_correspondence, train_critic, train_decoder
from .split import SIDES

GROUPS = 100
WINDOWS = 384
CRITIC_FRAMES = 600


def correspondence_figures(networks: Networks, packs: Path, side: str) -> dict[str, float]:
    """2D errors in per cent of the body; ``..._before`` is the estimate's own error."""
    groups = train_correspondence.fixed_groups(packs, side, GROUPS, seed=11)
    with_views = train_correspondence.measure(networks.correspondence, groups, views=True)
    without = train_correspondence.measure(networks.correspondence, groups, views=False)
    networks.correspondence.eval()
    return {**with_views, "error_without_views": without["error"]}


def decoder_figures(networks: Networks, packs: Path, side: str) -> dict[str, float]:
    """Degrees; ``..._estimate`` is what the simulated fit gave, ``..._rest`` the rest pose."""
    windows = train_decoder.fixed_windows(packs, side, WINDOWS, seed=11)
    figures = train_decoder.measure(networks.decoder, windows)
    networks.decoder.eval()
    return figures


def critic_figures(networks: Networks, packs: Path, side: str) -> dict[str, float]:
    """Shares of pairs judged rightly, and mean surprise."""
    network = networks.critic.network
    frames = train_critic.fixed_frames(packs, side, CRITIC_FRAMES, seed=11, frame_size=network.frame_size)
    figures = train_critic.measure(network, frames)
    network.eval()
    return figures


def table(rows: dict[str, dict[str, float]]) -> str:
    """Figures as a Markdown table, a side a column."""
    sides = list(rows)
    names = list(next(iter(rows.values())))
    lines = ["| figure | " + " | ".join(sides) + " |", "|---" * (len(sides) + 1) + "|"]
    for name in names:
        lines.append(f"| {name} | " + " | ".join(f"{rows[side][name]:.2f}" for side in sides) + " |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Command line; see README.md."""
    parser = argparse.ArgumentParser(prog="python -m training evaluate", description=__doc__)
    parser.add_argument("--packs", type=Path, default=Path("data/packs"))
    parser.add_argument("--weights", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument("--sides", nargs="+", default=["validation"], choices=SIDES)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    networks = Networks.load(options.weights)
    print(table({side: correspondence_figures(networks, options.packs, side) for side in options.sides}))
    print()
    print(table({side: decoder_figures(networks, options.packs, side) for side in options.sides}))
    print()
    print(table({side: critic_figures(networks, options.packs, side) for side in options.sides}))


if __name__ == "__main__":
    main()
