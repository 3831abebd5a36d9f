# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the frames in which feet, hands or tails stand still on something.

A joint near the end of a chain is taken to be in contact for a run of frames if it is slow there, stays
within a small ball, and does so although the root moves; where the vertical is known it must also be low.
Speeds are those of smoothed positions, and a run lasts until a joint is clearly faster than it had to be to
begin one (hysteresis). Fish and birds therefore touch nothing unless part of them really stays in place.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter1d

from .noise import robust_deviation
from .skeleton import Skeleton
from .terms.contacts import Contact
from .terms.ground import Ground

Array = NDArray[np.float64]
SMOOTHING = 0.06
"""Seconds, standard deviation of the Gaussian that positions are smoothed with."""
FROM_END = 3
"""Joints of a chain that may touch: the last one and those before it."""
SLOW = 0.15
"""Share of a joint's own highest speed (the 90th percentile) below which a contact may begin."""
SLOWEST, FASTEST = 0.02, 0.25
"""Bounds of that speed, sizes of the skeleton a second."""
LEAVING = 2.0
"""A contact ends above this many times the speed and the height at which it may begin."""
NOISE_WIDTHS = 2.5
"""Speeds and distances below this many standard deviations of noise are none."""
LOW = 0.12
"""Sizes above the ground that a joint that touches it may be: ankles touch with the sole below."""
LIFT = 0.03
"""Sizes a joint may be above its own lowest place when a contact begins."""
LEAST_TIME = 0.12
"""Seconds."""
RADIUS = 0.01
"""Sizes a joint in contact may be from the middle of its places."""
STILL = 0.5
"""Share of the root's movement that a joint in contact may make, where no ground was given."""
STILL_WITHOUT_UP = 0.2
LEAST_MOVEMENT = 0.01
"""Sizes the root must move during a contact, where no ground was given, for it to tell anything."""


def find_contacts(
    skeleton: Skeleton,
    positions: Array,
    weights: Array,
    fps: float,
    ground: Ground | None = None,
    up: ArrayLike | None = None,
) -> list[Contact]:
    """Runs of frames in which joints stand still; the places are left open.

    Args:
        skeleton: the joints.
        positions: (T, J, 3) armature space; finite where the weight is not 0.
        weights: (T, J) confidence, 0 where not seen.
        fps: frames a second.
        ground: where the floor is, if that is known.
        up: (3,) the vertical, if only that is known. Without either, only joints that stay in place while
            the body travels count.
    """
    frames = len(positions)
    least = max(int(np.ceil(LEAST_TIME * fps)), 2)
    if frames < least or skeleton.joint_count < 2:
        return []
    size = skeleton.size
    smooth, known = _smoothed(positions, weights, SMOOTHING * fps)
    velocity = np.gradient(smooth, axis=0) * fps
    speed = np.where(known, np.linalg.norm(velocity, axis=-1), np.inf) / size
    width = SMOOTHING * fps
    noise = _noise(positions, weights)
    # What a Gaussian of width s and its derivative pass of the variance of noise in every frame.
    radius = RADIUS * size + NOISE_WIDTHS * noise / np.sqrt(2.0 * np.sqrt(np.pi) * width)
    least_speed = NOISE_WIDTHS * noise * fps / size / np.sqrt(4.0 * np.sqrt(np.pi) * width**3)
    lift = _lifts(smooth, known, size, ground, up)
    share = STILL_WITHOUT_UP if up is None else STILL

    def root_moves(first: int, last: int, joint: int) -> bool:
        run = slice(first, last + 1)
        traveled = _extent(smooth[run, skeleton.root])
        return traveled > LEAST_MOVEMENT * size and _extent(smooth[run, joint]) < share * traveled

    contacts = []
    for joint in _ends(skeleton):
        seen = known[:, joint]
        if seen.sum() < least:
            continue
        usual = float(np.percentile(speed[seen, joint], 90.0))
        slow = max(float(np.clip(SLOW * usual, SLOWEST, FASTEST)), least_speed)
        begins = (speed[:, joint] < slow) & (lift[:, joint] < LIFT)
        lasts = (speed[:, joint] < LEAVING * slow) & (lift[:, joint] < LEAVING * LIFT)
        for run in _runs(begins, lasts):
            first, last = _in_place(smooth[:, joint], *run, radius)
            if last - first + 1 < least or (ground is None and not root_moves(first, last, joint)):
                continue
            contacts.append(Contact(int(joint), first, last))
    return contacts


