# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinematic tree that really drives a mesh, found from bones and skin weights.

Rigs in the wild are not kinematic trees: feet and poles hang on the armature's root bone for the sake of
IK, bones above the body carry no skin, control bones stand between. What is kept is what moves the mesh.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .bone_chain import BoneChain

Array = NDArray[np.float64]

KEPT_SHARE = 1e-3
"""A bone is a joint when it and everything below it carry more than this share of all skin weight."""
ROOT_SHARE = 1e-2
"""The body root is the first bone from the top with at least this share of its own, or which branches."""
MAIN_SHARE = 0.6
"""A weightless bone does not branch when one child carries at least this share of what hangs below it."""
TRUNK_SHARE = 0.5
"""A bone that still carries this share of what hangs below the bone it descends from is trunk, not limb."""
LARGEST_LIMB = 0.2
"""A loose part with more than this share of all skin weight is no hand or foot: it hangs on the body root."""
COINCIDENT = 0.01
"""Closer than this share of the rig's size, a bone's head stands at another bone's tail."""
SHARED_SKIN = 1e-3
"""Bones whose skin runs into each other share at least this much of it, as a share of the loose one's own."""


@dataclass(frozen=True, eq=False)
class JointTree:
    """N joints (without tail joints), parents before children, joint 0 the body root."""

    bones: NDArray[np.int64]
    """(N,) the bone whose head each joint is."""
    parents: NDArray[np.int64]
    """(N,) kinematic parent, -1 for joint 0 only."""
    is_loose: NDArray[np.bool_]
    """(N,) the joint was attached here although its bone hangs elsewhere."""
    joint_of_bone: NDArray[np.int64]
    """(B,) the joint that takes over each bone's skin: its own, or the one it moves with."""

    def can_move_alone(self, chain: BoneChain) -> NDArray[np.bool_]:
        """(N,) False for a loose joint whose bone is connected to the one it hangs on in Blender."""
        return ~(self.is_loose & chain.connected[self.bones])


def joint_tree(chain: BoneChain, weights: Array, shared_skin: Array) -> JointTree:
    """Find the effective kinematic tree.

    Args:
        chain: B bones.
        weights: (B,) skin weight that each bone carries, in any unit; at least one is positive.
        shared_skin: (B, B) how much surface two bones move together; symmetric, any unit.

    Raises:
        ValueError: no bone carries weight.
    """
    if not (weights > 0).any():
        raise ValueError("no bone carries skin weight")
    carried = weights.astype(float)
    for bone in range(len(chain) - 1, -1, -1):
        if chain.parents[bone] >= 0:
            carried[chain.parents[bone]] += carried[bone]
    total = float(weights.sum())
    children: dict[int, list[int]] = {bone: [] for bone in range(-1, len(chain))}
    kept = [int(bone) for bone in np.nonzero(carried > KEPT_SHARE * total)[0]]
    for bone in kept:
        children[int(chain.parents[bone])].append(bone)

    attach = _Attacher(chain, shared_skin, children)
    root = _body_root(children, carried, weights, total, attach)
    main = _below(root, children)
    above = set(chain.ancestors(root))
    parent_of = {bone: int(chain.parents[bone]) for bone in main} | {root: -1}
    loose = []
    for top in kept:
        if top in parent_of or top in above or int(chain.parents[top]) not in above | {-1}:
            continue
        loose.append(top)
        for bone in _below(top, children):
            parent_of[bone] = int(chain.parents[bone])
    for top in loose:
        is_limb_end = carried[top] <= LARGEST_LIMB * total
        parent_of[top] = attach.find(top, main, list(parent_of)) if is_limb_end else root
    _break_rings(parent_of, loose, root)
    return _ordered(chain, parent_of, root, loose, above, attach)


