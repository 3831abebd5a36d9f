# SPDX-License-Identifier: GPL-3.0-or-later
"""From what the user points at, clicks or a box, to where the masks are followed from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ...jobs.settings import CaptureSettings
from ...models.cutter import Cutter
from .box import SubjectBox
from .candidates import hint_of_motion
from .clicks import ClickedFrame, clicked_frames, cut_clicked, nothing_there
from .follow import (
    NOWHERE,
    RIVAL,
    Hint,
    MaskStart,
    MovingHint,
    as_hint,
    begin,
    cut_out,
    together,
    trusted,
)
from .frame_store import FrameStore, Scratch
from .likelihood import Likelihood
from .track import OTHER, SUBJECT, follow_subject

LEAST_FILLED = 0.1
"""Share of the user's box that the network must find for its word to count."""

NEAR = 0.04
"""What moves this close to the subject that was pointed at is it too, share of the image's shorter side."""

MOVES = 0.25
"""Share of the subject that moves in the moment in which it was pointed at, at least, if it moves at all:
else it stands still, and what moves elsewhere is something else."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Pointed:
    """The subject in a frame in which the user points at it."""

    index: int
    hint: Hint
    """(h, w) for the network, where motion says nothing."""
    subject: Mask
    """(h, w)"""
    rivals: Mask
    """(h, w) what the user says is something else."""


@dataclass(frozen=True)
class LabelledMotion:
    """What motion says about where the subject is, by labels that were followed (track.py)."""

    likelihood: Likelihood
    labels: FrameStore
    is_alone: bool = False
    """See hint_of_motion."""

    def __call__(self, index: int, carried: Hint) -> Hint:
        return hint_of_motion(self.likelihood.logit(index), self.labels[index], is_alone=self.is_alone)


@dataclass(frozen=True)
class NearbyMotion:
    """What motion says about a subject that stands still among others that move: nothing where nothing moves;
    what moves close to it may be its limbs, what moves elsewhere is something else."""

    likelihood: Likelihood

    def __call__(self, index: int, carried: Hint) -> Hint:
        logit = self.likelihood.logit(index)
        near = _near(carried > 0)
        return np.where(logit > 0, np.where(near, as_hint(logit), RIVAL), np.float32(0.0))


def no_motion(index: int, carried: Hint) -> Hint:
    """What motion says where nothing is known of it."""
    return np.zeros_like(carried)


def pointed_at(
    settings: CaptureSettings,
    frames: FrameStore,
    times: NDArray[np.float64],
    size: tuple[int, int],
    likelihood: Likelihood | None,
    cutter: Cutter,
) -> list[Pointed]:
    """What the user points at, cut out in its frames; nothing where the settings have neither clicks nor box.

    Args:
        settings: Clicks, which go before a box, and the box.
        frames: RGB (h, w, 3) at analysis size.
        times: (T,) of them, seconds since the video's first frame.
        size: Width and height of the source image, pixels.
        likelihood: Of what moves, None where that does not tell the subject.
        cutter: The network.

    Raises:
        BadInputError: ``click_outside``, ``click_hits_nothing``.
    """
    factor = size[0] / frames.shape[1]
    if settings.clicks:
        clicked = clicked_frames(settings.clicks, settings.other_clicks, times, size, factor)
        return [_clicked(settings, frames, clicks, times, likelihood, cutter) for clicks in clicked]
    if settings.box is not None:
        return [_boxed(SubjectBox(*settings.box), frames, times, factor, cutter)]
    return []


def starts_there(
    pointed: list[Pointed],
    frames: FrameStore,
    likelihood: Likelihood | None,
    cutter: Cutter,
    scratch: Scratch,
    tick: Callable[[float], None],
) -> list[MaskStart]:
    """The starts that the masks are followed from.

    Args:
        pointed: What the user points at.
        frames: RGB (h, w, 3) at analysis size.
        likelihood: Of what moves, None where that does not tell the subject.
        cutter: The network.
        scratch: For what is kept meanwhile.
        tick: Called with the share done.
    """
    if likelihood is None:
        return [_start(p, frames, no_motion, cutter, moves=False) for p in pointed]
    seeds = {p.index: _labels(p, likelihood) for p in pointed if _moves(p, likelihood)}
    followed: MovingHint = no_motion
    if seeds:
        labels = follow_subject(frames, likelihood, scratch, tick, list(seeds.items()))
        followed = LabelledMotion(likelihood, labels)
    still = NearbyMotion(likelihood)
    return [
        _start(p, frames, followed if p.index in seeds else still, cutter, moves=p.index in seeds)
        for p in pointed
    ]


def _clicked(
    settings: CaptureSettings,
    frames: FrameStore,
    clicks: ClickedFrame,
    times: NDArray[np.float64],
    likelihood: Likelihood | None,
    cutter: Cutter,
) -> Pointed:
    shape = frames.shape[0], frames.shape[1]
    moving = np.zeros(shape, bool) if likelihood is None else likelihood.logit(clicks.index) > 0
    found = cut_clicked(frames[clicks.index], clicks, moving, cutter)
    if found is None:
        moment = times[clicks.index]
        raise nothing_there(min(settings.clicks, key=lambda click: abs(click[2] - moment)))
    odds, rivals = found
    hint = np.where(rivals, RIVAL, as_hint(odds))
    return Pointed(clicks.index, hint, odds > 0, rivals)


def _boxed(
    box: SubjectBox, frames: FrameStore, times: NDArray[np.float64], factor: float, cutter: Cutter
) -> Pointed:
    index = int(np.argmin(np.abs(times - box.time)))
    hint = box.hint(frames.shape[0], frames.shape[1], factor)
    subject = cut_out(frames[index], hint, cutter) > 0
    if subject.sum() < LEAST_FILLED * (hint > 0).sum():
        subject = hint > 0
    return Pointed(index, hint, subject, np.zeros(subject.shape, bool))


def _start(
    pointed: Pointed, frames: FrameStore, motion: MovingHint, cutter: Cutter, *, moves: bool
) -> MaskStart:
    rgb, rivals = frames[pointed.index], pointed.rivals
    moving = np.where(rivals, RIVAL, motion(pointed.index, np.where(pointed.subject, pointed.hint, RIVAL)))
    hint = np.where(pointed.subject, np.maximum(moving, pointed.hint), moving) if moves else pointed.hint
    if rivals.any():
        # What the user says is something else stays out: nothing is added to what was found.
        odds = together(trusted(cut_out(rgb, hint, cutter), hint), hint, moving)
        odds = np.where(rivals, np.float32(NOWHERE), odds)
    else:
        odds = begin(rgb, hint, moving, cutter)
    return MaskStart(pointed.index, odds, motion)


def _moves(pointed: Pointed, likelihood: Likelihood) -> bool:
    moving = likelihood.logit(pointed.index) > 0
    return bool((moving & pointed.subject).sum() > MOVES * pointed.subject.sum())


def _labels(pointed: Pointed, likelihood: Likelihood) -> NDArray[np.uint8]:
    """(h, w) labels of the frame: the subject, and what else moves."""
    moving = likelihood.logit(pointed.index) > 0
    own = _near(pointed.subject) & ~pointed.rivals
    return np.where(own & moving, SUBJECT, np.where(moving, OTHER, 0)).astype(np.uint8)


def _near(subject: Mask) -> Mask:
    reach = 2 * round(NEAR * min(subject.shape)) + 1
    return np.asarray(cv2.dilate(subject.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0)
