# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user may choose for a capture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from math import isfinite

from .errors import BadInputError

Click = tuple[float, ...]
"""x and y in pixels of the video, and a moment in seconds from its beginning."""


TIME_SLACK = 1e-3
"""Seconds by which a click may miss the chosen range: frame times are rounded on their way."""


class Quality(StrEnum):
    """How much work the fit does."""

    FAST = "fast"
    STANDARD = "standard"
    BEST = "best"


class NetworkDevice(StrEnum):
    """What the networks run on."""

    AUTO = "auto"
    """The best there is: CUDA, else Apple's MPS, else the CPU."""
    CPU = "cpu"


@dataclass(frozen=True)
class CaptureSettings:
    """Settings of one capture; the defaults are what the button uses."""

    quality: Quality = Quality.STANDARD
    start_seconds: float | None = None
    """First moment of the video to use; None: its beginning."""
    end_seconds: float | None = None
    """Last moment of the video to use; None: its end."""
    fov_degrees: float | None = None
    """The camera's field of view across the longer side of the image; None: unknown."""
    mask: str | None = None
    """A video or folder of images, white where the subject is; None: find it. Clicks, box and choice of the
    subject have no effect with it."""
    segmenter: str | None = None
    """An ONNX model that finds what stands out in a picture, or the name of one that can be downloaded; None:
    the network that ships. No effect with a mask."""
    clicks: tuple[Click, ...] = ()
    """Points on the subject: x and y in pixels of the video, and the moment in seconds from the video's
    beginning (the first one used where it is left out). Those of one moment all lie on it; where there are
    several moments, each frame is followed from the nearest. No effect with a mask; go before a box."""
    other_clicks: tuple[Click, ...] = ()
    """Points on something else, in moments in which ``clicks`` has a point too."""
    box: tuple[float, ...] | None = None
    """Left, top, right, bottom edge of a box around the subject, pixels of the video, and as a fifth number
    the moment in which it is there, seconds from the video's beginning (0 where it is left out); None: find
    it. No effect with a mask or clicks."""
    subject_choice: int = 1
    """Capture this one of the creatures that the report lists, likeliest first, from 1. No effect with a
    mask, clicks or a box."""
    use_networks: bool = True
    weights: str | None = None
    """A folder with weights of networks, as training exports them; what it lacks is what ships. None: as the
    preferences say, else all that ships."""
    device: NetworkDevice | None = None
    """What the networks run on; None: as the preferences say, else the best there is."""
    hold_contacts: bool = True
    """Hold feet still where they stand; no effect at the fast quality."""
    start_choice: int = 1
    """Begin with this one of the start poses that the report lists, best first, from 1."""
    refuse_unlike: bool = False
    """End before the long work where the subject does not look like the character; else only warn."""
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "quality", Quality(self.quality))
        if self.device is not None:
            object.__setattr__(self, "device", NetworkDevice(self.device))
        start, end = self.start_seconds, self.end_seconds
        if start is not None and start < 0:
            raise BadInputError("The start time must not be negative.", code="bad_range")
        if end is not None and end <= (start or 0.0):
            raise BadInputError("The end time must lie after the start time.", code="bad_range")
        if self.fov_degrees is not None and not 1.0 <= self.fov_degrees <= 170.0:
            raise BadInputError("The field of view must lie between 1 and 170 degrees.", code="bad_fov")
        for name in ("clicks", "other_clicks"):
            checked = tuple(_checked_click(click, start or 0.0, end) for click in getattr(self, name))
            object.__setattr__(self, name, checked)
        _check_moments(self.clicks, self.other_clicks)
        if self.box is not None:
            object.__setattr__(self, "box", _checked_box(self.box))
        if self.subject_choice < 1:
            raise BadInputError(
                f"There is no subject {self.subject_choice}: they are numbered from 1, the likeliest.",
                code="no_such_subject",
            )
        if self.start_choice < 1:
            raise BadInputError(
                f"There is no start pose {self.start_choice}: they are numbered from 1, the best.",
                code="start_missing",
            )

    @property
    def pointed_moment(self) -> float | None:
        """The moment, seconds, in which the subject is pointed at first: by clicks, else by the box."""
        if self.clicks:
            return self.clicks[0][2]
        return None if self.box is None else self.box[4]

    def to_dict(self) -> dict[str, object]:
        return {**asdict(self), "quality": self.quality.value}

    @classmethod
    def from_dict(cls, values: dict[str, object]) -> CaptureSettings:
        unknown = set(values) - set(cls.__dataclass_fields__)
        if unknown:
            known = ", ".join(cls.__dataclass_fields__)
            raise BadInputError(
                f"Unknown settings: {', '.join(sorted(unknown))}. Known: {known}.", code="bad_settings"
            )
        return cls(**values)  # type: ignore[arg-type]


def _checked_click(values: Sequence[float], start: float, end: float | None) -> Click:
    """The click with its moment, ``start`` where it has none.

    Raises:
        BadInputError: ``bad_click``.
    """
    click = tuple(float(v) for v in values)
    if len(click) == 2:
        click = (*click, start)
    if len(click) != 3 or not all(map(isfinite, click)) or min(click) < 0:
        raise BadInputError(
            "A click must be X,Y in pixels of the video, from its upper left corner.",
            "A third number may name its moment in seconds.",
            code="bad_click",
        )
    if click[2] < start - TIME_SLACK or (end is not None and click[2] > end + TIME_SLACK):
        part = f"from {start:g} s on" if end is None else f"{start:g} to {end:g} s"
        raise BadInputError(
            f"The click at {click[2]:g} s lies outside the part of the video that is used, {part}.",
            "Click in a moment of that part, or choose another range.",
            code="click_outside",
        )
    return click


def _check_moments(clicks: Sequence[Click], others: Sequence[Click]) -> None:
    """Raises BadInputError ``bad_click`` for a moment in which only something else is clicked on."""
    known = {click[2] for click in clicks}
    for x, y, time in others:
        if time not in known:
            raise BadInputError(
                f"At {time:g} s only something else was clicked on ({x:g}, {y:g}), not the subject.",
                "Click on the subject in the same moment too.",
                code="bad_click",
            )


def _checked_box(values: Sequence[float]) -> tuple[float, ...]:
    """The box with its moment: five numbers.

    Raises:
        BadInputError: ``bad_box``.
    """
    box = tuple(float(v) for v in values)
    if len(box) == 4:
        box = (*box, 0.0)
    if (
        len(box) != 5
        or not all(map(isfinite, box))
        or not (box[0] < box[2] and box[1] < box[3])
        or box[4] < 0
    ):
        raise BadInputError(
            "The box around the subject must be LEFT,TOP,RIGHT,BOTTOM in pixels of the video, the left edge "
            "before the right one and the top above the bottom.",
            "A fifth number may name its moment in seconds.",
            code="bad_box",
        )
    return box
