# SPDX-License-Identifier: GPL-3.0-or-later
"""How much a creature in the video looks like the character: to choose between several."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import logit

from ..jobs.rig import Rig
from ..jobs.settings import Quality
from .clip import SubjectClip
from .fit import prepare
from .start import search_start
from .verdict import judge

MOST = 1.0 - 1e-9
"""Probability: nobody is surer."""


def log_odds_of_likeness(rig: Rig, clip: SubjectClip, alive: Callable[[], None]) -> float:
    """Natural logarithm of the odds that a subject is built like the character.

    Args:
        rig: The character.
        clip: The subject in a few frames.
        alive: Called several times a second.
    """
    problem = prepare(rig, clip)
    verdict = judge(problem, search_start(problem, Quality.FAST, lambda *_: alive()))
    return -np.inf if verdict is None else float(logit(min(verdict.probability, MOST)))
