# SPDX-License-Identifier: GPL-3.0-or-later
"""Which clips are filmed (clips.json), in two halves: settings are fixed on one and reported on the other.

A third list holds more clips of families that no network has trained on, for benchmarks.accuracy.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

CLIPS_FILE = Path(__file__).with_name("clips.json")
HALVES = ("tune", "report")
UNSEEN = "unseen"


@dataclass(frozen=True)
class ClipSpec:
    """One performance of one rig: a clip of a rig pack, or an action of a procedural creature."""

    name: str
    kind: str
    pack: str = ""
    clip: str = ""
    """Its last word, after the armature's name."""
    creature: str = ""
    """A plan of samples/creatures/families, and the module it is in."""
    family: str = ""
    action: str = ""
    options: dict[str, float] = field(default_factory=dict)
    """Of the action."""
    travels: bool = False
    """The clip walks on the spot; it is moved along so that the standing feet stay."""
    lift: float = 0.0
    """Body sizes above the ground, for what flies and swims."""
    palette: str = "meadow"


def load_clips(half: str, path: Path = CLIPS_FILE) -> list[ClipSpec]:
    """The clips of one list, or of both halves for "all"."""
    listed = json.loads(path.read_text(encoding="utf-8"))
    names = HALVES if half == "all" else (half,)
    return [ClipSpec(**entry) for name in names for entry in listed[name]]
