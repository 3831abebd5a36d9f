# SPDX-License-Identifier: GPL-3.0-or-later
"""Which asset family trains, validates or tests. Fixed in ``split.json`` before any training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

SPLIT_FILE = Path(__file__).with_name("split.json")
Side = Literal["train", "validation", "test"]
SIDES: tuple[Side, ...] = ("train", "validation", "test")
PROCEDURAL = "procedural"
"""How the families of generated creatures begin. They have no assets to list, and they only ever train."""


def load_split(path: Path = SPLIT_FILE) -> dict[str, list[str]]:
    """``families``: family -> its assets; and each side's name -> its families."""
    return json.loads(path.read_text())


def family_of(name: str, path: Path = SPLIT_FILE) -> str:
    """The family of an asset; one that no family lists is a family of its own.

    An asset whose family is listed nowhere must not be trained on: it is not on any side.
    """
    families = json.loads(path.read_text())["families"] if path.exists() else {}
    return next((family for family, members in families.items() if name in members), name)


def is_procedural(family: str) -> bool:
    """Made by ``python -m training creatures``, not by an artist."""
    return family == PROCEDURAL or family.startswith(PROCEDURAL + "-")


def side_of(family: str, path: Path = SPLIT_FILE) -> Side | None:
    """The side a family stands on, None where the split does not name it."""
    if is_procedural(family):
        return "train"
    split = load_split(path)
    return next((side for side in SIDES if family in split[side]), None)
