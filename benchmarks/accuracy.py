# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the whole capture on families that no network has trained on, beside its floors and its rivals.

    python -m benchmarks.accuracy                              # every row, some hours
    python -m benchmarks.accuracy --rows "fit alone; standard"  # some of them
    python -m benchmarks.accuracy --v2 runs/v2_style           # with the V2-style baseline of that run

Clips are those of ``fitting/clips.json`` whose family is on the test side of ``training/split.json``, from
the half that is reported and from the list that nothing was tuned on. A result that is there already is read,
so that a run that was broken off goes on; ``--afresh`` measures again. Needs rig packs.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LP_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # read when the libraries below are loaded

from training.pack import Pack, pack_names  # noqa: E402
from training.split import side_of  # noqa: E402

from .fitting.accuracy_tables import clip_table, goal_table, main_table, reliability_plot  # noqa: E402
from .fitting.clips import UNSEEN, ClipSpec, load_clips  # noqa: E402
from .fitting.conditions import BY_NAME  # noqa: E402
from .fitting.measured import Measured, measured  # noqa: E402
from .fitting.runs import Task, run  # noqa: E402

FRAMES = 40


@dataclass(frozen=True)
class Row:
    """A way to capture, and what it is given."""

    name: str
    condition: str
    """A name of fitting/conditions.py."""


ROWS = (
    Row("fit alone", "no other clips"),
    Row("fit and critic", "critic alone, no other clips"),
    Row("fit and decoder", "networks, no other clips, without critic"),
    Row("standard", "networks, no other clips"),
    Row("best quality", "networks, no other clips, best quality"),
    Row("fit alone, own masks", "own mask, no other clips"),
    Row("standard, own masks", "networks, own mask, no other clips"),
)
"""Standard is what a user gets: fit, critic and decoder."""
BASELINE = (Row("V2-style", "no other clips"), Row("V2-style, own masks", "own mask, no other clips"))
"""The design of MoCapAnything V2 in our size, see v2_style/."""


def main(arguments: list[str] | None = None) -> None:
    """Run the chosen rows, print the tables, write them as Markdown and CSV."""
    chosen = parse(arguments)
    if not pack_names(chosen.packs):
        raise SystemExit(f"no rig packs in {chosen.packs}: make them with python -m training packs")
    specs = [s for s in unseen_clips(chosen.packs) if not chosen.clips or s.name in chosen.clips]
    found: list[Measured] = []
    for row, spec, capture in tasks_of(chosen, specs):
        path = chosen.out / "results" / f"seed {chosen.seed}" / row.name / f"{spec.name}.json"
        if chosen.afresh or not path.exists():
            capture().save(path)
        found.append(Measured.load(path))
        print(f"{row.name}: {found[-1].summary()}", file=sys.stderr, flush=True)
    tables = [main_table(found), goal_table(found), clip_table(found)]
    for table in tables:
        print(table.markdown(), flush=True)
        table.write(chosen.out)
    reliability_plot(found, chosen.out / "reliability.png")


def unseen_clips(packs: Path) -> list[ClipSpec]:
    """Clips of families on the test side; nothing was tuned on any of them."""
    specs = [spec for half in ("report", UNSEEN) for spec in load_clips(half) if spec.pack]
    return [spec for spec in specs if side_of(Pack.load(packs, spec.pack).family) == "test"]


def tasks_of(
    chosen: argparse.Namespace, specs: list[ClipSpec]
) -> Iterator[tuple[Row, ClipSpec, Callable[[], Measured]]]:
    """Row, clip, and what measures it."""
    for row in chosen.rows:
        for spec in specs:
            task = Task(
                spec,
                0,
                BY_NAME[row.condition],
                "full",
                chosen.frames,
                chosen.packs,
                chosen.cache,
                seed=chosen.seed,
            )
            if row in BASELINE:
                from .v2_style.capture import measure_baseline  # torch takes seconds to load

                yield row, spec, partial(measure_baseline, task, chosen.v2, row.name)
            else:
                yield row, spec, partial(_capture, task, row.name)


def _capture(task: Task, row: str) -> Measured:
    return measured(run(task), row)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    everything = {row.name: row for row in (*BASELINE, *ROWS)}
    parser.add_argument("--rows", default="", help=f"separated by semicolons; of: {'; '.join(everything)}")
    parser.add_argument("--clips", default="", help="names out of clips.json; default all of test families")
    parser.add_argument("--v2", type=Path, help="run folder of the V2-style baseline; left out by default")
    parser.add_argument("--frames", type=int, default=FRAMES, help="a clip, at 24 a second, at most")
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn by chance")
    parser.add_argument("--afresh", action="store_true", help="measure what has been measured already")
    parser.add_argument("--packs", type=Path, default=Path("data/packs"), help="folder of rig packs")
    parser.add_argument(
        "--cache", type=Path, default=Path("out/benchmarks/films"), help="folder of the films"
    )
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks/accuracy"), help="of the tables")
    chosen = parser.parse_args(arguments)
    chosen.clips = [name.strip() for name in chosen.clips.split(",") if name.strip()]
    names = [name.strip() for name in chosen.rows.split(";") if name.strip()]
    if unknown := set(names) - set(everything):
        parser.error(f"no row {', '.join(sorted(unknown))}; there are: {'; '.join(everything)}")
    chosen.rows = [everything[name] for name in names] or [*(BASELINE if chosen.v2 else ()), *ROWS]
    if set(chosen.rows) & set(BASELINE) and chosen.v2 is None:
        parser.error("the V2-style baseline needs --v2, the folder of its training run")
    return chosen


if __name__ == "__main__":
    main()
