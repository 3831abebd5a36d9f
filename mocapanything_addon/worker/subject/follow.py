# SPDX-License-Identifier: GPL-3.0-or-later
"""The subject's mask through a shot: cut in every frame, hinted by the frame before and by what moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from ...fit.crop import Crop
from ...models.cutter import Cutter
from .carry import FlowCarrier, grey
from .frame_store import FrameStore, OddsStore, Scratch
from .spans import nearest_spans
from .window import box_of, cut_hint, cut_window

WINDOW_SIZE = 192
"""Pixels a side of the windows in the small frames; the final masks are cut from larger ones."""

MARGIN = 1.5
"""Side of the window over the longer side of the hint's box: there is room for a hint that misses a limb."""

LEAST_SIDE = 24.0
"""Of a window, pixels of the small frame."""

CARRIED_STILL, CARRIED_MOVING = 0.75, 0.35
"""Share of the frame before in the hint where nothing moves and where something does; the rest is motion's. A
limb may stand still for a while; what moves with the subject and is not in its mask was likely missed."""

CERTAIN = 2.0
"""Log odds that count as an (almost) certain hint."""

SEEN_MOVING = 0.5
"""Hint of motion that the window must hold."""

GAP = 0.4
"""Gap between parts of the subject, at most, share of the root of its area: things in front may part it."""

STANDS_STILL = -0.25
"""Mean hint of motion below which a part of its own is none of the subject."""

RIVAL = np.float32(-1.0)
"""Hint of motion on something else that moves."""

REACH = 0.5
"""Distance from the subject, share of the root of its area, within which something smaller may be part of it:
motion alone did not link them."""

LEFT_OUT = np.float32(-0.5)
"""Hint of what a mask leaves out."""

MOST_MISSED = 4.0
"""Area of the whole over that of a part, at most: else the background may stand out, unless"""

LARGEST, CERTAINLY = 0.5, 0.8
"""it is less than this share of the image, and the network is so sure of it on average (0 to 1)."""

FAR_LARGER = 1.5
"""Area of the whole over that of a part from which a part it was: else a thing behind is taken in."""

SURE = 0.8
"""Hint of what surely is the subject."""

RECOGNISED = 0.4
"""Share of what surely is the subject that the network finds, at least, if it knows what it sees."""

LOST = 0.1
"""Share of its usual area below which the subject is out of sight or lost."""

BORNE_OUT = 0.2
"""Share of a mask that lies where the subject was carried to, or moves, at least: else the network has cut
out something else that stands out, because the subject is gone."""

STRAYED, BELIEVED = 0.3, 0.5
"""Share of what moves, as the subject, that must lie within a distance (share of the root of its area) of
where the subject was carried to."""

SWOLLEN = 1.7
"""Times its usual area, and that a frame before, from which on a mask holds background: motion said so,
because the background is registered badly."""

FADE = 0.8
"""What a lost subject's last place still says, a frame."""

NOWHERE = -8.0
"""Log odds outside the window."""

GLANCES = 6
"""Frames in which one that nothing points at is looked for."""

Hint = NDArray[np.float32]
"""(h, w) from -1 (surely not the subject) over 0 (no idea) to 1 (surely is)."""

MovingHint = Callable[[int, Hint], Hint]
"""What motion says of the frame with that number, where the subject was carried to the place in the second
argument; zeros if it knows nothing."""


@dataclass(frozen=True, eq=False)
class MaskStart:
    """A frame in which the subject is known."""

    index: int
    odds: NDArray[np.float32]
    """(h, w) log odds of the subject."""
    moving: MovingHint
    """For the frames that are followed from here."""


def follow_masks(
    frames: FrameStore,
    starts: Sequence[MaskStart],
    cutter: Cutter,
    scratch: Scratch,
    tick: Callable[[float], None],
) -> OddsStore:
    """Log odds of the subject in every frame of a shot.

    From the nearest start the mask is carried both ways with the optical flow, and cut anew in every frame.

    Args:
        frames: RGB (h, w, 3) at analysis size.
        starts: Where the subject is known.
        cutter: Cuts the subject out of windows.
        scratch: For the store returned.
        tick: Called with the share done.
    """
    odds = scratch.odds("masks", frames.shape[0], frames.shape[1])
    done = 0
    for start, span in zip(starts, nearest_spans([s.index for s in starts], len(frames)), strict=True):
        odds[start.index] = start.odds
        done += 1
        for step in (1, -1):
            follower = _Follower(start.odds)
            before = frames[start.index]
            index = start.index + step
            while index in span:
                after = frames[index]
                odds[index] = follower.next(before, after, partial(start.moving, index), cutter)
                before = after
                index += step
                done += 1
                tick(done / len(frames))
    return odds


