# SPDX-License-Identifier: GPL-3.0-or-later
"""How likely each heading is: all that speaks for it, weighed as filmed clips of known truth taught."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .cues import Cues, color_agreement, trust_in_colors
from .hypothesis import APART, Hypothesis, between
from .problem import Problem
from .start_poses import unusual

EVIDENCE = (
    "outlines of all frames",
    "overlap",
    "distance of outlines",
    "bending",
    "lean",
    "unusual pose",
    "colours",
    "goes ahead",
    "goes along its length",
)
WEIGHTS = np.array([10.0, 20.0, -1.0, -5.0, -5.0, -4.0, 4.0, 2.0, 2.0])
"""Of the evidence, natural logarithms of odds; fitted by logistic regression (docs/fit.md)."""
UNSURE = 0.7
"""Probability below which the user is told."""
POOR_OVERLAP = 0.6
"""Below this the body hardly covers the subject: perhaps it is not this creature."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """One heading of the clip, fitted in a few frames."""

    problem: Problem
    """In whose world the hypotheses are."""
    path_score: float
    hypotheses: tuple[Hypothesis, ...]
    """Best fit first."""
    evidence: NDArray[np.float64]
    """(len(EVIDENCE),) mean over its frames."""

    @property
    def heading(self) -> float:
        """Radians, in the frame that is explained best."""
        return self.hypotheses[0].heading

    @classmethod
    def of(
        cls, problem: Problem, cues: Cues, path_score: float, hypotheses: Sequence[Hypothesis]
    ) -> Candidate:
        """From its hypotheses in any order."""
        rows = [_evidence(problem, cues, path_score, h) for h in hypotheses]
        in_order = tuple(sorted(hypotheses, key=lambda h: -h.fit))
        return cls(problem, path_score, in_order, np.mean(rows, axis=0))


def ranked_candidates(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates, scored, with their probabilities, best first."""
    scores = joint_evidence(candidates) @ WEIGHTS
    probabilities = heading_probabilities(scores, np.array([c.heading for c in candidates]))
    scored = [
        replace(
            candidate,
            hypotheses=tuple(
                replace(h, score=float(score), probability=float(p)) for h in candidate.hypotheses
            ),
        )
        for candidate, score, p in zip(candidates, scores, probabilities, strict=True)
    ]
    return sorted(scored, key=lambda c: -c.hypotheses[0].score)


def joint_evidence(candidates: Sequence[Candidate]) -> NDArray[np.float64]:
    """(N, len(EVIDENCE)); colours count only if some candidate shows that they are the subject's."""
    rows = np.array([c.evidence for c in candidates])
    colours = EVIDENCE.index("colours")
    rows[:, colours] *= trust_in_colors(rows[:, colours])
    return rows


def heading_probabilities(scores: NDArray[np.float64], headings: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) that each candidate's heading is right. Candidates that face the same way share one probability.

    Args:
        scores: (N,) natural logarithms of odds.
        headings: (N,) radians.
    """
    group = np.full(len(scores), -1)
    leaders: list[int] = []
    for k in np.argsort(-scores, kind="stable"):
        near = [i for i, lead in enumerate(leaders) if between(headings[lead], headings[k]) < APART]
        group[k] = near[0] if near else len(leaders)
        if not near:
            leaders.append(int(k))
    odds = np.exp(scores[leaders] - scores.max())
    return np.asarray((odds / odds.sum())[group], np.float64)


def is_unsure(probability: float, overlap: float) -> bool:
    """Whether to tell the user."""
    return probability < UNSURE or overlap < POOR_OVERLAP


def _evidence(problem: Problem, cues: Cues, path_score: float, h: Hypothesis) -> list[float]:
    ahead = cues.ahead(h, problem)
    return [
        path_score,
        h.overlap,
        h.apart,
        h.bent,
        h.lean,
        unusual(problem.body, h.start_pose),
        color_agreement(problem, h, cues.paint),
        ahead,
        ahead**2,
    ]
