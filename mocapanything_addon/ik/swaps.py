# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames in which left and right limbs traded places, a tracker's classic failure: found and undone.

A limb and its mirror image are followed through the clip together. In every frame the two are either as named
or exchanged, and the cheapest sequence of the two is found by dynamic programming (Viterbi). It pays for
joints whose velocity jumps, for joints that are not where the rest of the body has them, and for every
exchange. Limbs are looked at from the trunk outwards, each with all that hangs below it: an exchange that
begins at the knees is found there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .mirror import find_mirror
from .rotations import nearest_rotation
from .skeleton import Skeleton

Array = NDArray[np.float64]
EXCHANGE_COST = 0.15
"""What the beginning or the end of an exchange costs, in sizes of the skeleton a joint."""
MOST_JUMP = 0.5
"""A joint's jump counts as this much at most, in sizes of the skeleton."""
SHAPE_COST = 0.5
"""Of being off the rig's distances, against the same length of a jump."""
EXCHANGED_COST = 0.002
"""A frame, so that of two ways that cost the same the one with fewer exchanged frames is taken."""
LEAST_GAIN = 0.1
"""Of exchanging against leaving all as it is, in sizes of the skeleton a joint."""
LEAST_BREADTH = 0.02
"""Of those neighbours, share of their spread along their longest side, squared."""
NEIGHBOURS = 6
"""Joints of the trunk that show which way the body faces where a limb begins."""


class UndoneSwaps(NamedTuple):
    """Positions with limbs put back where they belong."""

    positions: Array
    """(T, J, 3)."""
    weights: Array
    """(T, J)."""
    swapped: NDArray[np.bool_]
    """(T, C) frames in which each pair of chains had been exchanged."""
    pairs: NDArray[np.int64]
    """(C, 2) the first joints of the two chains."""


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
    pairs = np.zeros((0, 2), np.int64) if mirror is None else _chain_pairs(skeleton, mirror.partners)
    swapped = np.zeros((frames, len(pairs)), bool)
    if mirror is None or frames < 3:
        return UndoneSwaps(positions, weights, swapped, pairs)
    for number, (left, right) in enumerate(pairs):
        chain = np.nonzero(skeleton.is_ancestor[left] & (mirror.partners >= 0))[0]
        pair = _Pair(chain, mirror.partners[chain], int(left), int(right))
        exchanged = _exchanged_frames(skeleton, positions, weights, pair)
        if exchanged.any():
            there, back = np.nonzero(exchanged)[0][:, None], np.concatenate([pair.right, pair.left])
            both = np.concatenate([pair.left, pair.right])
            positions[there, both] = positions[there, back]
            weights[there, both] = weights[there, back]
            swapped[:, number] = exchanged
    return UndoneSwaps(positions, weights, swapped, pairs)


class _Pair(NamedTuple):
    left: NDArray[np.int64]
    """(n,) joints of one chain."""
    right: NDArray[np.int64]
    """(n,) their partners."""
    first_left: int
    first_right: int


def _chain_pairs(skeleton: Skeleton, partners: NDArray[np.int64]) -> NDArray[np.int64]:
    """(C, 2) joints with partners, from the root outwards; of a chain without branches every joint."""
    order = np.argsort(skeleton.depths, kind="stable")
    return np.array([(j, partners[j]) for j in order if partners[j] > j], np.int64).reshape(-1, 2)


def _exchanged_frames(skeleton: Skeleton, positions: Array, weights: Array, pair: _Pair) -> NDArray[np.bool_]:
    """(T,) where the two chains are exchanged."""
    jumps = _jumps(positions, weights, pair, skeleton.size)
    shape = _shape_errors(skeleton, positions, weights, pair)
    path, gain = _cheapest_path(jumps, SHAPE_COST * shape + [0.0, EXCHANGED_COST])
    return path if gain > LEAST_GAIN else np.zeros_like(path)


def _jumps(positions: Array, weights: Array, pair: _Pair, size: float) -> Array:
    """(T - 2, 2, 2, 2) mean change of velocity of the chains' joints about a frame by the states of the frame
    before, the frame itself and the one after (1: exchanged), in sizes of the skeleton.
    """
    named = np.stack([positions[:, pair.left], positions[:, pair.right]], axis=1)
    seen = np.stack([weights[:, pair.left], weights[:, pair.right]], axis=1) > 0.0
    # [state][frame, chain, joint]
    versions, visible = (named, named[:, ::-1]), (seen, seen[:, ::-1])
    result = np.zeros((len(positions) - 2, 2, 2, 2))
    for a, b, c in np.ndindex(2, 2, 2):
        change = versions[a][:-2] - 2.0 * versions[b][1:-1] + versions[c][2:]
        known = visible[a][:-2] & visible[b][1:-1] & visible[c][2:]
        jump = np.minimum(np.linalg.norm(change, axis=-1) / size, MOST_JUMP)
        result[:, a, b, c] = np.where(known, jump, 0.0).sum(axis=(1, 2)) / (2 * len(pair.left))
    return result


