# SPDX-License-Identifier: GPL-3.0-or-later
"""Time and memory by size, and against the other methods.

Run as a module it is its own child process: one solve, its time and its peak memory as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from tracemalloc import get_traced_memory, start

import numpy as np

from .cases import tree_case, true_positions
from .metrics import errors
from .report import Cell, Table
from .rivals import Answer, Solve, ours

LENGTHS = (30, 60, 120, 240, 480, 960)
JOINTS = 75
NOTE = (
    "Random trees of ball joints in motion, exact positions unless noise is named. Peak memory is what the "
    "solve allocates. Ratio: time a frame against ours in the first row ({frames} frames of {joints} joints)."
)


def speed_tables(methods: dict[str, Solve], folder: Path, quick: bool) -> list[Table]:
    """Two tables and a plot: against the others, and by the number of frames."""
    frames = 24 if quick else 120
    table = Table(
        "speed",
        "Speed",
        (
            "method",
            "joints",
            "frames",
            "seconds",
            "ms a frame",
            "ratio to ours",
            "position mean cm",
            "peak MiB",
        ),
        NOTE.format(frames=frames, joints=JOINTS),
    )
    first = measured(frames, JOINTS)
    base = first["seconds"] / frames

    def add(name: str, joints: int, count: int, seconds: float, position: float, memory: Cell = "–") -> None:
        each = seconds / count
        table.add(name, joints, count, seconds, 1000.0 * each, each / base, position, memory)

    add("ours", JOINTS, frames, first["seconds"], first["position"], first["memory"])
    sizes = [(frames, JOINTS, 0.01)] if quick else [(frames, JOINTS, 0.01), (300, 300, 0.0), (300, 300, 0.01)]
    for count, joints, noise in sizes:
        found = measured(count, joints, noise)
        name = f"ours, {100.0 * noise:g} cm noise" if noise else "ours"
        add(name, joints, count, found["seconds"], found["position"], found["memory"])
    short = 6 if quick else 24
    case = tree_case(1, JOINTS, 120).cut(short)
    positions = true_positions(case)
    for name, solve in methods.items():
        if name != "ours":
            began = perf_counter()
            answer = solve(case.skeleton, positions, np.ones(positions.shape[:2]), None, case.fps)
            seconds = perf_counter() - began
            add(name, JOINTS, short, seconds, float(errors(case, answer).distance.mean()))
    growth = Table(
        "growth",
        "Growth with the clip",
        ("frames", "joints", "seconds", "ms a frame", "peak MiB"),
        "1 cm noise.",
    )
    for count in LENGTHS[:3] if quick else LENGTHS:
        found = measured(count, JOINTS, 0.01)
        growth.add(count, JOINTS, found["seconds"], 1000.0 * found["seconds"] / count, found["memory"])
    plot(growth, folder / "growth.png")
    return [table, growth]


def measured(frames: int, joints: int, noise: float = 0.0) -> dict[str, float]:
    """One solve in a process of its own."""
    command = [sys.executable, "-m", __name__, str(frames), str(joints), str(noise)]
    print(f"  speed {frames} x {joints}, noise {noise}", file=sys.stderr, flush=True)
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def plot(growth: Table, path: Path) -> None:
    """Time and memory against frames."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    frames, seconds, memory = (np.array([row[k] for row in growth.rows], float) for k in (0, 2, 4))
    figure, panes = pyplot.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    for pane, values, name in zip(panes, (seconds, memory), ("seconds", "peak MiB"), strict=True):
        pane.plot(frames, values, "o-", label="measured")
        pane.plot(frames, values[-1] * frames / frames[-1], "--", color="grey", label="linear")
        pane.set(xlabel=f"frames of {JOINTS} joints", ylabel=name, xlim=(0, None), ylim=(0, None))
        pane.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def main() -> None:
    """FRAMES JOINTS NOISE: solve and print."""
    frames, joints, noise = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    warm = tree_case(0, 8, 4)
    ours.solve(warm.skeleton, true_positions(warm), np.ones((4, 8)), None, warm.fps)
    case = tree_case(1, joints, frames)
    truth = true_positions(case)
    positions = truth + noise * np.random.default_rng(0).normal(size=truth.shape)
    began = perf_counter()
    answer = ours.solve(case.skeleton, positions, np.ones(truth.shape[:2]), None, case.fps)
    seconds = perf_counter() - began
    # Once more, because tracing takes time.
    start()
    ours.solve(case.skeleton, positions, np.ones(truth.shape[:2]), None, case.fps)
    memory = get_traced_memory()[1] / 2.0**20
    position = float(errors(case, Answer(*answer)).distance.mean())
    print(json.dumps({"seconds": seconds, "memory": memory, "position": position}))


if __name__ == "__main__":
    main()
