# SPDX-License-Identifier: GPL-3.0-or-later
"""The subject as the user clicks on it: points that lie on it, and points that do not, in one frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...fit.crop import Crop
from ...jobs.errors import BadInputError
from ...jobs.settings import Click
from ...models.cutter import Cutter
from .follow import NOWHERE, WINDOW_SIZE, Hint, cut_window_out, parts_touching
from .parts import LEAST_POINTED
from .window import box_of

RADIUS = 0.025
"""Of the disc that a click is to the mask network, share of its window: as in its training."""

WINDOWS = (1.0, 0.6, 0.35, 0.2, 0.12, 0.07)
"""Sides of the windows in which a click is looked at, shares of the image's longer side: nobody has said how
large the subject is."""

SMALL = 0.15
"""Window, share of the image's longer side, from which on it shows something small,"""

LEAST_SURE, LEAST_SURE_SMALL = 0.3, 0.6
"""Mean certainty of what the network finds at a click, at least: less is a wall or the ground. Closely looked
at, any spot looks a little like a thing."""

ALONE = 6.0
"""Side of a window over the longer side of what is found in it, from which on it is a thing of its own if it
is found in smaller windows too: a head would show its body there."""

SAME = 0.6
"""Share of two masks together that both hold, at least, where they show one thing."""

