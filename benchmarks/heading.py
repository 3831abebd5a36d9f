# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure which way a subject is said to face from one image alone, and how sure that is, beside whole clips.

    python -m benchmarks.heading             # rigs of test families, without Actions or names, half an hour
    python -m benchmarks.heading --frames 6  # images of every clip

Clips are those of ``accuracy.py``. Needs rig packs (``python -m training packs``).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LP_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # read when the libraries below are loaded

import numpy as np  # noqa: E402

from mocapanything_addon.fit.critic import Critic  # noqa: E402
from mocapanything_addon.fit.fit import prepare  # noqa: E402
from mocapanything_addon.fit.start import search_start  # noqa: E402
from mocapanything_addon.fit.start_choice import distinct_starts  # noqa: E402
from mocapanything_addon.jobs.settings import Quality  # noqa: E402
from mocapanything_addon.models.networks import Networks  # noqa: E402
from training.pack import pack_names  # noqa: E402

from .accuracy import unseen_clips  # noqa: E402
from .fitting.conditions import BY_NAME, given  # noqa: E402
from .fitting.figures import RIGHT_HEADING  # noqa: E402
from .fitting.filming import Case, filmed  # noqa: E402
from .fitting.runs import start_figures  # noqa: E402
from .report import Table  # noqa: E402

CONDITION = BY_NAME["networks, no other clips"]
WHOLE = 40
"""Frames of a clip, at 24 a second."""


@dataclass(frozen=True)
class Said:
    """What one search says."""

    name: str
    off: float
    """Degrees that the likeliest heading is turned against the truth."""
    sure: float
    """Its probability."""
    place: int
    """Of the first heading that is right among distinct ones; -1: none is."""


def main(arguments: list[str] | None = None) -> None:
    """Search in single images and in the clips they are from; print and write the tables."""
    chosen = parse(arguments)
    if not pack_names(chosen.packs):
        raise SystemExit(f"no rig packs in {chosen.packs}: make them with python -m training packs")
    critic = Networks.load(device="cpu").critic
    found: dict[str, list[Said]] = {}
    for spec in unseen_clips(chosen.packs):
        case = filmed(spec, CONDITION.view(0), chosen.packs, WHOLE, chosen.cache)
        count = case.clip.frame_count
        images = np.unique(((np.arange(chosen.frames) + 0.5) / chosen.frames * count).astype(int))
        for what, judge in (("without the critic", None), ("with the critic", critic)):
            found.setdefault(f"clip, {what}", []).append(say(case, judge))
            for t in images:
                found.setdefault(f"one image, {what}", []).append(say(image_of(case, int(t)), judge))
        print(
            f"{case.name}: {found['one image, with the critic'][-len(images) :]}", file=sys.stderr, flush=True
        )
    for table in (accuracy_table(found), sureness_table(found["one image, with the critic"])):
        print(table.markdown(), flush=True)
        table.write(chosen.out)


def image_of(case: Case, frame: int) -> Case:
    """A clip of one frame."""
    only = case.clip.part(slice(frame, frame + 1))
    return replace(
        case,
        name=f"{case.name}, frame {frame}",
        clip=replace(only, times=np.zeros(1)),
        truth=case.truth[frame : frame + 1],
    )


def say(case: Case, critic: Critic | None) -> Said:
    """Search."""
    case, seen = given(case, CONDITION)
    problem = prepare(seen.rig, seen.clip, fov_degrees=seen.fov_degrees, camera=seen.camera)
    problem = replace(problem, critic=critic)
    ranked = search_start(problem, Quality.STANDARD, lambda stage, done, total: None)
    distinct = distinct_starts(ranked)
    figures = [start_figures(problem, [start], case) for start in distinct]
    right = [place for place, figure in enumerate(figures) if figure.heading <= RIGHT_HEADING]
    return Said(case.name, figures[0].heading, ranked[0].probability, right[0] if right else -1)


def accuracy_table(found: dict[str, list[Said]]) -> Table:
    """How often the likeliest heading is right."""
    table = Table(
        "heading",
        "Which way it faces",
        ("from", "searches", "right %", "right among two %", "among all %", "median off", "said %"),
        f"Right: within {RIGHT_HEADING:.0f} degrees. Said: mean probability of the likeliest: how many "
        "are right if it is calibrated.",
    )
    for name, rows in found.items():
        place = np.array([row.place for row in rows])
        table.add(
            name,
            len(rows),
            100 * float((place == 0).mean()),
            100 * float(((place >= 0) & (place < 2)).mean()),
            100 * float((place >= 0).mean()),
            float(np.median([row.off for row in rows])),
            100 * float(np.mean([row.sure for row in rows])),
        )
    return table


def sureness_table(rows: Sequence[Said]) -> Table:
    """How many are right, by what was said."""
    table = Table(
        "heading_sureness",
        "How sure one image is",
        ("said %", "images", "mean said %", "right %"),
        "With the critic; the probability of the likeliest heading.",
    )
    for low, high in ((0.0, 0.5), (0.5, 0.75), (0.75, 0.9), (0.9, 0.98), (0.98, 1.01)):
        mine = [row for row in rows if low <= row.sure < high]
        if mine:
            right = [row.place == 0 for row in mine]
            said = [row.sure for row in mine]
            span = f"{100 * low:.0f} to {100 * min(high, 1.0):.0f}"
            table.add(span, len(mine), 100 * float(np.mean(said)), 100 * float(np.mean(right)))
    return table


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.heading",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--frames", type=int, default=4, help="images of every clip")
    parser.add_argument("--packs", type=Path, default=Path("data/packs"), help="folder of rig packs")
    parser.add_argument(
        "--cache", type=Path, default=Path("out/benchmarks/films"), help="folder of the films"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("out/benchmarks/heading"), help="folder of the tables"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
