# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages survive their line; anything else is told apart from them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mocapanything_addon.jobs.errors import BadInputError, CancelledError, CaptureError
from mocapanything_addon.jobs.messages import Done, Failed, Message, Progress, Warned, decode, encode


@given(
    st.one_of(
        st.builds(Progress, st.text(), st.integers(), st.integers()),
        st.builds(Warned, st.text()),
        st.just(Done()),
    )
)
def test_round_trip(message: Message) -> None:
    line = encode(message)
    assert "\n" not in line
    assert line.isascii()
    assert decode(line) == message


@pytest.mark.parametrize(
    "error",
    [
        CaptureError("Broken.", "Mend it.", code="broken"),
        BadInputError("Nö 猫\nvideo.", code="video_missing"),
        CancelledError(),
    ],
)
def test_errors_keep_their_class(error: CaptureError) -> None:
    message = decode(encode(Failed(error)))
    assert isinstance(message, Failed)
    assert type(message.error) is type(error)
    assert (message.error.message, message.error.hint, message.error.code) == (
        error.message,
        error.hint,
        error.code,
    )


@given(st.one_of(st.text(), st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)))
def test_anything_else_is_no_message(line: str) -> None:
    assert decode(line) is None


@pytest.mark.parametrize(
    ("done", "total", "fraction"), [(0, 0, 0.0), (3, 0, 0.0), (1, 4, 0.25), (5, 4, 1.0), (-1, 4, 0.0)]
)
def test_fraction(done: int, total: int, fraction: float) -> None:
    assert Progress("decode", done, total).fraction == fraction
