# SPDX-License-Identifier: GPL-3.0-or-later
"""The split: no family, and no twin, on two sides."""

from __future__ import annotations

from training.split import SIDES, family_of, load_split, side_of


def test_every_family_stands_on_exactly_one_side():
    split = load_split()
    named = [family for side in SIDES for family in split[side]]
    assert len(named) == len(set(named))
    assert set(named) == set(split["families"])
    assert all(split[side] for side in SIDES)


def test_every_asset_belongs_to_exactly_one_family():
    members = [name for family in load_split()["families"].values() for name in family]
    assert len(members) == len(set(members))


def test_smooth_twins_are_family():
    names = [name for family in load_split()["families"].values() for name in family]
    twins = [name for name in names if "Smooth_" in name]
    assert twins
    for name in twins:
        assert family_of(name) == family_of(name.replace("Smooth_", ""))


def test_an_unknown_asset_is_on_no_side():
    assert family_of("somebody-else") == "somebody-else"
    assert side_of("somebody-else") is None
