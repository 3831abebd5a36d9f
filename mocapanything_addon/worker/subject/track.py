# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the subject, among all that moves, is in every frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from .carry import FlowCarrier, grey
from .frame_store import FrameStore, Scratch
from .likelihood import Likelihood
from .parts import LEAST_AREA, at_least, connected_parts, distance, places_of
from .spans import nearest_spans

SUBJECT, NEWCOMER, OTHER = 255, 128, 64
"""Values of the track's frames; 0 is background. A newcomer has come into view while the subject was out of
it, so it may be the subject."""

REACH = 0.06
"""Distance a label is carried over a gap between two frames, share of the image's shorter side."""

RIVAL = 0.15
"""Area from which something else may claim pixels, share of the subject's: less is noise."""

LOST = 0.1
"""Share of its usual area below which the subject is out of view."""

KNOWN = 0.3
"""Share of a moving thing that was something else's a frame ago from which it is that: single pixels are
noise that it passes."""

GAP = 0.5
"""Gap between parts of the subject, at most, share of the root of its area."""


def follow_subject(
    frames: FrameStore,
    likelihood: Likelihood,
    scratch: Scratch,
    tick: Callable[[float], None],
    seeds: Sequence[tuple[int, NDArray[np.uint8]]],
) -> FrameStore:
    """Label every frame: SUBJECT, NEWCOMER, OTHER (moves too but is not it) or 0.

    From the nearest seed the labels are carried both ways with the optical flow, those of everything else
    too, so that two that touch stay two.

    Args:
        frames: RGB (h, w, 3) at analysis size.
        likelihood: Log odds of the same frames.
        scratch: For the store returned.
        tick: Called with the share done.
        seeds: Frames and their labels (h, w).
    """
    count = len(frames)
    labels = scratch.store("labels", frames.shape[:2])
    done = 0
    for (start, first), span in zip(seeds, nearest_spans([seed[0] for seed in seeds], count), strict=True):
        labels[start] = first
        done += 1
        for step in (1, -1):
            state = _State(first)
            before = grey(frames[start])
            index = start + step
            while index in span:
                after = grey(frames[index])
                labels[index] = state.carry(before, after, likelihood.parts(index))
                before = after
                index += step
                done += 1
                tick(done / count)
    return labels


def seed_labels(parts: NDArray[np.int32], centers: Sequence[tuple[float, float]]) -> NDArray[np.uint8]:
    """(h, w) labels of a frame by its moving parts: those nearest to the ``centers`` (x, y) are the
    subject."""
    labels = np.where(parts > 0, OTHER, 0).astype(np.uint8)
    areas, places = places_of(parts)
    large = [p for p in range(1, len(areas)) if areas[p] >= LEAST_AREA * parts.size]
    for center in centers if large else ():
        nearest = min(large, key=lambda p: float(np.hypot(*(places[p] - center))))
        labels[parts == nearest] = SUBJECT
    return labels


class _State:
    """Labels on their way through the frames."""

    def __init__(self, seed: NDArray[np.uint8]) -> None:
        self._labels = seed
        self._reach = REACH * min(seed.shape)
        self._area = max(1.0, float((seed == SUBJECT).sum()))
        """Typical area of the subject so far, pixels."""
        self._flow = FlowCarrier(*seed.shape)

    def carry(
        self, before: NDArray[np.uint8], after: NDArray[np.uint8], parts: NDArray[np.int32]
    ) -> NDArray[np.uint8]:
        """Labels of the next frame: each moving pixel takes the nearest label, moved along by the flow."""
        warped = self._flow.labels(self._labels, before, after)
        moving = parts > 0
        rivals = at_least(warped == OTHER, RIVAL * self._area)
        to_subject, to_other = distance(warped == SUBJECT), distance(rivals)
        areas = np.bincount(parts.ravel())
        subject = np.zeros(moving.shape, bool)
        own = np.bincount(parts[(to_subject < 1.0) & moving], minlength=len(areas))
        foreign = np.bincount(parts[(to_other < 1.0) & moving], minlength=len(areas))
        for part in np.flatnonzero(areas[1:]) + 1:
            mask = parts == part
            if not own[part] and to_subject[mask].min() > self._reach:
                continue
            if foreign[part] > 0.1 * areas[part]:
                mask &= to_subject <= to_other  # two that touch
            elif own[part] < 0.05 * areas[part] and own[part] < 0.2 * self._area:
                mask &= to_subject < self._reach  # something large that it hardly touches
            subject |= mask
        if subject.sum() < LOST * self._area:
            subject |= self._find_again(moving & ~subject, to_other)
        subject = _together(at_least(subject, 0.02 * float(subject.sum())), warped == SUBJECT)
        labels = np.where(subject, SUBJECT, np.where(moving, OTHER, 0)).astype(np.uint8)
        area = float(subject.sum())
        if area < LOST * self._area:
            known = np.bincount(parts[moving & (warped == OTHER)], minlength=len(areas)) > KNOWN * areas
            labels[moving & ~subject & ~known[parts]] = NEWCOMER
        if area > 0.3 * self._area:
            self._area += 0.05 * (area - self._area)
        self._labels = labels
        return labels

    def _find_again(self, moving: NDArray[np.bool_], to_other: NDArray[np.float32]) -> NDArray[np.bool_]:
        """A part of about the subject's size that was nothing else's a frame ago: it has come back."""
        parts, stats, _ = connected_parts(moving)
        found = np.zeros(moving.shape, bool)
        for part in range(1, len(stats)):
            similar = 0.3 * self._area < stats[part, cv2.CC_STAT_AREA] < 3.0 * self._area
            if similar and to_other[parts == part].min() > 2.0:
                found |= parts == part
        return found


def _together(mask: NDArray[np.bool_], before: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The part that goes on from ``before``, and those so near that something in front may have cut them
    off."""
    parts, stats, _ = connected_parts(mask)
    if len(stats) <= 2:
        return mask
    shared = np.bincount(parts[before & mask], minlength=len(stats))
    shared[0] = 0
    main = int(shared.argmax()) if shared.any() else 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    near = distance(parts == main) < GAP * float(stats[main, cv2.CC_STAT_AREA]) ** 0.5
    return np.isin(parts, np.unique(parts[near & mask]))
