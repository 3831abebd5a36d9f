# SPDX-License-Identifier: GPL-3.0-or-later
"""The left-right plane of a skeleton and which joints are each other's mirror image, from geometry alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .skeleton import Skeleton

Array = NDArray[np.float64]
TOLERANCE = 0.06
"""Share of the skeleton's size by which a mirrored joint may miss its partner."""
WRONG_KIND = 0.02
"""Share of the size that a difference in depth, in what hangs below or in the parent counts as: joints may
coincide.
"""
MOST_PLANES = 400
BEST_PLANES = 20
"""Planes looked at closely: those that bring most joints near another."""
LEAST_MATCHED = 0.6
"""Share of the joints off the plane that must have a partner."""


@dataclass(frozen=True, eq=False)
class Mirror:
    """A plane that the rest pose is mirrored in."""

    axis: Array
    """(3,) unit normal, the body's left-right direction, either way round."""
    offset: float
    """The plane is axis . x = offset."""
    partners: NDArray[np.int64]
    """(J,) the joint on the other side, a joint on the plane itself, -1 where there is none."""


def mirror_pairs(skeleton: Skeleton) -> NDArray[np.int64]:
    """(J,) each joint's mirror image, itself on the mid-line, -1 where there is none."""
    mirror = find_mirror(skeleton)
    return np.full(skeleton.joint_count, -1) if mirror is None else mirror.partners


def find_mirror(skeleton: Skeleton) -> Mirror | None:
    """The plane that gives most joints a partner; None where none mirrors the skeleton.

    Planes are tried midway between any two joints that could be partners: of one depth, with as many joints
    below them.
    """
    positions, size = skeleton.rest_positions, skeleton.size
    own = np.arange(skeleton.joint_count)
    below = skeleton.is_ancestor.sum(axis=1)
    alike = (skeleton.depths[:, None] == skeleton.depths) & (below[:, None] == below)
    first, second = np.nonzero(np.triu(alike, 1))
    apart = positions[first] - positions[second]
    lengths = np.linalg.norm(apart, axis=1)
    far = lengths > TOLERANCE * size
    # Pairs with much below them first: legs rather than fingertips.
    order = np.argsort(-below[first[far]], kind="stable")[:MOST_PLANES]
    axes = apart[far][order] / lengths[far][order, None]
    offsets = (0.5 * (positions[first] + positions[second])[far][order] * axes).sum(axis=1)
    if len(axes) == 0:
        return None
    heights = positions @ axes.T - offsets
    mirrored = positions[:, None] - 2.0 * heights[..., None] * axes
    missed = cKDTree(positions).query(mirrored)[0] / (TOLERANCE * size)
    likely = np.argsort(np.minimum(missed, 1.0).sum(axis=0), kind="stable")[:BEST_PLANES]
    best: tuple[float, Mirror] | None = None
    for axis, offset in zip(axes[likely], offsets[likely], strict=True):
        if best is not None and _same_plane(axis, offset, best[1], size):
            continue
        partners = partners_across(skeleton, axis, float(offset))
        away = positions @ axis - offset
        aside = np.abs(away) > TOLERANCE * size
        matched = partners >= 0
        if not (matched & (partners != own)).any() or matched[aside].mean() < LEAST_MATCHED:
            continue
        image = positions - 2.0 * away[:, None] * axis
        errors = np.linalg.norm(image - positions[partners], axis=1)[matched] / (TOLERANCE * size)
        score = float(matched.sum() - 0.5 * np.minimum(errors, 1.0).sum())
        if best is None or score > best[0] + 1e-9:
            best = (score, Mirror(axis, float(offset), partners))
    return None if best is None else best[1]


def partners_across(skeleton: Skeleton, axis: Array, offset: float) -> NDArray[np.int64]:
    """(J,) partners, see :attr:`Mirror.partners`, for the plane axis . x = offset."""
    positions, size, count = skeleton.rest_positions, skeleton.size, skeleton.joint_count
    own = np.arange(count)
    mirrored = positions - 2.0 * (positions @ axis - offset)[:, None] * axis
    distance = np.linalg.norm(mirrored[:, None] - positions, axis=-1)
    below = skeleton.is_ancestor.sum(axis=1)
    distance += WRONG_KIND * size * np.abs(skeleton.depths[:, None] - skeleton.depths)
    distance += WRONG_KIND * size * (below[:, None] != below)
    partners = _mutual(distance, TOLERANCE * size)
    # Once more, now that the parents' partners are known.
    parents = skeleton.parents
    hang_alike = (partners[parents][:, None] == parents) | (parents < 0)
    hang_alike[parents < 0] = parents < 0
    partners = _mutual(distance + WRONG_KIND * size * ~hang_alike, TOLERANCE * size)
    on_plane = np.abs(positions @ axis - offset) < 0.5 * TOLERANCE * size
    return np.where((partners < 0) & on_plane, own, partners)


def _mutual(distance: Array, most: float) -> NDArray[np.int64]:
    own = np.arange(len(distance))
    # In a draw a joint is its own partner.
    distance = distance - 1e-9 * most * np.eye(len(distance))
    nearest = distance.argmin(axis=1)
    good = (nearest[nearest] == own) & (distance[own, nearest] < most)
    return np.where(good, nearest, -1)


def _same_plane(axis: Array, offset: float, mirror: Mirror, size: float) -> bool:
    cosine = float(axis @ mirror.axis)
    return abs(cosine) > 1.0 - 1e-6 and abs(offset - np.sign(cosine) * mirror.offset) < 1e-3 * size
