# SPDX-License-Identifier: GPL-3.0-or-later
"""A first pose from joint positions by geometry alone, so that the solver starts in the right valley.

Each joint, from the root outwards, takes the rotation that best turns the rest offsets of the joints below it
to where those were seen (a weighted Kabsch fit, Wahba's problem), with the joint's expected rotation as one
more, faint observation. That one observation decides whatever the others leave open: the twist of a joint
whose children lie on one line (the fit then is the smallest swing), and all of a joint with nothing seen
below it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d

from .. import rotations
from ..limits.best_turn import best_turns
from ..limits.ranges import clamped, with_translations_inside
from ..motion import Motion
from ..skeleton import Skeleton

Array = NDArray[np.float64]
GENERATIONS = 3
"""How far below a joint others tell of its rotation."""
TRUST_PER_GENERATION = 0.01
"""Weight of a grandchild against a child: it counts where the child was not seen or leaves the twist open."""
ROOT_TRUST_PER_GENERATION = 0.1
"""The body around the root is stiffer than a limb."""
LOOSE_TRUST = 0.01
"""Weight of a joint that may move away from its parent, against one that may not."""
EXPECTED_TRUST = 1e-3
"""Weight of the expected rotation against all that was seen: children within 3 % of one line leave it the
twist.
"""

EXPECTED_SIGMA = 0.5
"""Radians, how far the expected rotation may be off: what noisy observations have to be better than."""


class _Supports(NamedTuple):
    """Pairs of a joint and one below it, grouped by joint."""

    joints: NDArray[np.int64]
    """(n,) the joints that have any, rising."""
    starts: NDArray[np.int64]
    """(n,) where each joint's pairs begin."""
    above: NDArray[np.int64]
    below: NDArray[np.int64]
    trust: Array


def geometric_start(
    skeleton: Skeleton, targets: Array, weights: Array, expected: Array | None = None, noise: float = 0.0
) -> Motion:
    """A motion inside the limits.

    Args:
        skeleton: the joints.
        targets: (T, J, 3) armature space; finite where the weight is not 0.
        weights: (T, J) confidence, 0 where the joint was not seen.
        expected: (T, J, 3, 3) expected local rotations; None: rest.
        noise: standard deviation of a coordinate of the targets, armature units; targets without are taken as
            they are, others smoothed in time.
    """
    frames, count = weights.shape
    if noise > 0.0:
        targets, weights = _smoothed(targets, weights)
    if expected is None:
        expected = np.broadcast_to(np.eye(3), (frames, count, 3, 3))
    turned = np.empty((frames, count, 3, 3))
    positions = np.zeros((frames, count, 3))
    moved = np.zeros((frames, count, 3))
    local_rotations = np.array(expected)
    for root in skeleton.roots:
        moved[:, root], turn = _place_root(skeleton, int(root), targets, weights, expected[:, root], noise)
        turned[:, root] = clamped(skeleton, np.array([root]), turn[:, None])[:, 0]
        local_rotations[:, root] = turned[:, root]
        positions[:, root] = skeleton.rest_positions[root] + moved[:, root]
    for generation in skeleton.generations:
        parents = skeleton.parents[generation]
        away = (
            np.swapaxes(turned[:, parents], -1, -2)
            @ (targets[:, generation] - positions[:, parents])[..., None]
        )
        for column in np.nonzero(skeleton.can_translate[generation])[0]:
            joint = generation[column]
            gone = away[:, column, :, 0] - skeleton.offsets[joint]
            moved[:, joint] = _filled_in(gone, weights[:, joint] > 0.0)
        offsets = skeleton.offsets[generation] + moved[:, generation]
        positions[:, generation] = positions[:, parents] + (turned[:, parents] @ offsets[..., None])[..., 0]
        carried = turned[:, parents]
        moments = carried @ expected[:, generation]
        supports = _supports(skeleton, generation)
        if len(supports.joints):
            seen = np.where(weights[..., None] > 0.0, targets, positions)
            toward = targets[:, supports.below] - seen[:, supports.above]
            rest = skeleton.rest_positions[supports.below] - skeleton.rest_positions[supports.above]
            trust = weights[:, supports.below] * supports.trust
            column = np.searchsorted(generation, supports.joints)
            moments[:, column] = _moments(
                rest[None], toward, trust, supports.starts, moments[:, column], noise
            )
        local = best_turns(skeleton, generation, carried.swapaxes(-1, -2) @ moments)
        local_rotations[:, generation] = local
        turned[:, generation] = rotations.without_drift(carried @ local)
    translation = moved[:, skeleton.root].copy()
    moved[:, skeleton.root] = 0.0
    others = moved if len(skeleton.translating) else None
    return with_translations_inside(skeleton, Motion(translation, local_rotations, others))


def _filled_in(values: Array, known: NDArray[np.bool_]) -> Array:
    """(T, 3) with the frames that are not known between the others; zero where none is known."""
    if not known.any():
        return np.zeros_like(values)
    frames = np.arange(len(values))
    columns = [np.interp(frames, frames[known], values[known, axis]) for axis in range(values.shape[1])]
    return np.stack(columns, axis=1)


