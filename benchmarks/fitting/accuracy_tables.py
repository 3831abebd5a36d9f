# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures beside their floors and goals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ..report import Cell, Table
from .figures import Errors
from .measured import Measured

FIGURES = {
    "MPJPE": "mpjpe",
    "PA-MPJPE": "pa_mpjpe",
    "limbs 2D %": "limbs_2d",
    "rotation": "rotation",
    "correlation": "correlation",
    "root": "root",
    "CD-Skeleton": "skeletons",
}
NOTE = (
    "Centimetres in the 1 m cube, degrees (moving bones); limbs 2D: per cent of the body, in the image. Mean "
    "over the clips, the median behind the stroke. Floors are carried by the true root, captures find it "
    "themselves. Seconds: processor time a frame."
)
GOALS = {
    "standard": (("MPJPE", 45.0), ("PA-MPJPE", 45.0), ("rotation", 100.0), ("correlation", 0.85)),
    "best quality": (("MPJPE", 35.0), ("PA-MPJPE", 35.0), ("rotation", 80.0), ("correlation", 0.9)),
}
"""Per cent of the rest pose's (rotation: of the best constant pose's) at most; the correlation at least."""
V2_SHARE = 60.0
"""Per cent of the V2-style baseline's at most."""


def rows_of(found: Sequence[Measured]) -> dict[str, list[Measured]]:
    """By the way of capturing, in order."""
    return {name: [m for m in found if m.row == name] for name in dict.fromkeys(m.row for m in found)}


def main_table(found: Sequence[Measured]) -> Table:
    """Means and medians of every way of capturing."""
    table = Table("accuracy", "Accuracy on unseen families", ("result", "clips", *FIGURES, "s a frame"), NOTE)
    rows = rows_of(found)
    some = next(iter(rows.values()))
    for name, floor in (("rest pose", lambda m: m.rest), ("best constant pose", lambda m: m.constant)):
        table.add(name, len(some), *_both(some, floor), "")
    for name, mine in rows.items():
        seconds = float(np.mean([m.seconds for m in mine]))
        table.add(name, len(mine), *_both(mine, lambda m: m.errors), seconds)
    return table


def goal_table(found: Sequence[Measured]) -> Table:
    """Shares of the floors, and of the baseline's error on the same clips."""
    table = Table(
        "goals",
        "Against the floors",
        ("result", "MPJPE", "PA-MPJPE", "rotation", "correlation", "MPJPE of V2-style", "PA of V2-style"),
        "Ratio of the means, per cent: of the rest pose (rotation: of the best constant pose) and of the "
        f"V2-style baseline with the same masks (goal {V2_SHARE:.0f}). Goals in brackets.",
    )
    rows = rows_of(found)
    for name, mine in rows.items():
        masks = name.partition(", ")[2]
        rivals = rows.get("V2-style" + (f", {masks}" if masks else ""), [])
        goals = dict(GOALS.get(name, ()))
        cells = [
            _with_goal(_share(mine, "mpjpe", lambda m: m.rest), goals.get("MPJPE")),
            _with_goal(_share(mine, "pa_mpjpe", lambda m: m.rest), goals.get("PA-MPJPE")),
            _with_goal(_share(mine, "rotation", lambda m: m.constant), goals.get("rotation")),
            _with_goal(_mean(mine, "correlation"), goals.get("correlation"), digits=2),
        ]
        of_rival = [_share_of_rival(mine, rivals, key) for key in ("mpjpe", "pa_mpjpe")]
        table.add(name, *cells, *of_rival)
    return table


def clip_table(found: Sequence[Measured]) -> Table:
    """Clip by clip."""
    table = Table(
        "accuracy_clips",
        "Clip by clip",
        ("clip", "result", "MPJPE", "rest", "PA-MPJPE", "rest ", "rotation", "constant", "correlation"),
    )
    for m in sorted(found, key=lambda m: m.clip):
        e, rest = m.errors, m.rest
        figures = (e.mpjpe, rest.mpjpe, e.pa_mpjpe, rest.pa_mpjpe, e.rotation, m.constant.rotation)
        table.add(m.clip, m.row, *figures, e.correlation)
    return table


def reliability_plot(found: Sequence[Measured], path: Path) -> None:
    """What was said of bones, by tenths, and how many were right: a PNG. Rows without confidence are left
    out; nothing is written where there are none."""
    rows = {name: mine for name, mine in rows_of(found).items() if any(m.reliability for m in mine)}
    if not rows:
        return
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, 4.0), dpi=110, layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for name, mine in rows.items():
        bins = np.sum([m.reliability for m in mine if m.reliability], axis=0)
        filled = bins[bins[:, 0] > 0]
        axes.plot(
            filled[:, 1] / filled[:, 0], filled[:, 2] / filled[:, 0], marker="o", markersize=3, label=name
        )
    axes.set(xlabel="confidence said", ylabel="bones within 20° of the truth", xlim=(0, 1), ylim=(0, 1))
    axes.legend(fontsize=7)
    figure.savefig(path)


def _both(mine: Sequence[Measured], pick: Callable[[Measured], Errors]) -> list[Cell]:
    cells: list[Cell] = []
    for key in FIGURES.values():
        values = np.array([getattr(pick(m), key) for m in mine])
        values = values[np.isfinite(values)]
        cells.append(f"{values.mean():.3g} / {np.median(values):.3g}" if len(values) else "–")
    return cells


def _mean(mine: Sequence[Measured], key: str) -> float:
    return float(np.nanmean([getattr(m.errors, key) for m in mine]))


def _share(mine: Sequence[Measured], key: str, of: Callable[[Measured], Errors]) -> float:
    pairs = np.array([(getattr(m.errors, key), getattr(of(m), key)) for m in mine])
    pairs = pairs[np.isfinite(pairs).all(axis=1)]
    return float(100.0 * pairs[:, 0].mean() / pairs[:, 1].mean())


def _share_of_rival(mine: Sequence[Measured], rivals: Sequence[Measured], key: str) -> str:
    """On the clips that both have."""
    theirs = {m.clip: m.errors for m in rivals}
    shared = [m for m in mine if m.clip in theirs]
    return f"{_share(shared, key, lambda m: theirs[m.clip]):.0f}" if shared else "–"


def _with_goal(value: float, goal: float | None, digits: int = 0) -> str:
    return f"{value:.{digits}f}" + ("" if goal is None else f" ({goal:g})")
