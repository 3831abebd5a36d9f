# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tables of single-image headings count."""

from __future__ import annotations

import pytest

from benchmarks.heading import Said, accuracy_table, sureness_table

ROWS = [Said("a", 2.0, 0.99, 0), Said("b", 170.0, 0.99, 1), Said("c", 90.0, 0.6, -1), Said("d", 4.0, 0.6, 0)]


def test_places_and_probabilities_are_counted() -> None:
    (row,) = accuracy_table({"one image": ROWS}).rows
    assert row[:5] == ["one image", 4, 50.0, 75.0, 75.0]
    assert row[5] == pytest.approx(47.0)
    assert row[6] == pytest.approx(79.5)


def test_the_sure_and_the_unsure_stand_apart() -> None:
    rows = sureness_table(ROWS).rows
    assert [row[1] for row in rows] == [2, 2]
    assert [row[3] for row in rows] == [50.0, 50.0]
    assert [row[2] for row in rows] == [pytest.approx(60.0), pytest.approx(99.0)]
