# SPDX-License-Identifier: GPL-3.0-or-later
"""What the worker says, and how often."""

from __future__ import annotations

import io

import pytest

from mocapanything_addon.jobs.errors import BadInputError, CancelledError
from mocapanything_addon.jobs.messages import Done, Failed, Message, Progress, Warned, decode
from mocapanything_addon.worker.channel import Cancellation, Channel, ProgressReporter


class Clock:
    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def said(stream: io.StringIO) -> list[Message | None]:
    return [decode(line) for line in stream.getvalue().splitlines()]


def reporter(stream: io.StringIO, clock: Clock) -> tuple[ProgressReporter, Cancellation]:
    channel = Channel(stream)
    cancellation = Cancellation(channel)
    return ProgressReporter(channel, cancellation, clock), cancellation


def test_first_terminal_message_is_the_last_word(stream: io.StringIO) -> None:
    channel = Channel(stream)
    channel.send(Warned("careful"))
    channel.send(Done())
    channel.send(Failed(BadInputError("too late")))
    channel.send(Progress("decode", 1, 2))
    assert said(stream) == [Warned("careful"), Done()]


def test_a_reader_that_is_gone_is_no_error() -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    Channel(Broken()).send(Done())


def test_chatty_stages_are_thinned_out(stream: io.StringIO) -> None:
    clock = Clock()
    progress, _ = reporter(stream, clock)
    for step in range(1001):
        progress("track", step, 1000)
        clock.seconds += 0.001
    messages = said(stream)
    assert messages[0] == Progress("track", 0, 1000)
    assert messages[-1] == Progress("track", 1000, 1000)
    assert 9 <= len(messages) <= 12


def test_endless_stages_are_thinned_out_too(stream: io.StringIO) -> None:
    """Nobody knows how many frames a stream has."""
    clock = Clock()
    progress, _ = reporter(stream, clock)
    for step in range(1, 1000):
        progress("decode", step, 0)
        clock.seconds += 0.001
    assert 9 <= len(said(stream)) <= 12


def test_a_new_stage_is_said_at_once(stream: io.StringIO) -> None:
    progress, _ = reporter(stream, Clock())
    for stage in ("decode", "mask", "start"):
        progress(stage, 0, 10)
    assert [m.stage for m in said(stream) if isinstance(m, Progress)] == ["decode", "mask", "start"]


def test_seconds_of_each_stage(stream: io.StringIO) -> None:
    clock = Clock()
    progress, _ = reporter(stream, clock)
    for stage, seconds in (("decode", 1.0), ("mask", 2.0), ("decode", 4.0)):
        progress(stage, 0, 2)
        clock.seconds += seconds / 2
        progress(stage, 1, 2)
        clock.seconds += seconds / 2
    assert progress.seconds() == {"decode": 5.0, "mask": 2.0}
    assert list(progress.seconds()) == ["decode", "mask"]


def test_cancel_is_raised_at_the_next_call(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cancellation, "_force", lambda self: None)
    progress, cancellation = reporter(stream, Clock())
    progress("decode", 0, 2)
    cancellation.request()
    with pytest.raises(CancelledError):
        progress("decode", 1, 2)