def _smoothed(targets: Array, weights: Array) -> tuple[Array, Array]:
    """Weighted means over five frames (1 4 6 4 1): twists that hang on little then do not jump from noise."""
    kernel = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0
    total = convolve1d(weights, kernel, axis=0, mode="constant")
    sums = convolve1d(weights[..., None] * targets, kernel, axis=0, mode="constant")
    return sums / np.where(total > 0.0, total, 1.0)[..., None], total


def _supports(skeleton: Skeleton, joints: NDArray[np.int64]) -> _Supports:
    pairs: list[tuple[int, int, float]] = []
    loose = _loose_joints_above(skeleton)
    for joint in joints:
        generation, trust = skeleton.children[joint], 1.0
        for _ in range(GENERATIONS):
            trusts = trust * LOOSE_TRUST ** (loose[generation] - float(loose[joint]))
            pairs += [(int(joint), int(child), t) for child, t in zip(generation, trusts, strict=True)]
            trust *= TRUST_PER_GENERATION
            generation = np.concatenate([np.zeros(0, int), *(skeleton.children[c] for c in generation)])
    above, below, shares = (
        (np.array(column) for column in zip(*pairs, strict=True)) if pairs else np.zeros((3, 0))
    )
    above, below = above.astype(int), below.astype(int)
    with_any, starts = np.unique(above, return_index=True)
    return _Supports(with_any, starts, above, below, shares)


def _loose_joints_above(skeleton: Skeleton) -> NDArray[np.int64]:
    """(J,) how many joints from the root to each, itself included, may move away from their parent."""
    return skeleton.is_ancestor[skeleton.translating].sum(axis=0)


def _moments(
    rest: Array, seen: Array, trust: Array, starts: NDArray[np.int64], expected: Array, noise: float
) -> Array:
    """Moment matrices (T, n, 3, 3) of the turns from ``rest`` (1 or T, m, 3) to ``seen`` (T, m, 3), m pairs
    in n groups.
    """
    seen = np.where(trust[..., None] > 0.0, seen, 0.0)
    outer = (trust[..., None] * seen)[..., :, None] * rest[..., None, :]
    strength = trust * np.linalg.norm(seen, axis=-1) * np.linalg.norm(rest, axis=-1)
    total = np.add.reduceat(strength, starts, axis=1)
    most = np.maximum.reduceat(trust, starts, axis=1)
    faint = np.where(total > 0.0, EXPECTED_TRUST * total + most * (noise / EXPECTED_SIGMA) ** 2, 1.0)
    return np.add.reduceat(outer, starts, axis=1) + faint[..., None, None] * expected


def _place_root(
    skeleton: Skeleton, root: int, targets: Array, weights: Array, expected: Array, noise: float
) -> tuple[Array, Array]:
    """Translation (T, 3) and rotation (T, 3, 3) of a root; frames where nothing was seen go between others.

    On some rigs the root is a bone on the ground and the hips are its child, or its child's: generations are
    counted from where the tree first branches, so that the body around the hips tells how the root is turned.
    """
    frames = len(weights)
    seen = weights > 0.0
    stiff = skeleton.depths[_first_branching(skeleton, root)] + 1
    generations = np.maximum(skeleton.depths - float(stiff), 0.0)
    loose = _loose_joints_above(skeleton)
    rigid = LOOSE_TRUST ** (loose - float(loose[root]))
    trust = weights * skeleton.is_ancestor[root] * ROOT_TRUST_PER_GENERATION**generations * rigid
    total = trust.sum(axis=1)
    known = total > 0.0
    if not known.any():
        return np.zeros((frames, 3)), np.array(expected)
    share = trust / np.where(known, total, 1.0)[:, None]
    places = np.where(seen[..., None], targets, 0.0)
    rest_center = share @ skeleton.rest_positions
    center = np.einsum("tj,tjc->tc", share, places)
    rest = skeleton.rest_positions - rest_center[:, None]
    moments = _moments(rest, places - center[:, None], trust, np.zeros(1, int), expected[:, None], noise)
    turned = best_turns(skeleton, np.array([root]), moments)[:, 0]
    arm = (turned @ (skeleton.rest_positions[root] - rest_center)[..., None])[..., 0]
    translation = center + arm - skeleton.rest_positions[root]
    if not known.all():
        times, all_times = np.nonzero(known)[0].astype(float), np.arange(frames, dtype=float)
        turned = rotations.resample(times, turned[known], all_times)
    if not skeleton.can_translate[root]:
        return np.zeros((frames, 3)), turned
    return _filled_in(translation, known), turned


def _first_branching(skeleton: Skeleton, root: int) -> int:
    """The first joint from a root downwards that has several children; the root itself where none does
    within a few generations.
    """
    joint = root
    for _ in range(GENERATIONS):
        children = skeleton.children[joint]
        if len(children) != 1:
            break
        joint = int(children[0])
    return joint if len(skeleton.children[joint]) > 1 else root
