# SPDX-License-Identifier: GPL-3.0-or-later
"""Which frames belong to which start."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mocapanything_addon.worker.subject.spans import nearest_spans


@given(
    st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1), min_size=1)))
)
def test_every_frame_has_its_nearest_start(drawn: tuple[int, set[int]]) -> None:
    count, starts = drawn[0], list(drawn[1])
    spans = nearest_spans(starts, count)
    assert sorted(frame for span in spans for frame in span) == list(range(count))
    for start, span in zip(starts, spans, strict=True):
        for frame in span:
            assert abs(frame - start) == min(abs(frame - other) for other in starts)