def _shape_errors(skeleton: Skeleton, positions: Array, weights: Array, pair: _Pair) -> Array:
    """(T, 2) how far the chains' first joints are from where the rest of the body has them, by state."""
    size, partner_chain = skeleton.size, np.concatenate([pair.left, pair.right])
    first = np.array([pair.first_left, pair.first_right])
    parents = skeleton.parents[first]
    result = np.zeros((len(positions), 2))
    seen = (weights[:, first] > 0.0).all(axis=1)
    if parents[0] != parents[1]:
        # The bones from the chains above keep their lengths.
        lengths = np.linalg.norm(skeleton.offsets[first], axis=-1)
        known = seen & (weights[:, parents] > 0.0).all(axis=1)
        for state, joints in enumerate((first, first[::-1])):
            found = np.linalg.norm(positions[:, joints] - positions[:, parents], axis=-1)
            errors = np.minimum(np.abs(found - lengths) / size, MOST_JUMP).mean(axis=1)
            result[:, state] = np.where(known, errors, 0.0)
        return result
    expected, known = _places_by_trunk(skeleton, positions, weights, first, partner_chain)
    for state, joints in enumerate((first, first[::-1])):
        errors = np.linalg.norm(positions[:, joints] - expected, axis=-1) / size
        result[:, state] = np.where(known & seen, np.minimum(errors, MOST_JUMP).mean(axis=1), 0.0)
    return result


def _places_by_trunk(
    skeleton: Skeleton,
    positions: Array,
    weights: Array,
    first: NDArray[np.int64],
    chains: NDArray[np.int64],
) -> tuple[Array, NDArray[np.bool_]]:
    """(T, 2, 3) where the body around them has the chains' first joints, and whether it can tell (T,)."""
    rest = skeleton.rest_positions
    others = np.setdiff1d(np.arange(skeleton.joint_count), chains)
    center = rest[first].mean(axis=0)
    near = others[np.argsort(np.linalg.norm(rest[others] - center, axis=1), kind="stable")[:NEIGHBOURS]]
    share = (weights[:, near] > 0.0).astype(float)
    total = np.maximum(share.sum(axis=1, keepdims=True), 1.0)
    rest_center = share @ rest[near] / total
    seen_center = np.einsum("tn,tnc->tc", share, positions[:, near]) / total
    rest_arms = share[..., None] * (rest[near] - rest_center[:, None])
    arms = positions[:, near] - seen_center[:, None]
    moments = np.swapaxes(arms, -1, -2) @ rest_arms
    # Joints along one line leave the turn about it open, and with it left and right.
    spread = np.linalg.svd(np.swapaxes(rest_arms, -1, -2) @ rest_arms, compute_uv=False)
    known = (share.sum(axis=1) >= 3) & (spread[:, 1] > LEAST_BREADTH * np.maximum(spread[:, 0], 1e-12))
    turned = nearest_rotation(np.where(known[:, None, None], moments, np.eye(3)))
    arm = rest[first] - rest_center[:, None]
    return seen_center[:, None] + arm @ np.swapaxes(turned, -1, -2), known


def _cheapest_path(jumps: Array, shape: Array) -> tuple[NDArray[np.bool_], float]:
    """(T,) states of the cheapest path and what it saves against never exchanging.

    Viterbi over pairs of states of two neighbouring frames.
    """
    frames = len(shape)
    change = EXCHANGE_COST * np.array([[0.0, 1.0], [1.0, 0.0]])
    total = shape[0][:, None] + shape[1] + change
    came_from = np.zeros((frames, 2, 2), np.int64)
    for t in range(2, frames):
        # [a, b, c]: states of the frames t - 2, t - 1 and t.
        options = total[:, :, None] + jumps[t - 2] + change + shape[t]
        came_from[t] = options.argmin(axis=0)
        total = options.min(axis=0)
    before, last = np.unravel_index(int(total.argmin()), (2, 2))
    path = np.zeros(frames, bool)
    path[-1], path[-2] = bool(last), bool(before)
    for t in range(frames - 1, 1, -1):
        path[t - 2] = bool(came_from[t, int(path[t - 1]), int(path[t])])
    plain = float(jumps[:, 0, 0, 0].sum() + shape[:, 0].sum())
    return path, plain - float(total.min())
