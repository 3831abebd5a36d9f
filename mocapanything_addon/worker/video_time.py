# SPDX-License-Identifier: GPL-3.0-or-later
"""Times of decoded frames, made to rise strictly."""

from __future__ import annotations

RESET_SECONDS = 1.0
"""A step back by more than this is a restart of the clock (joined recordings), not a frame out of order."""


class FrameClock:
    """Turns presentation times as stored into seconds since the first frame.

    Args:
        frame_rate: Nominal frames per second, the step where a time is missing.
        origin: The stored time that counts as zero; None: that of the first frame.
    """

    def __init__(self, frame_rate: float, origin: float | None = None) -> None:
        self._step = 1.0 / frame_rate
        self._origin = origin
        self._last: float | None = None
        self.repaired = 0
        """Frames whose time was missing, doubled or out of order."""

    def time(self, stored: float | None) -> float:
        """Seconds of the next frame in decoding order, given its stored time (None where it has none)."""
        if stored is not None and self._origin is None:
            self._origin = stored
        if stored is None or self._origin is None:
            self.repaired += self._last is not None
            self._last = 0.0 if self._last is None else self._last + self._step
            return self._last
        time = stored - self._origin
        if self._last is not None and time <= self._last:
            self.repaired += 1
            if time < self._last - RESET_SECONDS:
                time = self._last + self._step
                self._origin = stored - time
            else:
                # Half a step leaves room for the next frame at its own, correct time.
                time = self._last + 0.5 * self._step
        self._last = time
        return time
