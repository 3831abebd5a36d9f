# SPDX-License-Identifier: GPL-3.0-or-later
"""Positions as a network gives them: noise, outliers, gaps, rough rotations beside them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mocapanything_addon.ik import rotations

from .cases import Case, true_positions
from .comparison import COLUMNS, Evidence, compare
from .report import Table
from .rivals import Solve

OUTLIER_SHARE = 0.1
OUTLIER_METRES = 0.3
MISSING_SHARE = 0.1
HINT_DEGREES = 15.0
NOTE = (
    "White Gaussian noise of 1 or 3 cm a coordinate; 10 % of the joints are off by up to 30 cm along each "
    "axis, 10 % are missing. Hints: the true local rotations, each turned by 15 degrees about a random axis. "
    'The rows "input" are the given joints themselves. Jitter is the median over rigs.'
)


def noise_tables(cases: Sequence[Case], methods: dict[str, Solve]) -> list[Table]:
    """One table: 1 and 3 cm, with and without hints."""
    table = Table("noise", "Noisy positions", COLUMNS, NOTE)
    for centimetres in (1.0, 3.0):
        for hinted in (False, True):
            prefix = f"{centimetres:.0f} cm{', hints' if hinted else ''}: "
            if not hinted:
                add_input_rows(table, prefix, cases, centimetres)
            compare(
                table,
                prefix,
                cases,
                methods,
                lambda case, c=centimetres, h=hinted: corrupted(case, c, h),  # type: ignore[misc]
            )
    return [table]


def corrupted(case: Case, centimetres: float, hinted: bool) -> Evidence:
    """The same every time for the same case."""
    truth = true_positions(case)
    rng = np.random.default_rng([len(case.name), truth.shape[1], int(centimetres)])
    positions = truth + 0.01 * centimetres * rng.normal(size=truth.shape)
    outlier = rng.random(truth.shape[:2]) < OUTLIER_SHARE
    positions[outlier] += rng.uniform(-OUTLIER_METRES, OUTLIER_METRES, size=(int(outlier.sum()), 3))
    weights = (rng.random(truth.shape[:2]) >= MISSING_SHARE).astype(float)
    hints = None
    if hinted:
        axes = rng.normal(size=(*truth.shape[:2], 3))
        axes /= np.linalg.norm(axes, axis=-1, keepdims=True)
        axes[:, case.is_tail] = 0.0
        turned = case.truth.local_rotations @ rotations.exp(np.radians(HINT_DEGREES) * axes)
        hints = rotations.continuous_quaternions(rotations.quaternion_from_matrix(turned))
    return Evidence(positions, weights, hints)


def add_input_rows(table: Table, prefix: str, cases: Sequence[Case], centimetres: float) -> None:
    """How far the given joints are from the truth, outliers included and left out."""
    distances, jitter = [], []
    for case in cases:
        seen = corrupted(case, centimetres, False)
        truth = true_positions(case)
        distance = 100.0 * np.linalg.norm(seen.positions - truth, axis=-1)
        distances.append(distance[seen.weights > 0.0])
        shake = np.linalg.norm(np.diff(seen.positions, 2, axis=0), axis=-1).mean()
        jitter.append(shake / max(np.linalg.norm(np.diff(truth, 2, axis=0), axis=-1).mean(), 1e-12))
    frames = sum(case.truth.frame_count for case in cases)
    # A Gaussian in space hardly ever goes beyond four standard deviations.
    inside = [away[away < 4.0 * centimetres] for away in distances]
    for name, given in (("input", distances), ("input less outliers", inside)):
        row: list[str | float | int] = ["–"] * len(COLUMNS)
        row[:3] = [prefix + name, len(cases), frames]
        row[3:5] = [
            float(np.mean([away.mean() for away in given])),
            float(np.mean([np.percentile(away, 95) for away in given])),
        ]
        if given is distances:
            row[COLUMNS.index("jitter / truth")] = float(np.median(jitter))
        table.add(*row)