def begin(rgb: NDArray[np.uint8], hint: Hint, moving: Hint, cutter: Cutter) -> NDArray[np.float32]:
    """Log odds of a first frame. What points at the subject may point at a part of it only: whatever stands
    out around and is one with that belongs to it, but for what moves on its own."""
    hint = without_small_rivals(hint, hint > 0)
    found = together(trusted(cut_out(rgb, hint, cutter), hint), hint, moving)
    if not (found > 0).any():
        return found
    moving = without_small_rivals(moving, found > 0)
    rivals = np.where(moving == RIVAL, RIVAL, np.float32(0.0))
    # Near around first; a body of which only the tail moves is larger than that, by far.
    for around, least in ((_near(found > 0), 0.0), (np.ones(hint.shape, bool), FAR_LARGER)):
        free = cut_out(rgb, rivals, cutter, around)
        whole = parts_touching((free > 0) & (moving != RIVAL), found > 0)
        if whole.sum() > least * (found > 0).sum() and _stands_out(whole, free, found > 0):
            found = np.where(whole, np.maximum(found, free), found)
    hint = as_hint(found)
    return together(cut_out(rgb, hint, cutter), hint, moving)


def _near(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    reach = round(0.1 * max(mask.shape))
    return cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=reach) > 0


def _stands_out(whole: NDArray[np.bool_], free: NDArray[np.float32], part: NDArray[np.bool_]) -> bool:
    """Whether something in one piece with a part is a thing, and not the background."""
    area = float(whole.sum())
    if area < MOST_MISSED * part.sum():
        return True
    borders = sum(bool(edge.any()) for edge in (whole[0], whole[-1], whole[:, 0], whole[:, -1]))
    sure = float(np.tanh(0.5 * free[whole]).mean())
    return area < LARGEST * whole.size and borders < 2 and sure > CERTAINLY


def what_stands_out(frames: FrameStore, cutter: Cutter, tick: Callable[[float], None]) -> tuple[int, Hint]:
    """The frame, of some, in which the network is surest of a subject without any hint, and that subject."""
    best, chosen, hint = -1.0, 0, np.zeros(frames.shape[:2], np.float32)
    nothing = hint
    for number, index in enumerate(np.unique(np.linspace(0, len(frames) - 1, GLANCES).astype(int)).tolist()):
        logit = cut_out(frames[index], nothing, cutter)
        subject = logit > 0
        if subject.any():
            sure = float(np.tanh(0.5 * logit[subject]).mean()) * float(subject.mean()) ** 0.25
            if sure > best:
                best, chosen, hint = sure, index, as_hint(logit)
        tick((number + 1) / GLANCES)
    return chosen, hint


def as_hint(logit: NDArray[np.float32]) -> Hint:
    """Log odds of a mask as a hint. What it leaves out is less sure than what it holds: limbs get lost."""
    return np.maximum(np.tanh(logit / CERTAIN), LEFT_OUT).astype(np.float32)


