# SPDX-License-Identifier: GPL-3.0-or-later
"""Methods on the same evidence, side by side."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from time import perf_counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .cases import Case
from .metrics import BoneClass, bone_classes, errors, jitter_ratio, violation_degrees
from .report import Cell, Table
from .rivals import Answer, Solve

Array = NDArray[np.float64]
COLUMNS = (
    "method",
    "rigs",
    "frames",
    "position mean cm",
    "p95 cm",
    "rotation L deg",
    *(f"L, {kind.value}" for kind in BoneClass),
    "twist D deg",
    *(f"twist, {kind.value}" for kind in BoneClass),
    "swing D deg",
    "jitter / truth",
    "rigs out of range",
    "ms a frame",
)
LEAST_CHANGE = 0.02
"""Centimetres a frame^2: a truth that moves less than this has no jitter to compare with."""


class Evidence(NamedTuple):
    """What the methods get to see of a case."""

    positions: Array
    """(T, J, 3)."""
    weights: Array
    """(T, J)."""
    hints: Array | None = None
    """(T, J, 4)."""


@dataclass
class Score:
    """Figures of one method, one entry a rig."""

    position: list[float] = field(default_factory=list)
    p95: list[float] = field(default_factory=list)
    local: list[float] = field(default_factory=list)
    local_of: dict[BoneClass, list[float]] = field(default_factory=lambda: {k: [] for k in BoneClass})
    twist: list[float] = field(default_factory=list)
    twist_of: dict[BoneClass, list[float]] = field(default_factory=lambda: {k: [] for k in BoneClass})
    swing: list[float] = field(default_factory=list)
    jitter: list[float] = field(default_factory=list)
    out_of_range: int = 0
    frames: int = 0
    seconds: float = 0.0

    def take(self, case: Case, answer: Answer, seconds: float) -> None:
        """Add a rig."""
        found = errors(case, answer)
        turns = np.zeros(case.skeleton.joint_count, bool)
        turns[case.skeleton.moving] = True
        classes = bone_classes(case.skeleton)
        self.position.append(float(found.distance.mean()))
        self.p95.append(float(np.percentile(found.distance, 95)))
        self.local.append(float(found.local[:, turns].mean()))
        self.twist.append(float(found.twist[:, turns].mean()))
        self.swing.append(float(found.swing[:, turns].mean()))
        for kind in BoneClass:
            those = turns & (classes == kind)
            if those.any():
                self.local_of[kind].append(float(found.local[:, those].mean()))
                self.twist_of[kind].append(float(found.twist[:, those].mean()))
        self.jitter.append(jitter_ratio(case, answer))
        self.out_of_range += violation_degrees(case.skeleton, answer) > 0.1
        self.frames += len(answer.local_rotations)
        self.seconds += seconds

    def row(self, name: str) -> list[Cell]:
        """Cells of COLUMNS."""
        return [
            name,
            len(self.position),
            self.frames,
            mean(self.position),
            mean(self.p95),
            mean(self.local),
            *(mean(self.local_of[kind]) for kind in BoneClass),
            mean(self.twist),
            *(mean(self.twist_of[kind]) for kind in BoneClass),
            mean(self.swing),
            float(np.median(self.jitter)) if self.jitter else float("nan"),
            self.out_of_range,
            1000.0 * self.seconds / max(self.frames, 1),
        ]


def mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def compare(
    table: Table,
    prefix: str,
    cases: Iterable[Case],
    methods: dict[str, Solve],
    observe: Callable[[Case], Evidence],
) -> dict[str, Score]:
    """One row a method, over all cases.

    Args:
        table: with COLUMNS; gets the rows.
        prefix: before the methods' names.
        cases: solved within their skeletons' ranges.
        methods: name -> solve.
        observe: what the methods see.
    """
    scores = {name: Score() for name in methods}
    for case in cases:
        for name, solve in methods.items():
            seen = observe(case)
            began = perf_counter()
            answer = solve(case.skeleton, seen.positions, seen.weights, seen.hints, case.fps)
            scores[name].take(case, answer, perf_counter() - began)
        print(f"  {prefix}{case.name}", file=sys.stderr, flush=True)
    for name, score in scores.items():
        table.add(*score.row(prefix + name))
    return scores
