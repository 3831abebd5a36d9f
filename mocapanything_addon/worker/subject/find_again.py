# SPDX-License-Identifier: GPL-3.0-or-later
"""A subject that was lost on the way is recognised by its colours where something moves."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...models.cutter import Cutter
from .candidates import hint_of_motion
from .follow import begin
from .frame_store import FrameStore, OddsStore
from .likelihood import Likelihood
from .parts import LEAST_AREA
from .track import OTHER, SUBJECT

LAB_BINS = (6, 16, 16)
LAB_RANGES = (0.0, 256.0, 64.0, 192.0, 64.0, 192.0)
"""Lightness coarsely, for shade changes it, hue finely."""
AROUND_START = 4
"""Frames before and after the start that show what it looks like."""
UNLIKE, ALIKE = 0.6, 0.75
"""Likeness of colours (Bhattacharyya coefficient) below which what is followed is something else, and from
which something is the subject."""
SMALLEST, LARGEST = 0.1, 8.0
"""Area over that at the start, at which it may come back: nearer or farther away, half out of view."""
EVERY = 8
"""Frames from one attempt to the next while it is lost."""
SPAN = 6
"""Frames: it is not lost that is not seen for less."""

Mask = NDArray[np.bool_]


def find_again(
    frames: FrameStore,
    odds: OddsStore,
    start: int,
    likelihood: Likelihood,
    cutter: Cutter,
    tick: Callable[[float], None],
) -> list[tuple[int, Mask]]:
    """Frames and masks (h, w) in which a subject is seen again that was lost.

    Args:
        frames: RGB (h, w, 3) at analysis size.
        odds: Log odds of the subject in every frame, as it was followed.
        start: The frame from which it was followed.
        likelihood: Of what moves.
        cutter: Cuts the subject out of windows.
        tick: Called with the share done.
    """
    near = range(max(0, start - AROUND_START), min(len(frames), start + AROUND_START + 1))
    looks = np.mean([colors(frames[t], odds[t] > 0) for t in near], axis=0)
    area = float((odds[start] > 0).sum())
    found: list[tuple[int, Mask]] = []
    is_lost = []
    for t in range(len(frames)):
        is_lost.append(alike(colors(frames[t], odds[t] > 0), looks) < UNLIKE)
        tick(0.5 * t / len(frames))
    attempts = [t for span in _lost_spans(is_lost) for t in span[EVERY // 2 :: EVERY]]
    for number, t in enumerate(attempts):
        seen = _most_alike(frames[t], likelihood, t, looks, cutter)
        if seen is not None and SMALLEST * area < seen.sum() < LARGEST * area:
            found.append((t, seen))
        tick(0.5 + 0.5 * (number + 1) / len(attempts))
    return found


def seen_labels(mask: Mask, parts: NDArray[np.int32]) -> NDArray[np.uint8]:
    """(h, w) labels (track.py) of the moving parts (h, w) of a frame in which the subject was seen again."""
    return np.where(parts > 0, np.where(mask, SUBJECT, OTHER), 0).astype(np.uint8)


def colors(rgb: NDArray[np.uint8], mask: Mask) -> NDArray[np.float64]:
    """(n,) histogram of the colours in a mask (h, w), its sum 1; zeros for an empty one."""
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)
    counts = cv2.calcHist([lab], [0, 1, 2], mask.astype(np.uint8), LAB_BINS, LAB_RANGES).ravel()
    return np.asarray(counts / max(1.0, float(counts.sum())), np.float64)


def alike(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Bhattacharyya coefficient of two histograms, 0 to 1."""
    return float(np.sqrt(first * second).sum())


def _lost_spans(is_lost: list[bool]) -> list[range]:
    """Runs of frames, of some length."""
    numbered, _ = ndimage.label(is_lost)
    runs = [range(run.start, run.stop) for (run,) in ndimage.find_objects(numbered)]
    return [run for run in runs if len(run) >= SPAN]


def _most_alike(
    rgb: NDArray[np.uint8], likelihood: Likelihood, frame: int, looks: NDArray[np.float64], cutter: Cutter
) -> Mask | None:
    """What moves in a frame and has the subject's colours, cut out; None where nothing has."""
    parts, logit = likelihood.parts(frame), likelihood.logit(frame)
    best, chosen = ALIKE, None
    for part, count in enumerate(np.bincount(parts.ravel())):
        if part == 0 or count < LEAST_AREA * parts.size:
            continue
        moving = hint_of_motion(logit, seen_labels(parts == part, parts), is_alone=True)
        mask = begin(rgb, moving, moving, cutter) > 0
        likeness = alike(colors(rgb, mask), looks)
        if likeness > best:
            best, chosen = likeness, mask
    return chosen
