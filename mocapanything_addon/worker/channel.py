# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's end of the line to its parent: messages out, the wish to cancel in."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import TextIO

from ..jobs.errors import CancelledError
from ..jobs.messages import Done, Failed, Message, Progress, encode

FORCE_SECONDS = 1.2
"""A cancelled worker that has not reached the next progress call after so long ends itself in the middle."""
PARENT_SECONDS = 0.5
"""How often the worker looks whether its parent is still there."""
PROGRESS_SECONDS = 0.1
"""At most one progress message in so long, unless the stage changes or ends."""


class Channel:
    """Sends messages. Exactly one terminal message goes out, the first."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._is_closed = False

    def send(self, message: Message) -> None:
        """Write one line. Silent when the reader is gone: the worker ends for that reason elsewhere."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = isinstance(message, Done | Failed)
            with contextlib.suppress(OSError, ValueError):
                self._stream.write(encode(message) + "\n")
                self._stream.flush()


class Cancellation:
    """Whether the worker shall stop: its parent said so or is gone, or a signal came."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._requested = threading.Event()

    @property
    def is_requested(self) -> bool:
        return self._requested.is_set()

    def request(self) -> None:
        """Stop at the next progress call, or by force a little later."""
        if not self._requested.is_set():
            self._requested.set()
            threading.Thread(target=self._force, name="force", daemon=True).start()

    def on_signals(self) -> None:
        """Let the signals that ask a process to end ask for a cancel. Only from the main thread."""
        for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
            number = getattr(signal, name, None)
            if number is not None:
                signal.signal(number, lambda *_: self.request())

    def on_parent(self, pid: int) -> None:
        """Listen for ``cancel`` on stdin; stop when that closes or ``pid`` is not the parent any more."""
        threading.Thread(target=self._listen, name="stdin", daemon=True).start()
        # Where a launcher stands in between, or on Windows, only stdin tells.
        if sys.platform != "win32" and os.getppid() == pid:
            threading.Thread(target=self._watch, args=(pid,), name="parent", daemon=True).start()

    def _listen(self) -> None:
        # os.read, for a thread that waits in a buffered read would hold its lock when the interpreter ends.
        with contextlib.suppress(OSError):
            while data := os.read(0, 4096):
                if b"cancel" in data:
                    break
        self.request()

    def _watch(self, pid: int) -> None:
        while os.getppid() == pid:
            time.sleep(PARENT_SECONDS)
        self.request()

    def _force(self) -> None:
        time.sleep(FORCE_SECONDS)
        self._channel.send(Failed(CancelledError()))
        os._exit(CancelledError.exit_code)


class ProgressReporter:
    """The ``progress(stage, done, total)`` that every stage is given, and a stopwatch for each."""

    def __init__(
        self, channel: Channel, cancellation: Cancellation, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._channel = channel
        self._cancellation = cancellation
        self._clock = clock
        self._stage = ""
        self._stage_start = clock()
        self._last_sent = float("-inf")
        self._seconds: dict[str, float] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Say how far a stage is. Raises CancelledError when the capture shall stop."""
        if self._cancellation.is_requested:
            raise CancelledError
        now = self._clock()
        if stage != self._stage:
            self._end_stage(now)
            self._stage = stage
        elif done != total and now - self._last_sent < PROGRESS_SECONDS:
            return
        self._last_sent = now
        self._channel.send(Progress(stage, done, total))

    def seconds(self) -> dict[str, float]:
        """Seconds spent in each stage so far, in the order in which they began."""
        self._end_stage(self._clock())
        return dict(self._seconds)

    def _end_stage(self, now: float) -> None:
        if self._stage:
            self._seconds[self._stage] = self._seconds.get(self._stage, 0.0) + now - self._stage_start
        self._stage_start = now
