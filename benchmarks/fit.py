# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the fit: filmed clips of many kinds of creatures, with known truth, captured under many conditions.

    python -m benchmarks.fit                                   # the main table, about half an hour
    python -m benchmarks.fit --quick                           # four clips, a minute or two
    python -m benchmarks.fit --only start --half all           # which way does it face: seconds a clip
    python -m benchmarks.fit --only tracking,full --conditions "grey rig,12 fps" --half tune
    python -m benchmarks.fit --conditions all --cameras 1      # every condition and ablation

Needs rig packs (``python -m training packs``). Films are kept in the cache folder.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LP_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # read when the libraries below are loaded

from training.pack import pack_names  # noqa: E402

from .fitting.clips import HALVES, UNSEEN, load_clips  # noqa: E402
from .fitting.conditions import BY_NAME, CONDITIONS, MAIN  # noqa: E402
from .fitting.runs import STAGES, Outcome, Task, run  # noqa: E402
from .fitting.tables import clip_table, main_table, start_table, summary  # noqa: E402
from .report import Table  # noqa: E402

FRAMES = 40
QUICK_CLIPS, QUICK_STRIDE = 4, 2


def main(arguments: list[str] | None = None) -> None:
    """Run the chosen cases, print the tables, write them as Markdown and CSV."""
    chosen = parse(arguments)
    if not pack_names(chosen.packs):
        raise SystemExit(f"no rig packs in {chosen.packs}: make them with python -m training packs")
    began = perf_counter()
    tasks = tasks_of(chosen)
    if chosen.jobs == 1:
        outcomes = _collect(map(run, tasks), len(tasks), chosen)
    else:
        with ProcessPoolExecutor(chosen.jobs, mp_context=get_context("spawn")) as pool:
            outcomes = _collect(pool.map(run, tasks), len(tasks), chosen)
    for table in tables_of(outcomes, chosen.last_stage):
        print(table.markdown(), flush=True)
    print(f"{perf_counter() - began:.0f} s, written to {chosen.out}", file=sys.stderr)


def tables_of(outcomes: list[Outcome], last_stage: str) -> list[Table]:
    """What there is to say after the last stage."""
    tables = [start_table(outcomes)]
    if last_stage != "start":
        tables = [main_table(outcomes), clip_table(outcomes), *tables]
    return tables


def _collect(results: Iterable[Outcome], total: int, chosen: argparse.Namespace) -> list[Outcome]:
    """Say and write each result as it comes: a run may be broken off."""
    outcomes: list[Outcome] = []
    for number, outcome in enumerate(results, 1):
        outcomes.append(outcome)
        print(f"{number}/{total} {summary(outcome)}", file=sys.stderr, flush=True)
        for table in tables_of(outcomes, chosen.last_stage):
            table.write(chosen.out)
    return outcomes


def tasks_of(chosen: argparse.Namespace) -> list[Task]:
    """Every clip, camera and condition that was asked for."""
    clips = [spec for spec in load_clips(chosen.half) if not chosen.clips or spec.name in chosen.clips]
    cameras = chosen.cameras
    conditions = chosen.conditions
    if chosen.quick:
        clips, cameras = clips[:: max(1, len(clips) // QUICK_CLIPS)][:QUICK_CLIPS], 1
    return [
        Task(
            spec,
            view,
            condition,
            chosen.last_stage,
            chosen.frames,
            chosen.packs,
            chosen.cache,
            chosen.out / "pictures" if chosen.pictures else None,
            chosen.seed,
            QUICK_STRIDE if chosen.quick else 1,
            chosen.teacher,
        )
        for condition in conditions
        for spec in clips
        for view in range(cameras)
    ]


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fit",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", default="full", help="how far: start, tracking or full (with those before)")
    parser.add_argument("--half", default="report", choices=(*HALVES, UNSEEN, "all"), help="of clips.json")
    parser.add_argument("--clips", default="", help="names out of clips.json; default all of the half")
    parser.add_argument(
        "--conditions",
        default=",".join(MAIN),
        help=f"all, or some of: {', '.join(BY_NAME)}".replace("%", "%%"),
    )
    parser.add_argument("--cameras", type=int, default=2, choices=(1, 2), help="a clip")
    parser.add_argument("--frames", type=int, default=FRAMES, help="a clip, at 24 a second, at most")
    parser.add_argument("--quick", action="store_true", help="four clips, one camera, every second frame")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--seed", type=int, default=0, help="of the fit")
    parser.add_argument(
        "--teacher", type=Path, help="unpacked package with the teacher, see training/README.md"
    )
    parser.add_argument("--pictures", action="store_true", help="a picture of every result")
    parser.add_argument("--packs", type=Path, default=Path("data/packs"), help="folder of rig packs")
    parser.add_argument(
        "--cache", type=Path, default=Path("out/benchmarks/films"), help="folder of the films"
    )
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks/fit"), help="folder of the tables")
    chosen = parser.parse_args(arguments)
    stages = [name.strip() for name in chosen.only.split(",")]
    unknown = set(stages) - set(STAGES)
    if unknown:
        parser.error(f"no stage {', '.join(sorted(unknown))}; there are {', '.join(STAGES)}")
    chosen.last_stage = max(stages, key=STAGES.index)
    chosen.clips = [name.strip() for name in chosen.clips.split(",") if name.strip()]
    missing = set(chosen.clips) - {spec.name for spec in load_clips(chosen.half)}
    if missing:
        parser.error(f"no clip {', '.join(sorted(missing))} in the half {chosen.half}")
    taught = {condition.name for condition in CONDITIONS if condition.mask == "teacher"}
    names = list(BY_NAME) if chosen.conditions == "all" else _split(chosen.conditions)
    if chosen.conditions == "all" and chosen.teacher is None:
        names = [name for name in names if name not in taught]
        print(f"left out without --teacher: {', '.join(sorted(taught))}", file=sys.stderr)
    unknown = set(names) - set(BY_NAME)
    if unknown:
        parser.error(f"no condition {', '.join(sorted(unknown))}; there are: {', '.join(BY_NAME)}")
    if taught & set(names) and chosen.teacher is None:
        parser.error(
            f"{', '.join(sorted(taught & set(names)))}: this needs --teacher, the unpacked package with the "
            "teacher; training/README.md says how to get it"
        )
    if chosen.teacher is not None and not any(chosen.teacher.rglob("resources.json")):
        parser.error(f"no teacher in {chosen.teacher}: its package has a resources.json")
    chosen.conditions = [BY_NAME[name] for name in names]
    return chosen


def _split(names: str) -> list[str]:
    """Names hold commas themselves: the longest known name goes first."""
    found = []
    rest = names.strip()
    while rest:
        known = [n for n in BY_NAME if rest == n or rest.startswith(n + ",")]
        name = max(known, key=len) if known else rest.split(",")[0]
        found.append(name)
        rest = rest[len(name) :].lstrip(", ")
    return found


if __name__ == "__main__":
    main()
