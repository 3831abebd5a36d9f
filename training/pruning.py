# SPDX-License-Identifier: GPL-3.0-or-later
"""Procedural creatures with fewer bones: artists give a fin, an ear or a tail none, one, or many."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.jobs.rig import Rig
from samples.creatures.creature import Creature
from samples.creatures.plan import Kind

FEWEST = {Kind.TAIL: 1, Kind.WING: 1, Kind.LEG: 2, Kind.ARM: 2}
"""Bones that a limb keeps, so that it still does what the creature's motions do with it."""
NEVER = (Kind.TRUNK, Kind.NECK, Kind.HEAD)


def random_pruning(creature: Creature, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(B,) the bones to keep: every sort of limb is cut off somewhere, left and right alike."""
    anatomy = creature.anatomy
    kept = np.ones(len(anatomy.names), bool)
    lengths: dict[int, int] = {}
    # From the outermost limbs inwards, for a bone that bears others stays.
    for limb in reversed(anatomy.limbs):
        if limb.kind in NEVER:
            continue
        count = len(limb.bones)
        if limb.part not in lengths:
            lengths[limb.part] = int(rng.integers(min(FEWEST.get(limb.kind, 0), count), count + 1))
        for bone in reversed(limb.bones[lengths[limb.part] :]):
            if (kept & (anatomy.parents == bone)).any():
                break
            kept[bone] = False
    return kept


def pruned(creature: Creature, kept: NDArray[np.bool_]) -> tuple[Rig, NDArray[np.intp]]:
    """The creature's rig with these bones only.

    Args:
        creature: Whom.
        kept: (B,) bones to keep, all parents of a kept bone among them. The skin of the others goes to the
            nearest kept bone above them.

    Returns:
        The rig of J joints, and (J,) the bone of each joint; a leaf's tail joint has its bone. Joints that
        remain move as before.
    """
    rig, anatomy = creature.rig, creature.anatomy
    bones = np.flatnonzero(kept)
    leaves = np.setdiff1d(bones, anatomy.parents[bones])
    order = np.concatenate([bones, leaves])
    is_tail = np.arange(len(order)) >= len(bones)
    number = np.cumsum(kept) - 1
    for bone in np.flatnonzero(~kept):  # parents stand before their children
        number[bone] = number[anatomy.parents[bone]]
    limits = rig.limits[order].copy()
    limits[is_tail] = [-np.inf, np.inf]
    parents = np.where(is_tail, number[order], number[np.maximum(anatomy.parents[order], 0)])
    parents[0] = -1
    skin_joints, skin_weights = _merged(number[rig.skin_joints], rig.skin_weights)
    small = replace(
        rig,
        joint_names=tuple(anatomy.names[b] for b in order),
        is_tail=is_tail,
        parents=parents.astype(np.int32),
        rest_positions=np.where(is_tail[:, None], anatomy.tails[order], anatomy.heads[order]),
        rest_rotations=rig.rest_rotations[order],
        limits=limits,
        locked_rotation=rig.locked_rotation[order],
        can_translate=rig.can_translate[order] & ~is_tail,
        skin_joints=skin_joints,
        skin_weights=skin_weights,
    )
    return small, order


def _merged(
    joints: NDArray[np.intp], weights: NDArray[np.float32]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Skin (V, 4) with the weights of a joint that a row names twice put together at its first mention."""
    weights = weights.copy()
    for later in range(1, joints.shape[1]):
        for first in range(later):
            same = joints[:, later] == joints[:, first]
            weights[same, first] += weights[same, later]
            weights[same, later] = 0.0
    return joints.astype(np.int32), weights
