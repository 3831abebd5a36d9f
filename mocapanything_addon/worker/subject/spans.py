# SPDX-License-Identifier: GPL-3.0-or-later
"""Which frames are followed from which of several starts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise


def nearest_spans(starts: Sequence[int], count: int) -> list[range]:
    """For each start, in the order given, the frames of ``count`` that lie nearer to it than to any other.

    Args:
        starts: Distinct frames, at least one.
        count: Of frames.
    """
    ordered = sorted(starts)
    edges = [0, *((a + b + 1) // 2 for a, b in pairwise(ordered)), count]
    spans = {start: range(low, high) for start, (low, high) in zip(ordered, pairwise(edges), strict=True)}
    return [spans[start] for start in starts]
