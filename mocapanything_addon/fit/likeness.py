# SPDX-License-Identifier: GPL-3.0-or-later
"""How much a creature in the video looks like the character: to choose between several."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..jobs.rig import Rig
from ..jobs.settings import Quality
from .clip import SubjectClip
from .fit import prepare
from .start import search_start
from .verdict import judge


def log_odds_of_likeness(rig: Rig, clip: SubjectClip, alive: Callable[[], None]) -> float:
    """Natural logarithm of the odds that a subject is built like the character.

    Args:
        rig: The character.
        clip: The subject in a few frames.
        alive: Called several times a second.
    """
    problem = prepare(rig, clip)
    verdict = judge(problem, search_start(problem, Quality.FAST, lambda *_: alive()))
    if verdict is None:
        return -np.inf
    return float(np.log(verdict.probability) - np.log1p(-min(verdict.probability, 1.0 - 1e-9)))