class _Attacher:
    """Which bone a loose one belongs to, judged by where it stands in rest pose and by the skin."""

    def __init__(self, chain: BoneChain, shared_skin: Array, children: dict[int, list[int]]) -> None:
        self.heads, self.tails = chain.heads, chain.tails
        self.reach = COINCIDENT * float(np.ptp(np.concatenate([self.heads, self.tails]), axis=0).max())
        self.shared_skin = shared_skin
        self.children = children

    def find(self, bone: int, candidates: list[int], others: list[int] | None = None) -> int:
        """The bone at whose tail it starts, else the one whose skin runs into its own, else the nearest head.

        Args:
            bone: What is to be attached.
            candidates: Bones that it may be attached to.
            others: Bones that it may be attached to only where it starts at their tail.
        """
        own = _below(bone, self.children)
        ends = [b for b in (others or candidates) if b not in own]
        gaps = np.linalg.norm(self.tails[ends] - self.heads[bone], axis=1)
        if gaps.min() <= self.reach:
            return ends[int(gaps.argmin())]
        shared = self.shared_skin[np.ix_(own, candidates)].sum(axis=0)
        if shared.max() > SHARED_SKIN * self.shared_skin[np.ix_(own, own)].sum():
            return candidates[int(shared.argmax())]
        return self.nearest(bone, candidates)

    def nearest(self, bone: int, candidates: list[int]) -> int:
        """The candidate with the nearest head."""
        return candidates[int(np.linalg.norm(self.heads[candidates] - self.heads[bone], axis=1).argmin())]


def _below(bone: int, children: dict[int, list[int]]) -> list[int]:
    """The bone and its kept descendants, depth first."""
    result, waiting = [], [bone]
    while waiting:
        bone = waiting.pop()
        result.append(bone)
        waiting.extend(reversed(children[bone]))
    return result


def _body_root(
    children: dict[int, list[int]], carried: Array, weights: Array, total: float, attach: _Attacher
) -> int:
    """Walk down from the top until a bone carries skin itself or really branches."""
    root = max(children[-1], key=lambda b: carried[b])
    while weights[root] < ROOT_SHARE * total and children[root]:
        main = max(children[root], key=lambda b: carried[b])
        if carried[main] < MAIN_SHARE * carried[root]:
            break
        members = _below(main, children)
        # A sibling that belongs to the trunk (a thigh beside the spine) makes this bone the hips; one that
        # belongs to a limb further out (an IK foot at the end of a shin) hangs here for other reasons.
        siblings = [c for c in children[root] if c != main]
        at = [f(c, members) for c in siblings for f in (attach.find, attach.nearest)]
        if any(carried[b] >= TRUNK_SHARE * carried[main] for b in at):
            break
        root = main
    return root


def _break_rings(parent_of: dict[int, int], loose: list[int], root: int) -> None:
    """Loose bones can stand at each other's tails: the first one found on such a ring goes to the root."""
    for top in loose:
        seen, bone = set(), top
        while bone >= 0 and bone not in seen:
            seen.add(bone)
            bone = parent_of[bone]
        if bone >= 0:
            parent_of[top] = root


def _ordered(
    chain: BoneChain,
    parent_of: dict[int, int],
    root: int,
    loose: list[int],
    above: set[int],
    attach: _Attacher,
) -> JointTree:
    children: dict[int, list[int]] = {b: [] for b in parent_of}
    for bone in sorted(parent_of):
        if bone != root:
            children[parent_of[bone]].append(bone)
    bones = _below(root, children)
    joint = {bone: j for j, bone in enumerate(bones)}
    joint_of_bone = np.zeros(len(chain), np.int64)
    for bone in range(len(chain)):
        if bone in joint:
            joint_of_bone[bone] = joint[bone]
        elif bone in above:
            joint_of_bone[bone] = 0
        elif any(a in joint for a in chain.ancestors(bone)):
            joint_of_bone[bone] = joint[next(a for a in chain.ancestors(bone) if a in joint)]
        elif chain.parents[bone] >= 0 and int(chain.parents[bone]) not in above:
            joint_of_bone[bone] = joint_of_bone[chain.parents[bone]]
        else:
            joint_of_bone[bone] = joint[attach.nearest(bone, bones)]
    return JointTree(
        bones=np.array(bones, np.int64),
        parents=np.array([joint.get(parent_of[b], -1) for b in bones], np.int64),
        is_loose=np.isin(bones, loose),
        joint_of_bone=joint_of_bone,
    )
