# SPDX-License-Identifier: GPL-3.0-or-later
"""The distinct starts of a search, and what a capture begins with when the user picks one."""

from __future__ import annotations

from collections.abc import Sequence

from ..jobs.errors import BadInputError
from .hypothesis import Hypothesis


def distinct_starts(ranked: Sequence[Hypothesis]) -> list[Hypothesis]:
    """The best hypothesis of each distinct start, best first.

    Args:
        ranked: All hypotheses of a search, best first.
    """
    first: dict[int, Hypothesis] = {}
    for hypothesis in ranked:
        first.setdefault(hypothesis.start, hypothesis)
    return [first[number] for number in sorted(first)]


def chosen_start(ranked: Sequence[Hypothesis], choice: int) -> list[Hypothesis]:
    """What a capture begins with.

    Args:
        ranked: All hypotheses of a search, best first.
        choice: 1 is the best start, whose rivals stay in the race; any other one is taken at the user's word.

    Raises:
        BadInputError: ``start_missing``, there are not so many distinct starts.
    """
    count = len(distinct_starts(ranked))
    if choice > count:
        there_are = "is only 1 start pose" if count == 1 else f"are only {count} start poses"
        raise BadInputError(
            f"There is no start pose {choice}: for this video and character there {there_are} to begin with.",
            "Choose 1." if count == 1 else f"Choose 1 to {count}.",
            code="start_missing",
        )
    return list(ranked) if choice == 1 else [h for h in ranked if h.start == choice]