def _ends(skeleton: Skeleton) -> NDArray[np.int64]:
    """Joints at the ends of chains: leaves and the few above them that lead nowhere else."""
    found: set[int] = set()
    for leaf in range(skeleton.joint_count):
        joint = leaf
        if len(skeleton.children[leaf]):
            continue
        for _ in range(FROM_END):
            if skeleton.parents[joint] < 0 or len(skeleton.children[joint]) > 1:
                break
            found.add(joint)
            joint = int(skeleton.parents[joint])
    return np.array(sorted(found), np.int64)


def _smoothed(positions: Array, weights: Array, width: float) -> tuple[Array, NDArray[np.bool_]]:
    """(T, J, 3) weighted Gaussian means over time, and where enough was seen for one (T, J)."""
    trust = np.where(weights > 0.0, weights, 0.0)
    values = np.where(trust[..., None] > 0.0, positions, 0.0) * trust[..., None]
    total = gaussian_filter1d(trust, width, axis=0, mode="nearest")
    sums = gaussian_filter1d(values, width, axis=0, mode="nearest")
    known = total > 0.2 * np.maximum(trust.max(axis=0), 1e-12)
    return sums / np.where(total > 0.0, total, 1.0)[..., None], known


def _noise(positions: Array, weights: Array) -> float:
    """Standard deviation of the length of the positions' noise, armature units.

    Noise is what is left of third differences, in which smooth motion all but cancels: their variance is 20
    times that of the positions.
    """
    if len(positions) < 4:
        return 0.0
    seen = weights > 0.0
    all_seen = seen[:-3] & seen[1:-2] & seen[2:-1] & seen[3:]
    thirds = np.diff(np.where(seen[..., None], positions, 0.0), n=3, axis=0)[all_seen]
    return (robust_deviation(thirds.reshape(-1)) or 0.0) * np.sqrt(3.0 / 20.0)


def _lifts(
    smooth: Array, known: NDArray[np.bool_], size: float, ground: Ground | None, up: ArrayLike | None
) -> Array:
    """(T, J) heights above each joint's own lowest place, in sizes; infinite for joints that never are low,
    0 where the vertical is not known.
    """
    if ground is None and up is None:
        return np.zeros(known.shape)
    if ground is None:
        assert up is not None
        ground = Ground(np.zeros(3), up)
        heights = np.where(known, ground.heights(smooth), np.inf)
        lowest = heights.min(axis=1)
        finite = np.isfinite(lowest)
        floor = float(np.percentile(lowest[finite], 10.0)) if finite.any() else 0.0
    else:
        heights, floor = np.where(known, ground.heights(smooth), np.inf), 0.0
    own = np.full(known.shape[1], np.inf)
    for joint in np.nonzero(known.any(axis=0))[0]:
        own[joint] = np.percentile(heights[known[:, joint], joint], 10.0)
    low = own - floor < LOW * size
    lifts = (heights - np.where(low, own, 0.0)) / size
    return np.where(low, lifts, np.inf)


def _runs(begins: NDArray[np.bool_], lasts: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last frame of the stretches of ``lasts`` that hold a frame of ``begins``."""
    edges = np.diff(np.concatenate([[False], lasts, [False]]).astype(int))
    starts, ends = np.nonzero(edges == 1)[0], np.nonzero(edges == -1)[0] - 1
    return [(int(a), int(b)) for a, b in zip(starts, ends, strict=True) if begins[a : b + 1].any()]


def _in_place(places: Array, first: int, last: int, radius: float) -> tuple[int, int]:
    """The longest part of a run in which a joint stays near the middle (the median) of its places."""
    middle = np.median(places[first : last + 1], axis=0)
    near = np.linalg.norm(places[first : last + 1] - middle, axis=-1) < radius
    parts = _runs(near, near)
    if not parts:
        return first, first
    start, end = max(parts, key=lambda part: part[1] - part[0])
    return first + start, first + end


def _extent(places: Array) -> float:
    """Largest distance from their mean."""
    return float(np.linalg.norm(places - places.mean(axis=0), axis=-1).max())
