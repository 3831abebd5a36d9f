# SPDX-License-Identifier: GPL-3.0-or-later
"""Limbs of a body: what hangs on it in mirrored pairs, and the chains along its middle such as neck and
tail."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .body import Body

SMALLEST_LIMB = 0.01
"""Share of the surface: ears and fingers are not worth the time."""
MOST_PAIRS = 4
LARGEST_CHAIN = 0.4
"""Share of the surface: more is the trunk."""
SHORTEST_CHAIN = 0.2
"""Of the body's size."""
HANGS = 0.7
"""Cosine between a limb and straight down from which on it is a leg."""


@dataclass(frozen=True, eq=False)
class LimbPair:
    """Two limbs that mirror each other."""

    left: NDArray[np.intp]
    """(n,) joints of one side, the one that the limb hangs on first."""
    right: NDArray[np.intp]
    """(n,) their partners, in the same order."""

    @property
    def both(self) -> NDArray[np.intp]:
        """(2n,)."""
        return np.concatenate([self.left, self.right])


def limb_pairs(body: Body) -> list[LimbPair]:
    """Pairs of mirrored limbs, the largest first."""
    if body.symmetry is None:
        return []
    skeleton, partners = body.skeleton, body.symmetry.partners
    share = skeleton.is_ancestor @ body.mesh.joint_share
    pairs = []
    for joint in range(skeleton.joint_count):
        other, parent = int(partners[joint]), int(skeleton.parents[joint])
        if other <= joint or parent < 0 or skeleton.parents[other] != parent:
            continue
        # What only one side has, such as a weapon, stays out of it.
        left = np.nonzero(skeleton.is_ancestor[joint] & skeleton.is_ancestor[other][partners])[0]
        if share[joint] >= SMALLEST_LIMB:
            pairs.append((float(share[joint]), LimbPair(left, partners[left])))
    pairs.sort(key=lambda p: -p[0])
    return [pair for _, pair in pairs[:MOST_PAIRS]]


def legs(body: Body) -> list[LimbPair]:
    """Pairs of limbs that point down in rest pose, the largest first."""
    return [pair for pair in limb_pairs(body) if _hangs(body, pair)]


def main_chain(body: Body, joint: int) -> NDArray[np.intp]:
    """Joints from one down to the tip that lies farthest away in rest pose."""
    skeleton = body.skeleton
    below = np.nonzero(skeleton.is_ancestor[joint])[0]
    away = np.linalg.norm(skeleton.rest_positions[below] - skeleton.rest_positions[joint], axis=1)
    chain = [int(below[away.argmax()])]
    while chain[-1] != joint:
        chain.append(int(skeleton.parents[chain[-1]]))
    return np.array(chain[::-1])


def middle_chains(body: Body) -> list[NDArray[np.intp]]:
    """Long thin chains in the plane of symmetry: neck with head, tail, trunk of an elephant."""
    if body.symmetry is None:
        return []
    skeleton, partners = body.skeleton, body.symmetry.partners
    share = skeleton.is_ancestor @ body.mesh.joint_share
    on_plane = partners == np.arange(skeleton.joint_count)
    chains = []
    for joint in np.nonzero(on_plane & (share < LARGEST_CHAIN) & (share >= SMALLEST_LIMB))[0]:
        parent = int(skeleton.parents[joint])
        if parent < 0 or (
            on_plane[parent] and SMALLEST_LIMB <= share[parent] < LARGEST_CHAIN and parent != 0
        ):
            continue
        chain = main_chain(body, int(joint))
        length = np.linalg.norm(skeleton.rest_positions[chain[-1]] - skeleton.rest_positions[joint])
        if length >= SHORTEST_CHAIN * body.size:
            chains.append(chain)
    return chains


def _hangs(body: Body, pair: LimbPair) -> bool:
    chain = main_chain(body, int(pair.left[0]))
    along = body.skeleton.rest_positions[chain[-1]] - body.skeleton.rest_positions[chain[0]]
    return float(along @ -body.up) > HANGS * max(float(np.linalg.norm(along)), 1e-9)
