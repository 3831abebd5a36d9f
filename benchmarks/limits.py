# SPDX-License-Identifier: GPL-3.0-or-later
"""Ranges that hold, also where the targets ask for what the rig cannot do."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik import Skeleton, Target, solve_clip
from mocapanything_addon.ik.limits import euler
from mocapanything_addon.ik.limits.ranges import limited_angles
from mocapanything_addon.ik.motion import Motion

from .cases import Case, true_positions
from .noise import corrupted
from .ranges import limited_skeleton
from .report import Table

Array = NDArray[np.float64]
ROUNDING = 1e-9
"""Radians."""
TIGHT = np.radians(3.0)
"""Taken off both ends of every range, so that the truth lies outside."""
NOTE = (
    "Out of reach: targets one and a half times as far from the root; elsewhere: joints' targets "
    "exchanged. Tight: 8 degrees less room than the other rows, so that the truth itself breaks the ranges."
)


def limit_tables(cases: Sequence[Case]) -> list[Table]:
    """One table: violations counted."""
    table = Table(
        "limits",
        "Joint ranges",
        ("targets", "rigs", "ranges x frames", "at an end", "violations", "largest deg", "position mean cm"),
        NOTE,
    )
    for name in ("exact", "3 cm noise", "tight", "out of reach", "elsewhere"):
        checked = at_end = broken = 0
        largest, away = 0.0, []
        for case in cases:
            room = -TIGHT if name == "tight" else None
            skeleton = limited_skeleton(case) if room is None else tight_skeleton(case)
            positions, weights = targets(replace(case, skeleton=skeleton), name)
            solution = solve_clip(skeleton, Target(positions=positions, weights=weights), case.fps)
            motion = Motion.from_quaternions(solution.root_translation, solution.local_rotations)
            angles = limited_angles(skeleton, motion)
            limited = skeleton.is_limited
            lowest, highest = skeleton.lowest_angles[limited], skeleton.highest_angles[limited]
            beyond = euler.excess(angles, lowest, highest)
            checked += angles.size
            broken += int((beyond > ROUNDING).sum())
            largest = max(largest, float(np.degrees(beyond.max(initial=0.0))))
            near = np.minimum(angles - lowest, highest - angles) < np.radians(0.1)
            at_end += int((near & (highest > lowest)).sum())
            away.append(
                100.0 * float(np.linalg.norm(solution.positions - true_positions(case), axis=-1).mean())
            )
            print(f"  limits {name} {case.name}", file=sys.stderr, flush=True)
        table.add(name, len(cases), checked, at_end, broken, largest, float(np.mean(away)))
    return [table]


def tight_skeleton(case: Case) -> Skeleton:
    """Ranges a little narrower than the truth, but never empty."""
    wide = limited_skeleton(case, 0.0)
    limits = wide.limits.copy()
    bounded = np.isfinite(limits).all(axis=-1)
    middle = limits[bounded].mean(axis=-1)
    half = np.maximum(0.5 * np.ptp(limits[bounded], axis=-1) - TIGHT, np.radians(0.5))
    limits[bounded] = np.stack([middle - half, middle + half], axis=-1)
    return Skeleton(
        wide.names, wide.parents, wide.rest_positions, wide.rest_rotations, limits=limits, locks=wide.locks
    )


def targets(case: Case, name: str) -> tuple[Array, Array]:
    """Positions and weights of one row of the table."""
    truth = true_positions(case)
    weights = np.ones(truth.shape[:2])
    if name == "3 cm noise":
        seen = corrupted(case, 3.0, False)
        return seen.positions, seen.weights
    if name == "out of reach":
        root = truth[:, [case.skeleton.root]]
        return root + 1.5 * (truth - root), weights
    if name == "elsewhere":
        return truth[:, np.random.default_rng(0).permutation(truth.shape[1])], weights
    return truth, weights
