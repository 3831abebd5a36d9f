# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user has pointed at in a video so far: clicks, or a box. Knows nothing of windows and events."""

from __future__ import annotations

from dataclasses import dataclass, field

Point = tuple[float, float]
"""x and y in pixels of the video, from its upper left corner."""


@dataclass(frozen=True)
class PickedClick:
    """A point on the subject, or on something else."""

    at: Point
    time: float
    """Seconds since the video's first frame."""
    is_other: bool


@dataclass(frozen=True)
class PickedBox:
    """A box around the subject."""

    left: float
    top: float
    right: float
    bottom: float
    time: float


@dataclass
class Picking:
    """Clicks or a box: what is made last replaces the other kind."""

    width: int
    height: int
    """Of the video, pixels."""
    clicks: list[PickedClick] = field(default_factory=list)
    box: PickedBox | None = None

    def click(self, at: Point, time: float, *, is_other: bool) -> None:
        """Add a click; one outside the picture counts for nothing."""
        if 0 <= at[0] < self.width and 0 <= at[1] < self.height:
            self.clicks.append(PickedClick(at, time, is_other))
            self.box = None

    def drag(self, start: Point, end: Point, time: float) -> None:
        """Draw a box between two corners, as far as it lies in the picture."""
        left, right = sorted(min(max(p[0], 0.0), float(self.width)) for p in (start, end))
        top, bottom = sorted(min(max(p[1], 0.0), float(self.height)) for p in (start, end))
        if right - left >= 1.0 and bottom - top >= 1.0:
            self.box = PickedBox(left, top, right, bottom, time)
            self.clicks.clear()

    def take_back(self) -> None:
        """Undo the last click, or the box."""
        if self.box is not None:
            self.box = None
        elif self.clicks:
            self.clicks.pop()

    @property
    def words(self) -> str:
        """What there is, in all moments."""
        if self.box is not None:
            return f"A box at {self.box.time:.2f} s"
        if not self.clicks:
            return "Click on the subject, or drag a box around it"
        others = sum(click.is_other for click in self.clicks)
        beside = f", {others} on something else" if others else ""
        return f"Clicks: {len(self.clicks) - others} on the subject{beside}"

    @property
    def obstacle(self) -> str:
        """Why this cannot be used yet, in the user's words; empty where it can."""
        if self.box is None and not self.clicks:
            return "Click on the subject first, or drag a box around it"
        known = {click.time for click in self.clicks if not click.is_other}
        for click in self.clicks:
            if click.time not in known:
                return f"At {click.time:.2f} s click on the subject too, not only on something else"
        return ""
