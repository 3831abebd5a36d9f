# SPDX-License-Identifier: GPL-3.0-or-later
"""Perfect joint positions: what is left is what positions do not tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mocapanything_addon.ik.kinematics import forward

from .cases import Case, true_positions
from .comparison import COLUMNS, Evidence, Score, compare
from .known_poses import add_known_poses_rows
from .ranges import limited_skeleton
from .report import Cell, Table
from .rivals import Solve

NOTE = (
    "Every joint's true position, up to {frames} frames a rig. Ranges come from all clips of a rig and 5 "
    "degrees of room; only ours keeps them. Other clips known: rigs with two or more clips in which the "
    "window does not occur; ours gets their poses, the others the poses' mean as a hint. Tails unseen: the "
    "ends of leaf bones are not given, as in the papers; their bones are then not observed at all, and the "
    "position columns count those ends."
)


def exact_tables(cases: Sequence[Case], methods: dict[str, Solve]) -> list[Table]:
    """Without ranges, within ranges, without tails; then the first of these rig by rig."""
    frames = max(len(case.truth.root_translation) for case in cases)
    table = Table("exact", "Exact positions", COLUMNS, NOTE.format(frames=frames))
    check(cases)
    scores = compare(table, "", cases, methods, all_seen)
    limited = [replace(case, skeleton=limited_skeleton(case)) for case in cases]
    own = {name: solve for name, solve in methods.items() if name.startswith("ours")}
    compare(table, "within ranges: ", limited, own, all_seen)
    told = {
        name: solve for name, solve in methods.items() if name in ("ours", "V1-style IK", "GRACE", "mink")
    }
    add_known_poses_rows(table, cases, told)
    with_tails = [case for case in cases if case.is_tail.any()]
    few = {name: solve for name, solve in methods.items() if name in ("ours", "V1-style IK", "GRACE")}
    compare(table, "tails unseen: ", with_tails, few, tails_unseen)
    return [table, rig_table(cases, scores)]


def rig_table(cases: Sequence[Case], scores: dict[str, Score]) -> Table:
    """Which rigs the errors come from."""
    shown = [name for name in ("ours", "V1-style IK", "GRACE") if name in scores]
    figures = ("position cm", "L deg", "twist D deg")
    columns = ("rig: clip", "joints", *(f"{name}, {figure}" for name in shown for figure in figures))
    table = Table("exact_rigs", "Exact positions, rig by rig", columns, "Without ranges.")
    for number, case in enumerate(cases):
        row: list[Cell] = [case.name, case.skeleton.joint_count]
        for name in shown:
            score = scores[name]
            row += [score.position[number], score.local[number], score.twist[number]]
        table.add(*row)
    return table


def check(cases: Sequence[Case]) -> None:
    """Raises ValueError where forward kinematics of the truth is not the target."""
    for case in cases:
        away = float(np.abs(forward(case.skeleton, case.truth).positions - true_positions(case)).max())
        if away > 1e-9:
            raise ValueError(f"{case.name}: forward kinematics of the truth is {away} from its positions")


def all_seen(case: Case) -> Evidence:
    positions = true_positions(case)
    return Evidence(positions, np.ones(positions.shape[:2]))


def tails_unseen(case: Case) -> Evidence:
    positions = true_positions(case)
    weights = np.ones(positions.shape[:2])
    weights[:, case.is_tail] = 0.0
    return Evidence(positions, weights)
