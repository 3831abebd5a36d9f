# SPDX-License-Identifier: GPL-3.0-or-later
"""The creatures that may be meant: cut out in a few frames, so that the rig, or the user, can choose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ...fit.clip import SubjectClip
from ...models.cutter import Cutter
from .follow import RIVAL, Hint, as_hint, begin, cut_out, parts_touching
from .frame_store import FrameStore
from .likelihood import Likelihood
from .moving_things import MovingThing, find_moving_things
from .parts import connected_parts
from .track import OTHER, SUBJECT, seed_labels
from .window import borders_touched, box_of, cut_window, follow_boxes, inside_image

MOST = 3
LEAST_MOTION = 0.12
"""Share of what moves most: less is no creature of its own."""

SPECK = 0.01
"""Share of the image below which what moves, and the network does not know, is no creature."""

FRAMES = 5
"""In which a candidate is cut out."""

WINDOW = 192
"""Pixels a side of what the judge sees."""

SAME = 0.5
"""Share of the smaller of two masks in one frame that lies within the larger one: from there on they are one
creature."""

AROUND = 20
"""Pixels around a mask in which nothing should move that is not in it."""

GLANCES = 4
"""Frames in which it is looked whether two moving things are one creature."""

STILL = -0.35
"""Hint of a pixel that does not move: a trunk that slides along itself looks as still as the ground."""

MOTION_WEIGHT = 0.5
"""What the logarithm of how much moves weighs against the likeness."""

OUTLINE = (255, 150, 0)

Judge = Callable[[SubjectClip, Callable[[], None]], float]
"""Natural logarithm of the odds that a creature, seen in a few frames, is built like the character. The
second argument is called several times a second."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A creature that may be the subject."""

    frames: tuple[int, ...]
    """In which it stands clear, the clearest first."""
    labels: NDArray[np.uint8]
    """(h, w) of the clearest frame, see track.py."""
    masks: tuple[NDArray[np.bool_], ...]
    """(h, w) of each frame."""
    motion: float
    """Share of what moves most."""
    likeness: float | None = None
    """Natural logarithm of the odds that it is built like the character; None where nobody has judged."""

    @property
    def frame(self) -> int:
        """In which it stands clearest."""
        return self.frames[0]

    def clip(self, images: FrameStore, times: NDArray[np.float64], frame_rate: float) -> SubjectClip:
        """What is seen of it in its frames, in order.

        Args:
            images: RGB (h, w, 3) of all frames.
            times: (T,) of them, seconds.
            frame_rate: Of the video.
        """
        height, width = images.shape[:2]
        order = np.argsort(self.frames)
        frames = [self.frames[k] for k in order]
        masks = [np.where(self.masks[k], 255, 0).astype(np.uint8) for k in order]
        boxes = np.array([box_of(mask > 0) for mask in masks])
        # Frames from different times: no window depends on the others.
        crops = [follow_boxes(box[None], frame_rate, width, height, WINDOW)[0] for box in boxes]
        inside = [inside_image(crop, width, height) for crop in crops]
        cut = [
            cut_window(mask, crop, width) * seen
            for mask, crop, seen in zip(masks, crops, inside, strict=True)
        ]
        return SubjectClip(
            times=times[frames] - times[frames[0]],
            frame_rate=frame_rate,
            width=width,
            height=height,
            crops=crops,
            color=np.stack([cut_window(images[f], c, width) for f, c in zip(frames, crops, strict=True)]),
            mask=np.stack(cut),
            cut_off=np.stack([borders_touched(m, c, width, height) for m, c in zip(cut, crops, strict=True)]),
        )


