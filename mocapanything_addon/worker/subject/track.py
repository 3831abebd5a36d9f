# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the moving things is the subject, and where it is in every frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from .frame_store import FrameStore, Scratch
from .likelihood import Likelihood

SUBJECT, OTHER = 255, 64
"""Values of the track's frames; 0 is background."""

LEAST_AREA = 0.001
"""Share of the image below which a part is no candidate."""

REACH = 0.06
"""Distance a label is carried over a gap between two frames, share of the image's shorter side."""

RIVAL = 0.15
"""Area from which something else may claim pixels, share of the subject's: less is noise."""

CRACK = 0.04
"""Width of a gap within one moving thing, share of the image's shorter side."""

GAP = 0.5
"""Gap between parts of the subject, at most, share of the root of its area."""

CHANGE = 20.0
"""Grey levels between two frames that count as full motion."""

STILLNESS = 0.15
"""What a pixel that does not change counts for, next to one that does, when the subject is chosen."""


@dataclass
class _Candidate:
    """One moving thing over time: per frame its area in pixels and its box (left, top, width, height)."""

    score: float = 0.0
    areas: dict[int, int] = field(default_factory=dict)
    centers: dict[int, tuple[float, float]] = field(default_factory=dict)


def follow_subject(
    frames: FrameStore,
    likelihood: Likelihood,
    scratch: Scratch,
    tick: Callable[[float], None],
    seed: tuple[int, NDArray[np.uint8]] | None = None,
) -> tuple[FrameStore, int]:
    """Label every frame: SUBJECT, OTHER (moves too but is not it) or 0.

    The subject is the part that moves most, in area and time, in the frame where it stands clearest; from
    there its label is carried both ways with the optical flow, and so are the labels of everything else, so
    that two that touch stay two.

    Args:
        frames: RGB (h, w, 3) at analysis size.
        likelihood: Log odds of the same frames.
        scratch: For the store returned.
        tick: Called with the share done.
        seed: A frame and its labels (h, w) if the user has chosen; None: choose.

    Returns:
        The labels, and the frame that they were carried from.
    """
    count = len(frames)
    labels = scratch.store("labels", frames.shape[:2])
    if seed is None:
        start, center = _choose(frames, likelihood, lambda share: tick(0.3 * share))
        seed = start, _seed_labels(likelihood.logit(start), center)
    start, first = seed
    labels[start] = first
    done = 1
    for step in (1, -1):
        state = _State(first)
        before = _grey(frames[start])
        index = start + step
        while 0 <= index < count:
            after = _grey(frames[index])
            labels[index] = state.carry(before, after, likelihood.logit(index))
            before = after
            index += step
            done += 1
            tick(0.3 + 0.7 * done / count)
    return labels, start


