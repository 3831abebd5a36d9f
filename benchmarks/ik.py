# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the IK next to other methods, on real rigs and clips and random trees.

    python -m benchmarks.ik                           # everything, half an hour
    python -m benchmarks.ik --quick --only exact,noise

Needs rig packs (``python -m training packs``); other solvers run where the extra "benchmarks" is installed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from training.pack import pack_names

from .cases import Case, pack_cases, packs_of, tree_case
from .exact import exact_tables
from .limits import limit_tables
from .noise import noise_tables
from .picture import draw
from .planted import planted_tables
from .report import Table
from .rivals import available
from .speed import speed_tables
from .surface import surface_tables

TABLES = ("exact", "noise", "surface", "contacts", "limits", "speed", "picture")
FULL = (24, None, 4)
"""Frames a rig, rigs (None: all), and of how many rigs the slower tables take one."""
QUICK = (8, 6, 2)
TREES = ((0, 30), (1, 75))
"""Seed and joints."""


def main(arguments: list[str] | None = None) -> None:
    """Run the chosen tables, print them, write them as Markdown and CSV."""
    chosen = parse(arguments)
    if not pack_names(chosen.packs):
        raise SystemExit(f"no rig packs in {chosen.packs}: make them with python -m training packs")
    frames, most, stride = QUICK if chosen.quick else FULL
    frames = chosen.frames or frames
    methods = available()
    began = perf_counter()
    rigs = pack_cases(chosen.packs, frames, most)
    cases = rigs + [tree_case(seed, joints, frames) for seed, joints in TREES]
    few = cases[::stride]
    runs: dict[str, Callable[[], list[Table]]] = {
        "exact": lambda: exact_tables(cases, methods),
        "noise": lambda: noise_tables(few, methods),
        "surface": lambda: surface_tables(rigs if not chosen.quick else rigs[::stride]),
        "contacts": lambda: planted_tables(packs_of(chosen.packs, most), frames),
        "limits": lambda: limit_tables(few),
        "speed": lambda: speed_tables(methods, chosen.out, chosen.quick),
        "picture": lambda: picture(rigs, chosen.out),
    }
    for name in chosen.only:
        for table in runs[name]():
            table.write(chosen.out)
            print(table.markdown(), flush=True)
    print(f"{perf_counter() - began:.0f} s, written to {chosen.out}", file=sys.stderr)


def picture(rigs: list[Case], folder: Path) -> list[Table]:
    """Of the rig in the middle of those by their number of joints."""
    draw(sorted(rigs, key=lambda case: case.skeleton.joint_count)[2 * len(rigs) // 3], folder / "limits.png")
    return []


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ik", description=__doc__.splitlines()[0])
    parser.add_argument("--packs", type=Path, default=Path("data/packs"), help="folder of rig packs")
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks/ik"), help="folder of the tables")
    parser.add_argument("--quick", action="store_true", help="a few rigs, about a minute")
    parser.add_argument("--frames", type=int, help="a rig, at most")
    parser.add_argument("--only", default=",".join(TABLES), help=f"some of {','.join(TABLES)}")
    chosen = parser.parse_args(arguments)
    chosen.only = [name.strip() for name in chosen.only.split(",")]
    unknown = set(chosen.only) - set(TABLES)
    if unknown:
        parser.error(f"no table {', '.join(sorted(unknown))}; there are {', '.join(TABLES)}")
    return chosen


if __name__ == "__main__":
    main()
