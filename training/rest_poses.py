# SPDX-License-Identifier: GPL-3.0-or-later
"""Other rest poses for the same motion.

A procedural creature rests as it stands, so that its rotations are small. Artists rest their rigs as they
like, arms straight out or legs apart, and half of a rotation is the way from there to where the limb
always is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik.rotations import exp
from mocapanything_addon.models.skinning import skinned
from samples.creatures.creature import Creature
from samples.creatures.plan import Kind

from .motion import forward_kinematics, local_rotations
from .pack import Pack

Array = NDArray[np.float64]
MOST_SPREAD = 26.0
"""Standard deviation about each axis, degrees, of the most unusual rest poses. With spreads from 0 to this
the joints of procedural clips turn about as far from rest as those of artists' clips."""
TRUNK_SHARE = 0.3
"""Of the spread, for what bears the limbs."""


def random_rest_pose(creature: Creature, rng: np.random.Generator) -> Array:
    """(B, 3, 3) local rotations of the creature's bones, mirrored left and right; the root stays."""
    spread = np.radians(rng.uniform(0.0, MOST_SPREAD))
    bends = np.zeros((len(creature.anatomy.names), 3))
    by_part: dict[int, Array] = {}
    for limb in creature.anatomy.limbs:
        share = TRUNK_SHARE if limb.kind in (Kind.TRUNK, Kind.NECK, Kind.HEAD) else 1.0
        if limb.part not in by_part:
            drawn = rng.normal(size=(len(limb.bones), 3)) * spread * share
            # About y a left limb turns outwards by negative angles: at rest limbs are apart, never crossed.
            drawn[0, 1] = -abs(drawn[0, 1])
            by_part[limb.part] = drawn
        # The mirror image of a turn keeps its part about the mirror's normal, x, and reverses the others.
        sides = {1: [1.0, 1.0, 1.0], -1: [1.0, -1.0, -1.0], 0: [1.0, 0.0, 0.0]}
        bends[list(limb.bones)] = by_part[limb.part] * sides[limb.side]
    bends[0] = 0.0
    return exp(bends)


def with_rest_pose(pack: Pack, local: Array) -> Pack:
    """The same motion of the same creature from another rest pose.

    Args:
        pack: Whose joints and skin.
        local: (J, 3, 3) the new rest pose as rest-relative local rotations; the identity for root and tails.
    """
    rest = pack.rest_positions
    offsets = rest - rest[np.maximum(pack.parents, 0)]
    turned, places = forward_kinematics(pack.parents, offsets, local, rest[0])
    vertices = skinned(
        pack.vertices.astype(float), pack.skin_joints, pack.skin_weights.astype(float), rest, turned, places
    )
    clips = []
    for clip in pack.clips:
        frames = clip.rotations.astype(float)
        posed = forward_kinematics(pack.parents, offsets, frames, clip.root_positions.astype(float))[0]
        # D = D' C, with C the turn of the new rest pose against the old one.
        rotations = local_rotations(pack.parents, posed @ np.swapaxes(turned, -1, -2))
        rotations[:, pack.is_tail] = np.eye(3)
        clips.append(replace(clip, rotations=rotations.astype(np.float32)))
    return replace(pack, rest_positions=places, vertices=vertices.astype(np.float32), clips=tuple(clips))