def moving_candidates(
    frames: FrameStore, likelihood: Likelihood, cutter: Cutter, tick: Callable[[float], None]
) -> list[Candidate]:
    """Everything that moves and may be a creature of its own, what moves most first; nothing where only
    specks move that are no creature, such as the light between the legs of one that hardly moves.

    Args:
        frames: RGB (h, w, 3) at analysis size.
        likelihood: Log odds of the same frames.
        cutter: Cuts the subject out of windows.
        tick: Called with the share done.
    """
    things = find_moving_things(frames, likelihood, lambda share: tick(0.5 * share))
    if not things:
        height, width = frames.shape[:2]
        return [_not_cut_out(likelihood, 0, [(0.5 * width, 0.5 * height)])]
    most = max(things[0].motion, 1e-9)
    things = [thing for thing in things if thing.motion >= LEAST_MOTION * most][:MOST]
    things = _whole_creatures(things, frames, likelihood, cutter)
    most = max(thing.motion for thing in things)
    found: list[tuple[MovingThing, Candidate]] = []
    cut = 0

    def mask_of(thing: MovingThing, rivals: Sequence[MovingThing], frame: int) -> NDArray[np.bool_]:
        nonlocal cut
        tick(0.5 + 0.5 * min(1.0, cut / (FRAMES * len(things))))  # each: large segmenters take seconds
        cut += 1
        return _mask(frames, likelihood, cutter, thing, rivals, frame)

    for thing in things:
        rivals = [other for other in things if other is not thing]
        clear, masks = _clearest_first(
            [(frame, mask_of(thing, rivals, frame)) for frame in thing.clear_frames(FRAMES)], likelihood
        )
        # What is never in view together with another is most likely the same one, come back.
        if masks[0].any() and all(
            clear[0] in other.centers and not _are_one(masks[0], mask_of(other, [thing], clear[0]))
            for other, _ in found
        ):
            labels = seed_labels(likelihood.parts(clear[0]), thing.centers[clear[0]])
            labels = _with_its_parts(labels, masks[0])
            found.append((thing, Candidate(clear, labels, masks, thing.motion / most)))
    if not found:
        (clearest,) = things[0].clear_frames(1)
        if things[0].areas[clearest] < SPECK * np.prod(frames.shape[:2]):
            return []
        return [_not_cut_out(likelihood, clearest, things[0].centers[clearest])]
    return [candidate for _, candidate in found]


def _clearest_first(
    cut: list[tuple[int, NDArray[np.bool_]]], likelihood: Likelihood
) -> tuple[tuple[int, ...], tuple[NDArray[np.bool_], ...]]:
    """Frames and masks, those first in which the mask and what moves in and around it agree best: the
    background is registered well there, and nothing that stands still is cut out along with the creature."""

    def agreement(frame: int, mask: NDArray[np.bool_]) -> float:
        moving = likelihood.logit(frame) > 0
        around = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=AROUND) > 0
        return float((moving & mask).sum()) / max(1.0, float((mask | (moving & around)).sum()))

    ordered = sorted(cut, key=lambda frame_and_mask: -agreement(*frame_and_mask))
    return tuple(frame for frame, _ in ordered), tuple(mask for _, mask in ordered)


def _whole_creatures(
    things: list[MovingThing], frames: FrameStore, likelihood: Likelihood, cutter: Cutter
) -> list[MovingThing]:
    """The things, with those joined that are parts of one creature: of one that steps on the spot, only the
    legs and the tail seem to move, each on its own."""
    whole: list[MovingThing] = []
    for thing in things:
        for number, other in enumerate(whole):
            if _are_parts_of_one(other, thing, frames, likelihood, cutter):
                whole[number] = other.with_parts(thing)
                break
        else:
            whole.append(thing)
    return whole