def _choose(
    frames: FrameStore, likelihood: Likelihood, tick: Callable[[float], None]
) -> tuple[int, tuple[float, float]]:
    """Frame in which the subject stands clear, and its centre there."""
    count = len(frames)
    every = max(1, min(3, count // 20))
    candidates: list[_Candidate] = []
    open_ones: list[tuple[_Candidate, NDArray[np.bool_]]] = []
    before: NDArray[np.uint8] | None = None
    for index in range(0, count, every):
        grey = _grey(frames[index])
        weight = _change(before, grey, likelihood, index - every, index)
        parts, stats, centers = _parts(_joined(likelihood.logit(index) > 0))
        continued: list[tuple[_Candidate, NDArray[np.bool_]]] = []
        for part in range(1, len(stats)):
            area = int(stats[part, cv2.CC_STAT_AREA])
            if area < LEAST_AREA * grey.size:
                continue
            mask = parts == part
            near = cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
            overlaps = [(int((near & old).sum()), i) for i, (_, old) in enumerate(open_ones)]
            best, which = max(overlaps, default=(0, -1))
            candidate = open_ones.pop(which)[0] if best > 0.15 * area else _Candidate()
            if not candidate.areas:
                candidates.append(candidate)
            left, top, width, height = stats[part, :4]
            cut = left == 0 or top == 0 or left + width == grey.shape[1] or top + height == grey.shape[0]
            candidate.score += float(weight[mask].sum()) * (0.6 if cut else 1.0)
            candidate.areas[index] = area
            candidate.centers[index] = (float(centers[part, 0]), float(centers[part, 1]))
            continued.append((candidate, mask))
        open_ones = continued
        before = grey
        tick(index / count)
    if not candidates:
        return 0, (0.5 * frames.shape[1], 0.5 * frames.shape[0])
    subject = max(candidates, key=lambda c: c.score)
    median = float(np.median(list(subject.areas.values())))
    start = min(subject.areas, key=lambda i: abs(np.log(subject.areas[i] / median)))
    return start, subject.centers[start]


def _change(
    before: NDArray[np.uint8] | None,
    after: NDArray[np.uint8],
    likelihood: Likelihood,
    source: int,
    target: int,
) -> NDArray[np.float32]:
    """(h, w) how much each pixel counts: by how it changed against the registered frame before."""
    if before is None:
        return np.full(after.shape, STILLNESS, np.float32)
    motion = likelihood.background.motion(source, target)
    registered = cv2.warpPerspective(before, motion, after.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    change = cv2.absdiff(registered, after).astype(np.float32) / CHANGE
    return np.minimum(change, 1.0) + np.float32(STILLNESS)


def _seed_labels(logit: NDArray[np.float32], center: tuple[float, float]) -> NDArray[np.uint8]:
    """Labels of the first frame: the part around the centre is the subject."""
    moving = logit > 0
    parts, stats, centers = _parts(_joined(moving))
    labels = np.where(moving, OTHER, 0).astype(np.uint8)
    large = [p for p in range(1, len(stats)) if stats[p, cv2.CC_STAT_AREA] >= LEAST_AREA * logit.size]
    if large:
        nearest = min(large, key=lambda p: float(np.hypot(*(centers[p] - center))))
        labels[moving & (parts == nearest)] = SUBJECT
    return labels


class _State:
    """Labels on their way through the frames."""

    def __init__(self, seed: NDArray[np.uint8]) -> None:
        self._labels = seed
        self._reach = REACH * min(seed.shape)
        self._area = max(1.0, float((seed == SUBJECT).sum()))
        """Typical area of the subject so far, pixels."""
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        height, width = seed.shape
        self._no_flow = np.zeros((height, width, 2), np.float32)
        self._x, self._y = np.meshgrid(
            np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
        )

    def carry(
        self, before: NDArray[np.uint8], after: NDArray[np.uint8], logit: NDArray[np.float32]
    ) -> NDArray[np.uint8]:
        """Labels of the next frame: each moving pixel takes the nearest label, moved along by the flow."""
        flow = self._flow.calc(after, before, self._no_flow)
        warped = cv2.remap(self._labels, self._x + flow[:, :, 0], self._y + flow[:, :, 1], cv2.INTER_NEAREST)
        moving = logit > 0
        rivals = _at_least(warped == OTHER, RIVAL * self._area)
        to_subject, to_other = _distance(warped == SUBJECT), _distance(rivals)
        parts, stats, _ = _parts(moving)
        subject = np.zeros(moving.shape, bool)
        own = np.bincount(parts[(to_subject < 1.0) & moving], minlength=len(stats))
        foreign = np.bincount(parts[(to_other < 1.0) & moving], minlength=len(stats))
        for part in range(1, len(stats)):
            mask = parts == part
            if not own[part] and to_subject[mask].min() > self._reach:
                continue
            if foreign[part] > 0.1 * stats[part, cv2.CC_STAT_AREA]:
                mask &= to_subject <= to_other  # two that touch
            elif own[part] < 0.05 * stats[part, cv2.CC_STAT_AREA] and own[part] < 0.2 * self._area:
                mask &= to_subject < self._reach  # something large that it hardly touches
            subject |= mask
        if subject.sum() < 0.1 * self._area:
            subject |= self._find_again(moving & ~subject, to_other)
        subject = _together(_at_least(subject, 0.02 * float(subject.sum())), warped == SUBJECT)
        labels = np.where(subject, SUBJECT, np.where(moving, OTHER, 0)).astype(np.uint8)
        area = float(subject.sum())
        if area > 0.3 * self._area:
            self._area += 0.05 * (area - self._area)
        self._labels = labels
        return labels

    def _find_again(self, moving: NDArray[np.bool_], to_other: NDArray[np.float32]) -> NDArray[np.bool_]:
        """A part of about the subject's size that was nothing else's a frame ago: it has come back."""
        parts, stats, _ = _parts(moving)
        found = np.zeros(moving.shape, bool)
        for part in range(1, len(stats)):
            similar = 0.3 * self._area < stats[part, cv2.CC_STAT_AREA] < 3.0 * self._area
            if similar and to_other[parts == part].min() > 2.0:
                found |= parts == part
        return found


def _at_least(mask: NDArray[np.bool_], area: float) -> NDArray[np.bool_]:
    """The mask without parts smaller than ``area`` pixels."""
    parts, stats, _ = _parts(mask)
    keep = stats[:, cv2.CC_STAT_AREA] >= area
    keep[0] = False
    return keep[parts]


def _together(mask: NDArray[np.bool_], before: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The part that goes on from ``before``, and those so near that something in front may have cut them
    off."""
    parts, stats, _ = _parts(mask)
    if len(stats) <= 2:
        return mask
    shared = np.bincount(parts[before & mask], minlength=len(stats))
    shared[0] = 0
    main = int(shared.argmax()) if shared.any() else 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    near = _distance(parts == main) < GAP * float(stats[main, cv2.CC_STAT_AREA]) ** 0.5
    return np.isin(parts, np.unique(parts[near & mask]))


def _joined(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask with its narrow gaps closed: of a body that covers its own place, only pieces seem to move."""
    size = max(3, round(min(mask.shape) * CRACK)) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, kernel) > 0)


def _parts(
    mask: NDArray[np.bool_],
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
    """Connected parts: (h, w) their numbers from 1, their boxes and areas, their centres."""
    _, parts, stats, centers = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return np.asarray(parts, np.int32), np.asarray(stats, np.int32), np.asarray(centers, np.float64)


def _distance(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(h, w) pixels to the nearest True, very far where there is none."""
    if not mask.any():
        return np.full(mask.shape, 1e6, np.float32)
    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3), np.float32)


def _grey(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
