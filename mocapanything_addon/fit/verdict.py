# SPDX-License-Identifier: GPL-3.0-or-later
"""Is what is in the masks plausibly this rig at all? Weighed as filmed clips of right and wrong rigs taught.

What a body has that the subject does not show tells more than what it lacks: shadows and props make masks
larger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..ik.kinematics import State
from .hypothesis import Hypothesis
from .problem import Problem
from .same_kind import FRAMES, kinds_apart
from .sight import beyond_subject
from .start import typical_frames

EVIDENCE = (
    "distance of the body's outline",
    "share of the body outside",
    "not upright",
    "another kind of body",
)
"""The first three of the best start, means over its frames: natural logarithm of the fit's pixels, share,
radians. The last of the clip and the rig, before any fit: see same_kind.py."""
WEIGHTS = np.array([-2.76, -6.31, -4.18, -3.64])
"""Of the evidence, natural logarithms of odds; fitted by logistic regression (docs/start-search.md)."""
BIAS = 5.88
UNLIKE = 0.05
"""Probability below which the subject does not look like the rig."""
SAME = 0.5
"""The fit's pixels: outlines nearer than this are the same."""


@dataclass(frozen=True)
class Verdict:
    """Whether the subject is built like the rig."""

    probability: float
    """0 to 1; as many right rigs as wrong ones are expected."""

    @property
    def looks_alike(self) -> bool:
        return self.probability >= UNLIKE

    def words(self) -> str:
        """What to tell the user where it does not look alike."""
        return (
            f"This does not look like your character (probability {self.probability:.2f}): see both in the "
            "job folder, starts/1.png. If something else was cut out, give a mask of the right subject; if "
            "it is another kind of creature, choose a character that is built like it."
        )


def judge(problem: Problem, ranked: Sequence[Hypothesis]) -> Verdict | None:
    """The verdict on what a start search found; None in a clip without any subject.

    Args:
        problem: What was searched.
        ranked: All that came out, best first.
    """
    if not problem.frames.has_subject.any():
        return None
    return Verdict(probability(evidence(problem, ranked)))


def evidence(problem: Problem, ranked: Sequence[Hypothesis]) -> NDArray[np.float64]:
    """(len(EVIDENCE),) of the best start, in each frame that it was fitted in; see :func:`judge`."""
    body = problem.body
    best = {h.frame: h for h in reversed(ranked) if h.start == ranked[0].start}
    gaps = [
        beyond_subject(problem, body.skin.at(State(body.skeleton, h.pose), 0), h.frame) for h in best.values()
    ]
    distance, share = np.mean(gaps, axis=0)
    upright = [(h.pose.local_rotations[0, body.skeleton.root] @ body.up) @ body.up for h in best.values()]
    return np.array(
        [
            np.log(SAME + distance),
            share,
            np.arccos(np.clip(upright, -1.0, 1.0)).mean(),
            kinds_apart(problem, typical_frames(problem, FRAMES)),
        ]
    )


def probability(evidence: NDArray[np.float64]) -> float:
    """That the subject is built like the rig."""
    return float(1.0 / (1.0 + np.exp(-(evidence @ WEIGHTS + BIAS))))
