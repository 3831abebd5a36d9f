# SPDX-License-Identifier: GPL-3.0-or-later
"""Capture filmed clips of creatures that did not train, and measure them beside the floors."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from benchmarks.fitting.clips import HALVES, ClipSpec, load_clips
from benchmarks.fitting.conditions import BY_NAME
from benchmarks.fitting.figures import Errors
from benchmarks.fitting.measured import Measured
from benchmarks.fitting.runs import Task
from benchmarks.report import Table
from training.checkpoint import CHECKPOINT
from training.split import family_of, side_of

from .capture import measure_baseline

FRAMES = 40
FIGURES = ("mpjpe", "yaw_aligned", "pa_mpjpe", "rotation", "correlation", "root", "heading")


def clips_not_trained_on(half: str) -> list[ClipSpec]:
    """Of the half, those whose rig's family validates or tests."""
    return [spec for spec in load_clips(half) if side_of(family_of(spec.pack)) in ("validation", "test")]


def table_of(found: list[Measured], note: str) -> Table:
    """Clip by clip, each beside its floors; means last."""
    table = Table(
        "accuracy",
        "V2-style network",
        (
            "clip",
            "result",
            "MPJPE",
            "yaw aligned",
            "PA-MPJPE",
            "rotation",
            "correlation",
            "root",
            "heading off",
            "s a frame",
        ),
        note,
    )
    results: dict[str, list[Errors]] = {
        "V2-style": [m.errors for m in found],
        "rest pose, true root": [m.rest for m in found],
        "best constant pose, true root": [m.constant for m in found],
    }
    seconds = [m.seconds for m in found]
    for number, measured in enumerate(found):
        for name, errors in results.items():
            time = seconds[number] if name == "V2-style" else float("nan")
            table.add(measured.clip, name, *(getattr(errors[number], f) for f in FIGURES), time)
    for name, errors in results.items():
        values = np.array([[getattr(e, figure) for figure in FIGURES] for e in errors])
        time = float(np.mean(seconds)) if name == "V2-style" else float("nan")
        table.add(f"mean of {len(found)}", name, *(float(v) for v in np.nanmean(values, axis=0)), time)
    return table


def main(arguments: list[str] | None = None) -> None:
    """Command line; see the package."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.v2_style evaluate", description=__doc__)
    parser.add_argument("--run", type=Path, default=Path("runs/v2_style"))
    parser.add_argument("--half", default="tune", choices=(*HALVES, "all"), help="of clips.json")
    parser.add_argument("--condition", default="no other clips", choices=list(BY_NAME))
    parser.add_argument("--cameras", type=int, default=2, choices=(1, 2), help="a clip")
    parser.add_argument("--frames", type=int, default=FRAMES, help="a clip, at most")
    parser.add_argument("--packs", type=Path, default=Path("data/packs"))
    parser.add_argument(
        "--cache", type=Path, default=Path("out/benchmarks/films"), help="folder of the films"
    )
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks/v2_style"), help="of the tables")
    options = parser.parse_args(arguments)

    torch.set_num_threads(1)
    state = torch.load(options.run / CHECKPOINT, weights_only=True)
    tasks = [
        Task(spec, view, BY_NAME[options.condition], "full", options.frames, options.packs, options.cache)
        for spec in clips_not_trained_on(options.half)
        for view in range(options.cameras)
    ]
    trained = f"{state['step']} steps, {state['seconds'] / 60.0:.0f} minutes"
    table = table_of(
        [measure_baseline(task, options.run, "V2-style") for task in tasks],
        f"{options.condition}; trained for {trained}. Centimetres in the 1 m cube, degrees. Creatures of "
        "families that did not train.",
    )
    print(table.markdown(), flush=True)
    table.write(options.out)


if __name__ == "__main__":
    main()
