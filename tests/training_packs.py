# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of small rig packs that train and validate, for the tests that start training commands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tube_character import tube_pack

from training.split import SIDES, load_split


def write_tube_packs(folder: Path) -> dict[str, str]:
    """One pack a side of the split; returns the side's pack names."""
    folder.mkdir(parents=True, exist_ok=True)
    split, names = load_split(), {}
    for side in SIDES:
        names[side] = f"tubes-{side}"
        replace(tube_pack(), name=names[side], family=split[side][0]).save(folder)
    return names
