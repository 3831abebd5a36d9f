# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames in which left and right limbs traded places, a tracker's classic failure: found and undone.

A limb and its mirror image are followed through the clip together. In every frame they are as named, or
exchanged from some level on down: from the hips, from the knees, only the toes. The cheapest sequence of such
cuts is found by dynamic programming (Viterbi). It pays for joints whose velocity jumps, for bones that do not
have their length where a limb is cut, and for every change. Which of two ways to name the limbs is meant, the
rest of the body tells over the whole clip, and where it does not, the way that most frames have.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .mirror import find_mirror
from .rotations import nearest_rotation
from .skeleton import Skeleton

Array = NDArray[np.float64]
CHANGE_COST = 0.3
"""What the beginning or the end of an exchange costs, in sizes of the skeleton that a joint jumps."""
EXCHANGED_COST = 0.004
"""A frame, so that of two ways that cost the same the one with fewer exchanged frames is taken."""
MOST_JUMP = 0.5
"""A joint's jump counts as this much at most, in sizes of the skeleton."""
LEAST_GAIN = 0.2
"""Of exchanging against leaving all as it is, in sizes of the skeleton."""
MOST_LEVELS = 8
NEIGHBOURS = 6
"""Joints that show which way the body faces where a limb begins."""
LEAST_BREADTH = 0.02
"""Of those joints, share of their spread along their longest side, squared."""
STIFF = 0.06
"""Sizes of the skeleton those joints may have moved against each other."""
CLEARLY_BETTER = 0.5
"""Share of the distance from where the body has them at which the other way to name limbs is taken."""


class UndoneSwaps(NamedTuple):
    """Positions with limbs put back where they belong."""

    positions: Array
    """(T, J, 3)."""
    weights: Array
    """(T, J)."""
    swapped: NDArray[np.bool_]
    """(T, C) frames in which each pair of chains had been exchanged, in whole or in part."""
    pairs: NDArray[np.int64]
    """(C, 2) the first joints of the two chains."""


class _Limbs(NamedTuple):
    """A chain and its mirror image, by level from the body outwards."""

    left: NDArray[np.int64]
    """(n,) joints of one chain."""
    right: NDArray[np.int64]
    """(n,) their partners."""
    levels: NDArray[np.int64]
    """(n,) of each joint, rising from 0."""


def undo_swaps(skeleton: Skeleton, positions: Array, weights: Array) -> UndoneSwaps:
    """Exchange mirrored chains back where they had traded places.

    Args:
        skeleton: its mirror image tells which chains can be taken for each other.
        positions: (T, J, 3) armature space; finite where the weight is not 0.
        weights: (T, J) confidence, 0 where not seen.
    """
    frames = len(positions)
    positions, weights = np.array(positions, float), np.array(weights, float)
    mirror = find_mirror(skeleton)
    limbs = [] if mirror is None else _limbs(skeleton, mirror.partners)
    swapped = np.zeros((frames, len(limbs)), bool)
    pairs = np.array([(limb.left[0], limb.right[0]) for limb in limbs], np.int64).reshape(-1, 2)
    if frames < 3:
        return UndoneSwaps(positions, weights, swapped, pairs)
    seen = positions.copy()
    for number, limb in enumerate(limbs):
        cuts = _cuts(skeleton, seen, weights, limb)
        swapped[:, number] = cuts <= limb.levels.max()
        for t in np.nonzero(swapped[:, number])[0]:
            below = limb.levels >= cuts[t]
            left, right = limb.left[below], limb.right[below]
            positions[t, left], positions[t, right] = positions[t, right], positions[t, left]
            weights[t, left], weights[t, right] = weights[t, right], weights[t, left]
    return UndoneSwaps(positions, weights, swapped, pairs)


