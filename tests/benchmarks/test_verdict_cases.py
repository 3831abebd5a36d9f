# SPDX-License-Identifier: GPL-3.0-or-later
"""The calibration of the verdict finds what it was made from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.fitting.clips import HALVES, load_clips
from benchmarks.fitting.lookalikes import BUILDS, BUILT, MORE, UNCLEAR, build_of
from benchmarks.verdict import (
    Row,
    fit_weights,
    leave_kinds_out,
    missed_table,
    ranking_table,
    read,
    refused_table,
    reliability_table,
    share_above,
    threshold_for,
    write,
)
from mocapanything_addon.fit.verdict import EVIDENCE


def made_rows(count: int = 400) -> list[Row]:
    """Logistic from known weights (-2, -1, 0, 0) and bias 1, of four kinds."""
    rng = np.random.default_rng(4)
    rows = []
    for k in range(count):
        evidence = rng.normal(size=len(EVIDENCE))
        odds = np.exp(-(1.0 - 2.0 * evidence[0] - evidence[1]))
        is_right = rng.random() < 1.0 / (1.0 + odds)
        relation = ("same", "resized", "alike")[k % 3] if is_right else "other"
        rows.append(Row(f"clip {k}", f"kind {k % 4}", "a rig", "dog", relation, "true mask", tuple(evidence)))
    return rows


def test_weights_are_found_again() -> None:
    weights, bias = fit_weights(made_rows(4000))
    assert weights == pytest.approx([-2.0, -1.0, 0.0, 0.0], abs=0.2)
    assert np.isfinite(bias)


def test_the_threshold_spares_right_rigs_and_like_creatures() -> None:
    rows = made_rows()
    found = leave_kinds_out(rows)
    threshold = threshold_for(rows, found)
    right = found[[row.relation in ("same", "resized") for row in rows]]
    alike = found[[row.relation == "alike" for row in rows]]
    assert np.mean(right < threshold) <= 0.02
    assert np.mean(alike < threshold) <= 0.1
    assert np.mean(found[[row.relation == "other" for row in rows]] < threshold) > 0.1
    table = refused_table(rows, found, threshold, "made")
    assert sum(int(row[2]) for row in table.rows) == len(rows)
    assert missed_table(rows, found).rows


def test_a_ranking_counts_pairs_in_the_right_order() -> None:
    assert share_above(np.array([2.0, 3.0]), np.array([1.0, 2.0])) == pytest.approx(7.0 / 8.0)
    assert np.isnan(share_above(np.array([]), np.array([1.0])))
    rows = made_rows()
    table = ranking_table(rows, leave_kinds_out(rows))
    shares = {row[0]: float(row[-1]) for row in table.rows}
    assert shares["together"] > shares[f"{EVIDENCE[0]} alone"] > 0.8
    assert shares[f"{EVIDENCE[3]} alone"] == pytest.approx(0.5, abs=0.1)


def test_what_was_made_by_probabilities_is_reliable() -> None:
    rows = made_rows(4000)
    table = reliability_table(rows, leave_kinds_out(rows))
    assert sum(int(row[1]) for row in table.rows) == len(rows)
    for _, pairs, mean, right, *counts in table.rows:
        assert sum(int(count) for count in counts) == pairs
        assert float(right) == pytest.approx(float(mean), abs=0.12)


def test_evidence_on_disk_is_read_again(tmp_path: Path) -> None:
    rows = made_rows(5)
    path = tmp_path / "deep" / "evidence.csv"
    write(rows, path)
    assert read(path) == rows
    path.write_text(path.read_text().replace(EVIDENCE[0], "something else"))
    with pytest.raises(ValueError, match="other evidence"):
        read(path)


def test_builds_are_those_of_clips() -> None:
    kinds = {spec.kind for half in HALVES for spec in load_clips(half)}
    assert set(BUILDS) <= kinds
    builds = {build_of(kind) for kind in kinds}
    for pair in UNCLEAR:
        assert pair <= builds
    for half in HALVES:
        assert {kind for kind, _ in MORE[half]} | {spec.kind for spec in BUILT[half]} <= kinds
