# SPDX-License-Identifier: GPL-3.0-or-later
"""Products with, and solves of, the part of the normal equations that does not reach from frame to frame.

Evidence about bodies is a 6 x 6 matrix on each body's spatial velocity (w, v), which the blocks above it add
up to: a second derivative of the cost plays the part that inertia plays in dynamics. The articulated-body
algorithm (R. Featherstone, "Rigid Body Dynamics Algorithms", chapter 7) then solves a frame of B blocks in
O(B), eliminating the tree from its leaves to its roots, all frames at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .block_tree import BlockTree

Array = NDArray[np.float64]
LEAST_PIVOT = 1e-14
"""Share of a diagonal entry that elimination has to leave."""


class BodyEvidence:
    """H of every frame: S^T (sum of inertias below) S + K, unknowns (3, B, T) in the order of the tree."""

    def __init__(self, tree: BlockTree, twists: Array, bodies: Array | None, own: Array) -> None:
        """
        Args:
            tree: of the blocks.
            twists: (T, B, 6, 3) S, see :attr:`State.twists`.
            bodies: (T, J, 6, 6) second derivative of the cost by the bodies' spatial velocities; None: zero.
            own: (T, B, 3, 3) K, second derivative by the blocks themselves.
        """
        self.tree = tree
        self.twists = np.ascontiguousarray(twists[:, tree.blocks].transpose(2, 3, 1, 0))
        """(6, 3, B, T)."""
        self.own = np.ascontiguousarray(own[:, tree.blocks].transpose(2, 3, 1, 0))
        """(3, 3, B, T)."""
        self.inertias: Array | None = None
        """(6, 6, B, T) of what moves with a block and with none below it."""
        if bodies is not None:
            frames = len(bodies)
            self.inertias = np.zeros((6, 6, len(tree.blocks), frames))
            single = np.bincount(tree.holders, minlength=len(tree.blocks)) <= 1
            alone = single[tree.holders]
            across = bodies.transpose(2, 3, 1, 0)
            self.inertias[:, :, tree.holders[alone]] = across[:, :, alone]
            for body in np.nonzero(~alone)[0]:
                self.inertias[:, :, tree.holders[body]] += across[:, :, body]

    def multiply(self, step: Array) -> Array:
        """H x for a step (3, B, T)."""
        result = np.einsum("cdbt,dbt->cbt", self.own, step)
        if self.inertias is not None:
            velocities = np.einsum("acbt,cbt->abt", self.twists, step)
            self.tree.sum_down(velocities)
            forces = np.einsum("adbt,dbt->abt", self.inertias, velocities)
            self.tree.sum_up(forces)
            result += np.einsum("acbt,abt->cbt", self.twists, forces)
        return result


class ArticulatedBodies:
    """The inverse of :class:`BodyEvidence`, eliminated once and applied many times."""

    def __init__(self, evidence: BodyEvidence, damping: Array, held: NDArray[np.bool_]) -> None:
        """
        Args:
            evidence: H.
            damping: (3, B, T) added to the diagonal.
            held: (3, B, T) unknowns taken out of the system.

        Raises:
            numpy.linalg.LinAlgError: H with the damping is not positive definite; the message names the
                frame.
        """
        self.tree = evidence.tree
        self.held = held if held.any() else None
        own = evidence.own.copy()
        diagonal = np.arange(3)
        own[diagonal, diagonal] += damping
        twists = evidence.twists
        if self.held is not None:
            free = ~held
            twists = twists * free
            own *= free[:, None] & free
            own[diagonal, diagonal] += held
        self.twists = twists
        self.inverses = np.empty_like(own)
        """(3, 3, B, T) of the blocks as they are eliminated."""
        self.carried: Array | None = None
        """(6, 3, B, T) force that a unit of a block's unknowns needs, times the inverse."""
        if evidence.inertias is None:
            self.inverses[:] = _inverse(own)
            return
        inertias = evidence.inertias.copy()
        self.carried = np.empty_like(twists)
        for generation in [*reversed(self.tree.generations), None]:
            nodes = slice(0, self.tree.generations[0].nodes.start if self.tree.generations else own.shape[2])
            nodes = nodes if generation is None else generation.nodes
            inertia, twist = inertias[:, :, nodes], twists[:, :, nodes]
            force = np.einsum("adbt,dcbt->acbt", inertia, twist)
            block = own[:, :, nodes] + np.einsum("acbt,adbt->cdbt", twist, force)
            inverse = self.inverses[:, :, nodes] = _inverse(block)
            carried = self.carried[:, :, nodes] = np.einsum("acbt,cdbt->adbt", force, inverse)
            if generation is not None:
                left = inertia - np.einsum("acbt,dcbt->adbt", carried, force)
                inertias[:, :, generation.heads] += self.tree.gather(generation, left)

    def solve(self, right: Array) -> Array:
        """x with H x = right, both (3, B, T); held unknowns come out as 0."""
        tree = self.tree
        if self.held is not None:
            right = np.where(self.held, 0.0, right)
        if self.carried is None:
            return np.einsum("cdbt,dbt->cbt", self.inverses, right)
        right = right.copy()
        forces = np.zeros((6, *right.shape[1:]))
        for generation in reversed(tree.generations):
            nodes = generation.nodes
            right[:, nodes] -= np.einsum("acbt,abt->cbt", self.twists[:, :, nodes], forces[:, nodes])
            left = forces[:, nodes] + np.einsum("acbt,cbt->abt", self.carried[:, :, nodes], right[:, nodes])
            forces[:, generation.heads] += tree.gather(generation, left)
        first = slice(0, tree.generations[0].nodes.start if tree.generations else right.shape[1])
        right[:, first] -= np.einsum("acbt,abt->cbt", self.twists[:, :, first], forces[:, first])
        step = np.einsum("cdbt,dbt->cbt", self.inverses, right)
        velocities = np.empty_like(forces)
        velocities[:, first] = np.einsum("acbt,cbt->abt", self.twists[:, :, first], step[:, first])
        for generation in tree.generations:
            nodes = generation.nodes
            above = velocities[:, generation.parents]
            step[:, nodes] -= np.einsum("acbt,abt->cbt", self.carried[:, :, nodes], above)
            own = np.einsum("acbt,cbt->abt", self.twists[:, :, nodes], step[:, nodes])
            velocities[:, nodes] = above + own
        return step


def _inverse(blocks: Array) -> Array:
    """Inverse of symmetric positive definite (3, 3, B, T) by L D L^T."""
    (a, b, c), (_, d, e), (_, _, f) = blocks
    result = np.empty_like(blocks)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        below = b / a
        second = d - b * below
        low = c / a
        between = (e - c * below) / second
        third = f - c * low - between**2 * second
        # The inverse of L.
        low = below * between - low
        result[2, 2] = 1.0 / third
        result[1, 2] = result[2, 1] = -between / third
        result[0, 2] = result[2, 0] = low / third
        result[1, 1] = 1.0 / second + between**2 / third
        result[0, 1] = result[1, 0] = -below / second - low * between / third
        result[0, 0] = 1.0 / a + below**2 / second + low**2 / third
    sound = (a > 0.0) & (second > LEAST_PIVOT * d) & (third > LEAST_PIVOT * f)
    if not sound.all():
        frame = int(np.nonzero(~sound.all(axis=0))[0][0])
        raise np.linalg.LinAlgError(f"the system is not positive definite in frame {frame}")
    return result