def _limbs(skeleton: Skeleton, partners: NDArray[np.int64]) -> list[_Limbs]:
    """Pairs of chains that begin at a joint whose parent has no other side."""
    own = np.arange(len(partners))
    aside = (partners >= 0) & (partners != own)
    parents = skeleton.parents
    begins = aside & ((parents < 0) | ~aside[parents])
    limbs = []
    for first in np.nonzero(begins & (partners > own))[0]:
        left = np.nonzero(skeleton.is_ancestor[first] & aside)[0]
        left = left[np.argsort(skeleton.depths[left], kind="stable")]
        levels = np.unique(skeleton.depths[left], return_inverse=True)[1]
        levels = np.minimum(levels, MOST_LEVELS - 1)
        limbs.append(_Limbs(left, partners[left], levels))
    return limbs


def _cuts(skeleton: Skeleton, positions: Array, weights: Array, limb: _Limbs) -> NDArray[np.int64]:
    """(T,) the level from which on down the limbs are exchanged, the number of levels where they are not."""
    count = int(limb.levels.max()) + 1
    jumps = _jumps(positions, weights, limb, skeleton.size)
    stretch = _stretch(skeleton, positions, weights, limb)
    path, gain = _cheapest_path(jumps, stretch)
    if gain < LEAST_GAIN:
        path[:] = count
    whole = np.where(path == 0, count, np.where(path == count, 0, path))
    if (whole != path).all() and _faces_otherwise(skeleton, positions, weights, limb, path == 0):
        path = whole
    return path


def _jumps(positions: Array, weights: Array, limb: _Limbs, size: float) -> Array:
    """(T - 2, L, 2, 2, 2) change of velocity about a frame at each level, by the states (1: exchanged) of
    the frame before, the frame itself and the one after, in sizes of the skeleton.
    """
    named = np.stack([positions[:, limb.left], positions[:, limb.right]], axis=1)
    seen = np.stack([weights[:, limb.left], weights[:, limb.right]], axis=1) > 0.0
    versions, visible = (named, named[:, ::-1]), (seen, seen[:, ::-1])
    count = int(limb.levels.max()) + 1
    starts = np.searchsorted(limb.levels, np.arange(count))
    sizes = np.diff(np.append(starts, len(limb.levels)))
    result = np.zeros((len(positions) - 2, count, 2, 2, 2))
    for a, b, c in np.ndindex(2, 2, 2):
        change = versions[a][:-2] - 2.0 * versions[b][1:-1] + versions[c][2:]
        known = visible[a][:-2] & visible[b][1:-1] & visible[c][2:]
        jump = np.where(known, np.minimum(np.linalg.norm(change, axis=-1) / size, MOST_JUMP), 0.0)
        result[:, :, a, b, c] = np.add.reduceat(jump.mean(axis=1), starts, axis=1) / sizes
    return result


def _stretch(skeleton: Skeleton, positions: Array, weights: Array, limb: _Limbs) -> Array:
    """(T, L + 1) how much further off their lengths the bones into each level are if the limbs are cut
    there, than if they are not, in sizes of the skeleton.
    """
    count = int(limb.levels.max()) + 1
    result = np.zeros((len(positions), count + 1))
    for level in range(1, count):
        here = limb.levels == level
        here &= np.isin(skeleton.parents[limb.left], limb.left[limb.levels == level - 1])
        if not here.any():
            continue
        left, right = limb.left[here], limb.right[here]
        above, beside = skeleton.parents[left], skeleton.parents[right]
        length = np.linalg.norm(skeleton.offsets[left], axis=-1)

        def error(joints: NDArray[np.int64], parents: NDArray[np.int64], length: Array = length) -> Array:
            found = np.linalg.norm(positions[:, joints] - positions[:, parents], axis=-1)
            return np.abs(found - length) / skeleton.size

        more = error(right, above) + error(left, beside) - error(left, above) - error(right, beside)
        known = (weights[:, [left, right, above, beside]] > 0.0).all(axis=1)
        result[:, level] = np.where(known, np.clip(0.5 * more, -MOST_JUMP, MOST_JUMP), 0.0).mean(axis=1)
    return result


