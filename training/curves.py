# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of what runs have learnt: figures over samples, and as dashed lines what doing nothing gives."""

from __future__ import annotations

import argparse
import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib import ticker

from mocapanything_addon.jobs.errors import BadInputError

from .loop import CURVE

Columns = dict[str, list[float]]


@dataclass(frozen=True)
class Panel:
    """One small picture: figures that are measured alike."""

    title: str
    lines: tuple[str, ...]
    """Columns of the curve."""
    floors: tuple[str, ...] = ()
    """Columns of what doing nothing gives."""
    chance: float | None = None
    """The same where it is known without measuring."""


PANELS = (
    Panel("rotations, degrees", ("rotation_decoded",), ("rotation_estimate", "rotation_rest")),
    Panel("root, degrees", ("root_decoded",), ("root_estimate",)),
    Panel("contacts judged rightly", ("contact_right",), ("contact_never",)),
    Panel("pairs judged rightly", ("twin_right", "exchanged_right", "turned_right"), chance=0.5),
    Panel("surprise", ("twin_surprise", "exchanged_surprise", "turned_surprise"), chance=math.log(2.0)),
    Panel("joints, % of the body", ("error",), ("error_before",)),
    Panel("seen joints, % of the body", ("seen_error",), ("seen_error_before",)),
    Panel("masks of drawn creatures, IoU", ("drawn_moving", "drawn_nothing"), ("drawn_floor",)),
    Panel("masks of real frames, IoU", ("real_moving", "real_nothing"), ("real_floor",)),
    Panel("loss, running mean", ("loss",)),
)


def read_curve(run: Path) -> Columns:
    """Column -> values of a run's curve; NaN where a row has none.

    Raises:
        BadInputError: ``curve_missing``.
    """
    path = run / CURVE
    if not path.is_file():
        raise BadInputError(
            f"There is no curve in {run}.",
            f"Name folders of runs, those that hold a {CURVE}.",
            code="curve_missing",
        )
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    names = list(rows[0]) if rows else []
    return {name: [float(row[name]) if row[name] else math.nan for row in rows] for name in names}


def plot_curves(runs: list[Path], file: Path) -> None:
    """Write a picture of the curves of some runs, a panel for every kind of figure that they have.

    The axis is samples where all runs have counted them from their beginning, else steps.

    Raises:
        BadInputError: ``curve_missing``.
    """
    matplotlib.use("Agg")
    from matplotlib import pyplot

    curves = {run.name or str(run): read_curve(run) for run in runs}
    counted = all(_counted(curve) for curve in curves.values())
    axis = "samples" if counted else "step"
    panels = [p for p in PANELS if any(line in curve for curve in curves.values() for line in p.lines)]
    across = min(3, len(panels))
    down = math.ceil(len(panels) / across)
    figure, cells = pyplot.subplots(
        down, across, figsize=(3.6 * across, 2.6 * down), squeeze=False, layout="constrained"
    )
    for panel, cell in zip(panels, cells.flat, strict=False):
        _draw(cell, panel, curves, axis)
        cell.set_xlabel("samples" if counted else "steps", fontsize=7)
    for cell in cells.flat[len(panels) :]:
        cell.set_axis_off()
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=80)
    pyplot.close(figure)


def _draw(cell: Any, panel: Panel, curves: dict[str, Columns], axis: str) -> None:
    alone = sum(any(line in curve for line in panel.lines) for curve in curves.values()) == 1
    color = 0
    for name, curve in curves.items():
        for line in (line for line in panel.lines if line in curve):
            label = line if alone else f"{name}: {line}" if len(panel.lines) > 1 else name
            cell.plot(*_points(curve, axis, line), marker=".", markersize=3, color=f"C{color}", label=label)
            color += 1
        if any(line in curve for line in panel.lines):
            for floor, shade in zip((f for f in panel.floors if f in curve), ("0.35", "0.6"), strict=False):
                label = floor if alone else f"{name}: {floor}"
                cell.plot(*_points(curve, axis, floor), linestyle="--", linewidth=1, color=shade, label=label)
    if panel.chance is not None:
        cell.axhline(panel.chance, linestyle="--", linewidth=1, color="0.35", label="chance")
    cell.set_xscale("log")
    low, high = cell.get_xlim()
    cell.xaxis.set_major_locator(ticker.LogLocator(subs=(1.0,) if high / low > 100.0 else (1.0, 2.0, 5.0)))
    cell.xaxis.set_major_formatter(ticker.EngFormatter(sep=""))
    cell.xaxis.set_minor_formatter(ticker.NullFormatter())
    cell.set_title(panel.title, fontsize=9)
    cell.tick_params(labelsize=7)
    cell.grid(alpha=0.3)
    cell.legend(fontsize=6)


def _points(curve: Columns, axis: str, column: str) -> tuple[list[float], list[float]]:
    """Where a column has figures, and these; a gap in the column is no gap in its line."""
    at = _on_a_logarithmic_axis(curve[axis])
    known = [(x, y) for x, y in zip(at, curve[column], strict=True) if math.isfinite(y)]
    return [x for x, _ in known], [y for _, y in known]


def _on_a_logarithmic_axis(values: list[float]) -> list[float]:
    """What was measured before the first step has no place there: it stands at half of the next."""
    first = min((value for value in values if value > 0.0), default=2.0)
    return [max(value, 0.5 * first) for value in values]


def _counted(curve: Columns) -> bool:
    return bool(curve.get("samples")) and all(math.isfinite(value) for value in curve["samples"])


def main(arguments: list[str] | None = None) -> None:
    """Command line; see README.md."""
    parser = argparse.ArgumentParser(prog="python -m training curves", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a run")
    parser.add_argument("--out", type=Path, default=Path("out/curves.png"))
    options = parser.parse_args(arguments)
    plot_curves(options.runs, options.out)
    print(options.out)


if __name__ == "__main__":
    main()