OPEN = 0.5
"""Length along which what is found runs into the window's own border, at most, share of the root of its area:
else the window is too small for it."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class ClickedFrame:
    """The clicks in one frame, (x, y) in pixels of the analysed image."""

    index: int
    on: Sequence[tuple[float, float]]
    """On the subject; at least one."""
    beside: Sequence[tuple[float, float]]
    """On something else."""


def clicked_frames(
    on: Sequence[Click],
    beside: Sequence[Click],
    times: NDArray[np.float64],
    size: tuple[int, int],
    factor: float,
) -> list[ClickedFrame]:
    """The frames that were clicked in, that of the first click first.

    Args:
        on: Clicks on the subject: x, y in source pixels, seconds since the video's first frame.
        beside: Clicks on something else.
        times: (T,) of the frames in use, seconds.
        size: Width and height of the source image, pixels.
        factor: Source pixels a pixel of the analysed image.

    Raises:
        BadInputError: ``click_outside``, outside the image or the time in use.
    """
    frames: dict[int, tuple[list[tuple[float, float]], list[tuple[float, float]]]] = {}
    for kind, clicks in enumerate((on, beside)):
        for click in clicks:
            index = _frame_at(click, times, size)
            at = ((click[0] + 0.5) / factor - 0.5, (click[1] + 0.5) / factor - 0.5)
            frames.setdefault(index, ([], []))[kind].append(at)
    return [ClickedFrame(index, *both) for index, both in frames.items() if both[0]]


def cut_clicked(
    rgb: NDArray[np.uint8], clicks: ClickedFrame, moving: Mask, cutter: Cutter
) -> tuple[NDArray[np.float32], Mask] | None:
    """Cut out what was clicked on.

    Args:
        rgb: (h, w, 3) the frame.
        clicks: In it.
        moving: (h, w) what moves in it; nothing where that is not known.
        cutter: The network.

    Returns:
        (h, w) log odds of the subject and (h, w) what the user says is something else; None where there is
        nothing at any click on the subject.
    """
    rivals = np.zeros(moving.shape, bool)
    for click in clicks.beside:
        found = _found(rgb, [click], clicks.on, rivals, cutter)
        rivals |= _disc(moving.shape, click, RADIUS * max(moving.shape))
        if found is not None:
            rivals |= found > 0
    for click in clicks.on:
        rivals &= ~_disc(moving.shape, click, RADIUS * max(moving.shape))
    found = _found(rgb, clicks.on, clicks.beside, rivals, cutter)
    odds = np.full(moving.shape, NOWHERE, np.float32) if found is None else found
    for click in clicks.on:
        disc = _disc(moving.shape, click, RADIUS * max(moving.shape))
        if (odds[disc] > 0).any():
            continue
        # Another part than the others: by itself, or what moves there.
        part = _found(rgb, [click], clicks.beside, rivals, cutter)
        if part is None:
            own = parts_touching(moving & ~rivals, disc)
            part = np.where(own, 1.0, NOWHERE).astype(np.float32)
        odds = np.maximum(odds, part)
    odds[rivals] = NOWHERE
    return (odds, rivals) if (odds > 0).sum() > LEAST_POINTED * odds.size else None


def nothing_there(click: Click) -> BadInputError:
    """The error for a click at which there is no creature."""
    return BadInputError(
        f"Nothing stands out where you clicked: {_words(click)}.",
        "Click on the middle of the subject's body, in a moment in which it is well seen; or draw a box "
        "around it, or give a mask.",
        code="click_hits_nothing",
    )


def _frame_at(click: Click, times: NDArray[np.float64], size: tuple[int, int]) -> int:
    x, y, time = click
    width, height = size
    if not (0 <= x < width and 0 <= y < height):
        raise BadInputError(
            f"The click {_words(click)} lies outside the video, which is {width} x {height} pixels.",
            "Give x from the left and y from the top, in pixels of the video.",
            code="click_outside",
        )
    index = int(np.argmin(np.abs(times - time)))
    apart = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    if abs(float(times[index]) - time) > 1.5 * apart:
        raise BadInputError(
            f"The click {_words(click)} lies outside the part of the video that is used, {times[0]:.2f} to "
            f"{times[-1]:.2f} s.",
            "Click in a moment of that part, or choose another range.",
            code="click_outside",
        )
    return index


def _words(click: Click) -> str:
    return f"at {click[0]:g}, {click[1]:g} and {click[2]:.2f} s"


def _found(
    rgb: NDArray[np.uint8],
    own: Sequence[tuple[float, float]],
    foreign: Sequence[tuple[float, float]],
    rivals: Mask,
    cutter: Cutter,
) -> NDArray[np.float32] | None:
    """(h, w) log odds of what lies at all of some clicks and at none of others, from the window that shows it
    best; None where that is nothing."""
    height, width = rivals.shape
    middle = np.mean(own, axis=0)
    reach = float(np.abs(np.subtract(own, middle)).max())
    found: list[_Found] = []
    for share in WINDOWS:
        side = share * max(height, width)
        if share < 1.0 and 2.5 * reach > side:
            continue
        center = (0.5 * width, 0.5 * height) if share == 1.0 else middle
        window = Crop(float(center[0] - 0.5 * side), float(center[1] - 0.5 * side), side, WINDOW_SIZE)
        hint: Hint = np.where(rivals, np.float32(-1.0), np.float32(0.0))
        for click in foreign:
            hint[_disc(rivals.shape, click, RADIUS * side)] = -1.0
        place = np.zeros(rivals.shape, bool)
        for click in own:
            place |= _disc(rivals.shape, click, RADIUS * side)
        hint[place] = 1.0
        logit = cut_window_out(rgb, hint, window, cutter)
        whole = parts_touching(logit > 0, place)
        is_apart = not any(whole[_pixel(whole.shape, click)] for click in foreign)
        part = parts_touching(whole & ~rivals, place)
        area = int(part.sum())
        if area <= LEAST_POINTED * part.size or any(part[_pixel(part.shape, click)] for click in foreign):
            continue
        if (part & _rim(window, part.shape)).sum() > OPEN * area**0.5:
            continue
        sure = float(np.tanh(0.5 * logit[part]).mean())
        if sure >= (LEAST_SURE_SMALL if share < SMALL else LEAST_SURE):
            score = sure * float(part.mean()) ** 0.25
            found.append(_Found(side, part, np.where(part, logit, np.float32(NOWHERE)), score, is_apart))
    # One piece with what was clicked beside, less that, is likely the rest of it.
    found = [one for one in found if one.is_apart] or found
    best = max(_alone(found) or found, key=lambda one: one.score, default=None)
    return None if best is None else best.logit


@dataclass(frozen=True, eq=False)
class _Found:
    """What is at the clicks, as one window shows it."""

    side: float
    """Of the window, pixels."""
    part: Mask
    logit: NDArray[np.float32]
    score: float
    is_apart: bool
    """From what was clicked beside, for the network itself."""


def _alone(found: Sequence[_Found]) -> list[_Found]:
    """Those that show a small thing of its own, which larger windows take for a part of what is behind: it is
    the same from close by and in a window that would show what it is a part of. The largest window first."""
    for number, one in enumerate(found[:-1]):
        left, top, right, bottom = box_of(one.part)
        agreeing = [other for other in found[number:] if _are_same(one.part, other.part)]
        if one.side >= ALONE * max(right - left, bottom - top) and len(agreeing) == len(found) - number:
            return agreeing
    return []


def _are_same(first: Mask, second: Mask) -> bool:
    return bool((first & second).sum() >= SAME * (first | second).sum())


def _disc(shape: tuple[int, ...], click: tuple[float, float], radius: float) -> Mask:
    """(h, w) the pixels around a click; that below it at least."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    disc = np.asarray((x - click[0]) ** 2 + (y - click[1]) ** 2 <= radius**2, np.bool_)
    disc[_pixel(shape, click)] = True
    return disc


def _pixel(shape: tuple[int, ...], click: tuple[float, float]) -> tuple[int, int]:
    """Row and column of the pixel below a click."""
    row, column = np.clip(np.round(click[::-1]).astype(int), 0, np.array(shape) - 1)
    return int(row), int(column)


def _rim(window: Crop, shape: tuple[int, ...]) -> Mask:
    """(h, w) the pixels along the window's border, as far as it is not that of the image."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    away = np.minimum.reduce(
        [x - window.left, y - window.top, window.left + window.side - x, window.top + window.side - y]
    )
    within = (away >= 0.0) & (away < 3.0)
    return np.asarray(within & (x > 2) & (y > 2) & (x < shape[1] - 3) & (y < shape[0] - 3), np.bool_)