def _cheapest_path(jumps: Array, stretch: Array) -> tuple[NDArray[np.int64], float]:
    """(T,) cuts of the cheapest path and what it saves against never exchanging.

    Viterbi over pairs of cuts of two neighbouring frames.
    """
    frames, cuts = stretch.shape
    levels = cuts - 1
    exchanged = (np.arange(levels) >= np.arange(cuts)[:, None]).astype(int)
    cost = np.zeros((frames - 2, cuts, cuts, cuts))
    for level in range(levels):
        state = exchanged[:, level]
        cost += jumps[:, level][:, state[:, None, None], state[:, None], state]
    change = CHANGE_COST * (1.0 - np.eye(cuts))
    own = stretch + EXCHANGED_COST * (np.arange(cuts) < levels)
    total = own[0][:, None] + own[1] + change
    came_from = np.zeros((frames, cuts, cuts), np.int64)
    for t in range(2, frames):
        # [a, b, c]: cuts of the frames t - 2, t - 1 and t.
        options = total[:, :, None] + cost[t - 2] + change + own[t]
        came_from[t] = options.argmin(axis=0)
        total = options.min(axis=0)
    path = np.zeros(frames, np.int64)
    path[-2], path[-1] = np.unravel_index(int(total.argmin()), total.shape)
    for t in range(frames - 1, 1, -1):
        path[t - 2] = came_from[t, path[t - 1], path[t]]
    return path, float(cost[:, -1, -1, -1].sum() + own[:, -1].sum() - total.min())


def _faces_otherwise(
    skeleton: Skeleton, positions: Array, weights: Array, limb: _Limbs, exchanged: NDArray[np.bool_]
) -> bool:
    """Whether the limbs, put back where ``exchanged``, begin on the wrong sides of the body around them."""
    first = np.array([limb.left[0], limb.right[0]])
    expected, known = _places_by_body(skeleton, positions, weights, limb)
    known &= (weights[:, first] > 0.0).all(axis=1)
    if not known.any():
        return False
    places = positions[:, first]
    errors = [np.linalg.norm(p - expected, axis=-1).mean(axis=1)[known] for p in (places, places[:, ::-1])]
    as_found = np.where(exchanged[known], errors[1], errors[0])
    other = np.where(exchanged[known], errors[0], errors[1])
    return bool(np.median(other) < CLEARLY_BETTER * np.median(as_found))


def _places_by_body(
    skeleton: Skeleton, positions: Array, weights: Array, limb: _Limbs
) -> tuple[Array, NDArray[np.bool_]]:
    """(T, 2, 3) where the body around them has the limbs' first joints, and whether it can tell (T,)."""
    rest, first = skeleton.rest_positions, np.array([limb.left[0], limb.right[0]])
    others = np.setdiff1d(np.arange(skeleton.joint_count), np.concatenate([limb.left, limb.right]))
    away = np.linalg.norm(rest[others] - rest[first].mean(axis=0), axis=1)
    near = others[np.argsort(away, kind="stable")[:NEIGHBOURS]]
    share = (weights[:, near] > 0.0).astype(float)
    total = np.maximum(share.sum(axis=1, keepdims=True), 1.0)
    rest_center = share @ rest[near] / total
    seen_center = np.einsum("tn,tnc->tc", share, positions[:, near]) / total
    rest_arms = share[..., None] * (rest[near] - rest_center[:, None])
    arms = positions[:, near] - seen_center[:, None]
    # Joints along one line leave the turn about it open, and with it left and right.
    spread = np.linalg.svd(np.swapaxes(rest_arms, -1, -2) @ rest_arms, compute_uv=False)
    known = (share.sum(axis=1) >= 3) & (spread[:, 1] > LEAST_BREADTH * np.maximum(spread[:, 0], 1e-12))
    moments = np.where(known[:, None, None], np.swapaxes(arms, -1, -2) @ rest_arms, np.eye(3))
    back = np.swapaxes(nearest_rotation(moments), -1, -2)
    # Nor do joints that move against each other tell anything.
    misfit = share * np.linalg.norm(rest_arms @ back - arms, axis=-1)
    known &= misfit.max(axis=1) < STIFF * skeleton.size
    return seen_center[:, None] + (rest[first] - rest_center[:, None]) @ back, known