def cut_out(
    rgb: NDArray[np.uint8], hint: Hint, cutter: Cutter, around: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """(h, w) log odds of a small frame, cut from a window around a place (h, w), the hint's if none is given;
    from the whole frame if that is nowhere."""
    height, width = hint.shape
    left, top, right, bottom = box_of(hint > 0 if around is None else around)
    if np.isnan(left):
        left, top, right, bottom = 0.0, 0.0, float(width), float(height)
        side = float(max(width, height))
    else:
        side = min(max(MARGIN * max(right - left, bottom - top), LEAST_SIDE), 1.2 * max(width, height))
    corner = 0.5 * (left + right - side), 0.5 * (top + bottom - side)
    return cut_window_out(rgb, hint, Crop(corner[0], corner[1], side, WINDOW_SIZE), cutter)


def cut_window_out(rgb: NDArray[np.uint8], hint: Hint, window: Crop, cutter: Cutter) -> NDArray[np.float32]:
    """(h, w) log odds of a small frame, cut from a window of it; beyond the window it is not."""
    height, width = hint.shape
    logit = cutter.logit(cut_window(rgb, window, width), cut_hint(hint, window, width))
    back = cv2.warpAffine(
        logit,
        window.affine_from_image(),
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderValue=(NOWHERE,),
    )
    return np.asarray(back, np.float32)


def trusted(logit: NDArray[np.float32], hint: Hint) -> NDArray[np.float32]:
    """The network's log odds, or the hint's where it finds next to nothing of what surely is the subject: it
    has never seen anything like it."""
    sure = hint > SURE
    if sure.any() and float((logit[sure] > 0).mean()) < RECOGNISED:
        return np.maximum(logit, CERTAIN * np.arctanh(np.clip(hint, -0.99, 0.99))).astype(np.float32)
    return logit


def without_small_rivals(moving: Hint, subject: NDArray[np.bool_]) -> Hint:
    """A hint of motion that knows nothing of rivals which are near the subject and smaller."""
    area = float(subject.sum())
    _, parts, stats, _ = cv2.connectedComponentsWithStats((moving == RIVAL).astype(np.uint8), connectivity=8)
    if len(stats) < 2 or area == 0.0:
        return moving
    away = cv2.distanceTransform((~subject).astype(np.uint8), cv2.DIST_L2, 3)
    near = np.unique(parts[away < REACH * area**0.5])
    small = [p for p in near.tolist() if p and stats[p, cv2.CC_STAT_AREA] < area]
    return np.where(np.isin(parts, small), np.float32(0.0), moving) if small else moving


def together(logit: NDArray[np.float32], hint: Hint, moving: Hint) -> NDArray[np.float32]:
    """The log odds without parts far from the one hinted at, and parts that stand still while it moves."""
    _, parts, stats, _ = cv2.connectedComponentsWithStats((logit > 0).astype(np.uint8), connectivity=8)
    if len(stats) <= 2:
        return logit
    areas = stats[1:, cv2.CC_STAT_AREA]
    hinted = np.bincount(parts[(logit > 0) & (hint > 0)], minlength=len(stats))[1:]
    main = 1 + int((hinted if hinted.any() else areas).argmax())
    away = cv2.distanceTransform((parts != main).astype(np.uint8), cv2.DIST_L2, 3)
    reach = GAP * float(areas[main - 1]) ** 0.5
    kept = logit.copy()
    for part in range(1, len(stats)):
        mask = parts == part
        if part != main and (away[mask].min() > reach or float(moving[mask].mean()) < STANDS_STILL):
            kept[mask] = NOWHERE
    return kept


def parts_touching(mask: NDArray[np.bool_], place: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The connected parts of a mask that reach into a place."""
    _, parts = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    return np.asarray(np.isin(parts, np.unique(parts[place & mask])) & mask)


class _Follower:
    """The last mask on its way through the frames."""

    def __init__(self, first: NDArray[np.float32]) -> None:
        self._last = as_hint(first)
        self._area = max(1.0, float((first > 0).sum()))
        """Usual area of the subject, pixels."""
        self._flow = FlowCarrier(*first.shape)

    def next(
        self,
        before: NDArray[np.uint8],
        after: NDArray[np.uint8],
        moving_hint: Callable[[Hint], Hint],
        cutter: Cutter,
    ) -> NDArray[np.float32]:
        """Log odds of the next frame."""
        carried = self._flow.values(self._last, grey(before), grey(after), -1.0)
        moving = without_small_rivals(moving_hint(carried), carried > 0)
        lost = float((carried > 0).sum()) < LOST * self._area
        if not lost:
            moving = self._believable(moving, carried)
        share = np.where(moving > 0.0, CARRIED_MOVING, np.where(moving < 0.0, CARRIED_STILL, 1.0))
        hint = moving if lost and moving.any() else share * carried + (1.0 - share) * moving
        # What moves widens the window: a limb that the mask has lost must be in it to be found again.
        around = (carried > 0) | (moving > SEEN_MOVING)
        hint = np.asarray(hint, np.float32)
        logit = together(trusted(cut_out(after, hint, cutter, around), moving), hint, moving)
        area = float((logit > 0).sum())
        if area > SWOLLEN * max(self._area, float((carried > 0).sum())):
            logit, area = self._without_motion(logit, after, carried, cutter)
        if area and float(around[logit > 0].mean()) < BORNE_OUT:
            logit, area = np.full_like(logit, NOWHERE), 0.0
        if area < LOST * self._area:
            # Out of sight: the place where it was fades.
            self._last = np.asarray((carried + 1.0) * FADE - 1.0, np.float32)
        else:
            self._last = as_hint(logit)
            self._area += 0.05 * (area - self._area)
        return logit

    def _without_motion(
        self, logit: NDArray[np.float32], after: NDArray[np.uint8], carried: Hint, cutter: Cutter
    ) -> tuple[NDArray[np.float32], float]:
        """A mask that holds background, and its area: cut by the frame before alone, where that does not."""
        alone = together(trusted(cut_out(after, carried, cutter), carried), carried, carried)
        areas = float((logit > 0).sum()), float((alone > 0).sum())
        held = LOST * self._area < areas[1] < areas[0]
        return (alone, areas[1]) if held else (logit, areas[0])

    def _believable(self, moving: Hint, carried: Hint) -> Hint:
        """What motion says, unless it is mostly elsewhere: then the background is registered badly."""
        places = moving > SEEN_MOVING
        reach = max(1, round(STRAYED * self._area**0.5))
        near = cv2.dilate((carried > 0).astype(np.uint8), np.ones((3, 3), np.uint8), iterations=reach) > 0
        if (places & near).sum() < BELIEVED * places.sum():
            return np.zeros_like(moving)
        return moving
