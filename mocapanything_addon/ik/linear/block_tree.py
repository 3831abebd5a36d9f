# SPDX-License-Identifier: GPL-3.0-or-later
"""The blocks of unknowns as a tree: what a block moves, the blocks below it move with.

Values of all blocks are kept as (..., B, T) arrays in the order of the tree, generation by generation: sums
up and down the tree are then a few operations on long, contiguous rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


class Generation(NamedTuple):
    """Nodes equally far from the roots, those of one parent side by side."""

    nodes: slice
    parents: Indices
    """(n,) the parent of every node."""
    families: Indices | None
    """Where in the generation each parent's children begin; None where every parent has one child."""
    heads: Indices
    """The parents, each once."""


class BlockTree:
    """B nodes, one for each block.

    Args:
        carries: (B, J) the block moves body j; every body is moved by one block at least. Blocks that move
            the same bodies follow each other in the order given, the earlier carrying the later.
    """

    def __init__(self, carries: NDArray[np.bool_]) -> None:
        count = len(carries)
        extent = carries.sum(axis=1)
        number = np.arange(count)
        # above[a, b]: what b moves, a moves too.
        shared = carries.astype(np.float32) @ carries.T.astype(np.float32)
        above = (shared == extent) & (extent[:, None] > 0)
        above &= (extent[:, None] > extent) | (number[:, None] < number)
        self.above = above
        """(B, B) [a, b]: b moves with a."""
        depths = above.sum(axis=0)
        nearest = np.where(above, depths[:, None], -1)
        parents = np.where(above.any(axis=0), nearest.argmax(axis=0), -1)
        rank = np.full(count, -1)
        order: list[int] = []
        self.generations: list[Generation] = []
        """From the roots' children outwards."""
        for depth in range(int(depths.max(initial=0)) + 1):
            blocks = np.nonzero(depths == depth)[0]
            above_them = np.where(parents[blocks] < 0, -1, rank[parents[blocks]])
            blocks = blocks[np.argsort(above_them, kind="stable")]
            first = len(order)
            rank[blocks] = first + np.arange(len(blocks))
            order.extend(blocks.tolist())
            if depth:
                own = rank[parents[blocks]]
                heads, starts = np.unique(own, return_index=True)
                families = None if len(heads) == len(own) else starts
                self.generations.append(Generation(slice(first, len(order)), own, families, heads))
        self.blocks = np.array(order, np.int64)
        """(B,) the block of each node."""
        self.nodes = rank
        """(B,) the node of each block."""
        deepest = np.where(carries, depths[:, None], -1).argmax(axis=0)
        self.holders = rank[deepest]
        """(J,) the last node on the way to each body."""

    def gather(self, generation: Generation, values: Array) -> Array:
        """(..., n, T) of a generation -> its sums over siblings, one for each of ``heads``."""
        if generation.families is None:
            return values
        return np.add.reduceat(values, generation.families, axis=-2)

    def sum_up(self, values: Array) -> None:
        """Every node of (..., B, T) gets the sum over itself and all below it, in place."""
        for generation in reversed(self.generations):
            values[..., generation.heads, :] += self.gather(generation, values[..., generation.nodes, :])

    def sum_down(self, values: Array) -> None:
        """Every node of (..., B, T) gets the sum over itself and all above it, in place."""
        for generation in self.generations:
            values[..., generation.nodes, :] += values[..., generation.parents, :]
