# SPDX-License-Identifier: GPL-3.0-or-later
"""How the joints of a tree stand to each other: hop distances and relations, the bias of graph attention."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

FARTHEST_HOP = 5
"""Longer distances count as this one."""


class Relation(IntEnum):
    """What joint j (column) is to joint i (row); the edge types of AnyTop (Gat et al. 2025)."""

    SELF = 0
    PARENT = 1
    CHILD = 2
    SIBLING = 3
    OTHER = 4
    END_EFFECTOR = 5
    """SELF, of a joint without children."""


def hop_distances(parents: NDArray[np.int32]) -> NDArray[np.uint8]:
    """(J, J) edges between two joints, clipped at ``FARTHEST_HOP``. Parents stand before their children."""
    count = len(parents)
    hops = np.zeros((count, count), np.int64)
    for j in range(1, count):
        hops[j, :j] = hops[:j, j] = hops[parents[j], :j] + 1
    return np.minimum(hops, FARTHEST_HOP).astype(np.uint8)


def relations(parents: NDArray[np.int32]) -> NDArray[np.uint8]:
    """(J, J) :class:`Relation` of every pair."""
    count = len(parents)
    table = np.full((count, count), Relation.OTHER, np.uint8)
    children = np.arange(1, count)
    same_parent = (parents[:, None] == parents[None, :]) & (parents[:, None] >= 0)
    table[same_parent] = Relation.SIBLING
    table[children, parents[1:]] = Relation.PARENT
    table[parents[1:], children] = Relation.CHILD
    joints = np.arange(count)
    table[joints, joints] = Relation.SELF
    leaves = np.setdiff1d(joints, parents)
    table[leaves, leaves] = Relation.END_EFFECTOR
    return table
