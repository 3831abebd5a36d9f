# SPDX-License-Identifier: GPL-3.0-or-later
"""By what share something in front hides the subject, frame by frame.

Told from the area that is seen of it, next to that of the frames around in which it is whole: a fitted body
would tell the same only where it was fitted well, and what is hidden pulls it away.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ...fit.clip import SubjectClip

AROUND = 9
"""Whole frames whose median is what is usual there: areas breathe with the gait."""
MARKED = 0.25
"""Share from which a frame is called hidden."""


def hidden_share(clip: SubjectClip) -> NDArray[np.float64]:
    """(T,) share of the subject, 0 to 1, before which something stands; 1 in frames in which it is hidden
    altogether. NaN where that is not known: it is out of view, not found, or cut off by the image border."""
    area = seen_areas(clip)
    seen, cut = area > 0.0, np.asarray(clip.cut_off, bool).any(axis=1)
    stops = np.array([clip.stops_at_something(t) for t in range(clip.frame_count)])
    share = np.where(seen & ~cut, 0.0, np.nan)
    whole = np.flatnonzero(seen & ~cut & ~stops)
    stops[1:-1] |= stops[:-2] & stops[2:]  # limbs may hide the edge for a frame
    if not stops.any() or not len(whole):
        return share
    usual = np.interp(np.arange(len(area)), whole, _medians(whole, area[whole]))
    hidden = stops & ~cut
    share[hidden] = np.clip(1.0 - area[hidden] / usual[hidden], 0.0, 1.0)
    for before, after in pairwise(np.flatnonzero(seen)):
        # It went behind something, or came out from there, and did not leave the image on its way.
        if after > before + 1 and (stops[before] or stops[after]) and not (cut[before] or cut[after]):
            share[before + 1 : after] = 1.0
    return share


def hidden_words(share: NDArray[np.float64]) -> str | None:
    """The frames in which much is hidden, for the user; None: there are none.

    Args:
        share: (T,) of :func:`hidden_share`.
    """
    known = np.nan_to_num(share)
    is_marked = known > MARKED
    steps = np.diff(np.concatenate([[0], is_marked.astype(int), [0]]))
    runs = list(zip(np.flatnonzero(steps > 0).tolist(), np.flatnonzero(steps < 0).tolist(), strict=True))
    if not runs:
        return None
    told = [f"{a} to {b - 1}" if b > a + 1 else f"{a}" for a, b in runs]
    return (
        f"Something hides the subject in frames {', '.join(told)} (up to {known.max():.0%}): "
        "what it hides is guessed."
    )


def seen_areas(clip: SubjectClip) -> NDArray[np.float64]:
    """(T,) source pixels squared of the subject."""
    pairs = zip(clip.mask, clip.crops, strict=True)
    return np.array([np.count_nonzero(np.asarray(mask) > 127) / crop.scale**2 for mask, crop in pairs])


def _medians(frames: NDArray[np.intp], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) median of the nearest of N frames at each."""
    return np.array(
        [np.median(values[np.argsort(np.abs(frames - t), kind="stable")[:AROUND]]) for t in frames]
    )
