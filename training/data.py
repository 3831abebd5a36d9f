# SPDX-License-Identifier: GPL-3.0-or-later
"""The characters of one side of the split."""

from __future__ import annotations

import functools
from pathlib import Path

from .character import Character
from .pack import Pack, pack_names
from .split import Side, side_of

FEWEST_JOINTS = 4
MOST_JOINTS = 64


def usable(pack: Pack) -> bool:
    """Whether it has a number of joints that the networks are trained with."""
    return FEWEST_JOINTS <= len(pack.parents) <= MOST_JOINTS


def load_characters(folder: Path, side: Side, *, need_clips: bool = False) -> list[Character]:
    """All packs of a folder that stand on this side and have a usable number of joints, sorted by name."""
    characters = []
    for name in pack_names(folder):
        pack = Pack.load(folder, name)
        if side_of(pack.family) == side and usable(pack) and (pack.clips or not need_clips):
            characters.append(Character.from_pack(pack))
    if not characters:
        raise FileNotFoundError(
            f"No rig packs of the {side} side in {folder}: run 'python -m training packs'."
        )
    return characters


@functools.cache
def shared_characters(folder: Path, side: Side, *, need_clips: bool = False) -> list[Character]:
    """As :func:`load_characters`, read once: processes forked afterwards share them."""
    return load_characters(folder, side, need_clips=need_clips)
