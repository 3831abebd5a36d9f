# SPDX-License-Identifier: GPL-3.0-or-later
"""How likely each heading is: all that speaks for it, weighed as filmed clips of known truth taught."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .cues import Cues, color_agreement, trust_in_colors
from .heading_path import FacingPath
from .hypothesis import APART, Hypothesis, between, distinct_headings
from .problem import Problem
from .start_poses import unusual

EVIDENCE = (
    "outlines of all frames",
    "overlap",
    "distance of outlines",
    "bending",
    "lean",
    "tilt",
    "unsteady heading",
    "unusual pose",
    "colours",
    "goes ahead",
    "goes along its length",
    "critic",
)
WEIGHTS = np.array([11.0, 29.0, -1.9, -4.8, -5.0, -1.0, -2.2, -4.3, 4.9, 2.7, 2.2, 1.2])
"""Of the evidence, natural logarithms of odds; fitted by logistic regression (docs/start-search.md)."""
ODD_HEADING = 0.2
"""How much better (2 x overlap) a frame must be explained whose heading is unlike all the others'."""
WORST = 0.25
"""Share of a candidate's frames that does not count, rounded down."""
UNSURE = 0.75
"""Probability below which the user is told."""
POOR_OVERLAP = 0.75
"""Below this the body hardly covers the subject: perhaps it is not this creature."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """One heading of the clip, fitted in a few frames."""

    problem: Problem
    """In whose world the hypotheses are."""
    path: FacingPath
    """What it was fitted from."""
    hypotheses: tuple[Hypothesis, ...]
    """Best fit first, of those that face like the others."""
    evidence: NDArray[np.float64]
    """(len(EVIDENCE),) mean over its frames, without the worst."""
    is_twin: bool
    """Mirrored in depth: its headings are not the path's."""

    @property
    def way(self) -> dict[int, float]:
        """Radians that it faces, by frame."""
        return {h.frame: h.heading for h in self.hypotheses}

    @classmethod
    def of(
        cls,
        problem: Problem,
        cues: Cues,
        path: FacingPath,
        hypotheses: Sequence[Hypothesis],
        *,
        is_twin: bool = False,
    ) -> Candidate:
        """From its hypotheses in any order."""
        unsteady = _spread(np.array([h.heading for h in hypotheses]))
        rows = [_evidence(problem, cues, path.score, unsteady, h) for h in hypotheses]
        in_order = tuple(sorted(hypotheses, key=lambda h: ODD_HEADING * _oddness(h, hypotheses) - h.fit))
        return cls(problem, path, in_order, _without_worst(np.array(rows)).mean(axis=0), is_twin)


def ranked_candidates(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates, scored, with their probabilities, best first."""
    scores = joint_evidence(candidates) @ WEIGHTS
    probabilities = heading_probabilities(scores, [c.way for c in candidates])
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


def in_as_many_frames(
    candidates: Sequence[Candidate], before: Sequence[Candidate], after: Sequence[Candidate]
) -> list[Candidate]:
    """Candidates with the evidence to be expected of them in frames in which only others were fitted: frames
    that are harder are so for all, and nobody may win by being left out.

    Args:
        candidates: Not fitted in the new frames.
        before: Some others, fitted in the same frames.
        after: These once more, fitted in the new frames too.
    """
    harder = np.mean([b.evidence - a.evidence for a, b in zip(before, after, strict=True)], axis=0)
    return [replace(candidate, evidence=candidate.evidence + harder) for candidate in candidates]


def joint_evidence(candidates: Sequence[Candidate]) -> NDArray[np.float64]:
    """(N, len(EVIDENCE)); colours count only if some candidate shows that they are the subject's."""
    rows = np.array([c.evidence for c in candidates])
    colours = EVIDENCE.index("colours")
    rows[:, colours] *= trust_in_colors(rows[:, colours])
    return rows


def heading_probabilities(
    scores: NDArray[np.float64], ways: Sequence[Mapping[int, float]]
) -> NDArray[np.float64]:
    """(N,) that each candidate's heading is right. Candidates that face the same way share one probability.

    Args:
        scores: (N,) natural logarithms of odds.
        ways: N, radians by frame.
    """
    order = np.argsort(-scores, kind="stable")
    group = np.empty(len(scores), int)
    group[order] = distinct_headings([ways[k] for k in order])
    best = np.full(group.max() + 1, -np.inf)
    np.maximum.at(best, group, scores)
    odds = np.exp(best - scores.max())
    return np.asarray((odds / odds.sum())[group], np.float64)


def is_unsure(probability: float, overlap: float) -> bool:
    """Whether to tell the user."""
    return probability < UNSURE or overlap < POOR_OVERLAP


def _evidence(problem: Problem, cues: Cues, path_score: float, unsteady: float, h: Hypothesis) -> list[float]:
    ahead = cues.ahead(h, problem)
    body, critic = problem.body, problem.critic
    upright = float((h.pose.local_rotations[0, body.skeleton.root] @ body.up) @ body.up)
    return [
        path_score,
        h.overlap,
        h.apart,
        h.bent,
        h.lean,
        1.0 - upright,
        unsteady,
        unusual(body, h.start_pose),
        color_agreement(problem, h, cues.paint),
        ahead,
        ahead**2,
        0.0 if critic is None else float(critic.scores(problem, np.array([h.frame]), h.pose)[0]),
    ]


def _without_worst(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The evidence (K, len(EVIDENCE)) of the frames that speak for a candidate most: one fit in a few goes
    astray, whatever the heading."""
    kept = len(rows) - int(WORST * len(rows))
    return rows[np.argsort(-(rows @ WEIGHTS), kind="stable")[:kept]]


def _spread(headings: NDArray[np.float64]) -> float:
    """How far headings (K,) scatter, 0 (equal) to 1 (all round)."""
    return 1.0 - float(np.abs(np.exp(1j * headings).mean()))


def _oddness(hypothesis: Hypothesis, others: Sequence[Hypothesis]) -> float:
    """How unlike its heading is to those of the other frames, 0 to 1."""
    return float(np.mean([min(between(hypothesis.heading, h.heading) / APART, 1.0) for h in others]))