def _are_parts_of_one(
    first: MovingThing, second: MovingThing, frames: FrameStore, likelihood: Likelihood, cutter: Cutter
) -> bool:
    """Whether the network, pointed at one, finds the other in one piece with it, at most times: two creatures
    that touch part again."""
    shared = sorted(first.centers.keys() & second.centers.keys())
    votes = []
    for group in np.array_split(shared, min(GLANCES, len(shared))) if shared else ():
        frame = int(group[len(group) // 2])
        logit = likelihood.logit(frame)
        parts = likelihood.parts(frame)
        one, other = (seed_labels(parts, thing.centers[frame]) == SUBJECT for thing in (first, second))
        pointed = np.where(one, as_hint(logit), np.float32(0.0))
        body = cut_out(frames[frame], pointed, cutter, one | other) > 0
        held = parts_touching(body, one & body) & other
        votes.append(held.sum() > SAME * other.sum())
    return len(votes) > 0 and float(np.mean(votes)) >= SAME


def likeliest_first(candidates: Sequence[Candidate], judged: Callable[[Candidate], float]) -> list[Candidate]:
    """Ranked by how much moves and by how much they look like the character.

    Args:
        candidates: What moves.
        judged: The likeness of each.
    """
    if len(candidates) < 2:
        return list(candidates)
    found = [(candidate, judged(candidate)) for candidate in candidates]
    found.sort(key=lambda pair: -(MOTION_WEIGHT * np.log(pair[0].motion) + pair[1]))
    return [replace(candidate, likeness=likeness) for candidate, likeness in found]


def hint_of_motion(logit: NDArray[np.float32], labels: NDArray[np.uint8], *, is_alone: bool = False) -> Hint:
    """What motion says about where the subject is.

    Args:
        logit: (h, w) log odds of a frame.
        labels: (h, w) of the frame, see track.py.
        is_alone: No other creature moves in the video: what moves and was not followed may be a part of it.
    """
    moving = np.maximum(as_hint(logit), np.float32(STILL))
    return np.where(labels == OTHER, np.float32(0.0) if is_alone else RIVAL, moving)


def candidate_picture(rgb: NDArray[np.uint8], candidate: Candidate) -> NDArray[np.uint8]:
    """A frame (h, w, 3) with the candidate as it is and all else pale, an outline around it."""
    subject = candidate.masks[0]
    grown = cv2.dilate(subject.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    pale = (0.35 * rgb + 0.65 * 128.0).astype(np.uint8)
    picture = np.where(subject[..., None], rgb, pale)
    picture[grown & ~subject] = OUTLINE
    return picture


def _mask(
    frames: FrameStore,
    likelihood: Likelihood,
    cutter: Cutter,
    thing: MovingThing,
    rivals: Sequence[MovingThing],
    frame: int,
) -> NDArray[np.bool_]:
    """(h, w) the thing, cut out. What else moves, and is none of the rivals, may be a part of it or not."""
    logit = likelihood.logit(frame)
    parts = likelihood.parts(frame)
    labels = seed_labels(parts, thing.centers[frame])
    moving = hint_of_motion(logit, labels, is_alone=True)
    for rival in rivals:
        theirs = seed_labels(parts, rival.centers.get(frame, ())) == SUBJECT
        moving[theirs & (labels == OTHER)] = RIVAL
    return begin(frames[frame], moving, moving, cutter) > 0


def _with_its_parts(labels: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The labels (h, w), with everything that moves and lies mostly in the thing's mask as a part of it."""
    parts, stats, _ = connected_parts(labels == OTHER)
    inside = np.bincount(parts[mask], minlength=len(stats))
    own = np.flatnonzero(inside > SAME * stats[:, cv2.CC_STAT_AREA])
    return np.where((labels == OTHER) & np.isin(parts, own), SUBJECT, labels).astype(np.uint8)


def _not_cut_out(likelihood: Likelihood, frame: int, centers: list[tuple[float, float]]) -> Candidate:
    """What moves nearest to some places, where the network knows nothing of it."""
    labels = seed_labels(likelihood.parts(frame), centers)
    return Candidate((frame,), labels, (labels == SUBJECT,), 1.0)


def _are_one(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> bool:
    smaller = min(int(first.sum()), int(second.sum()))
    return bool((first & second).sum() > SAME * max(smaller, 1))
