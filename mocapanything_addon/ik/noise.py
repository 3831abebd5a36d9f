# SPDX-License-Identifier: GPL-3.0-or-later
"""How far evidence is off, told from the evidence itself.

The distance between two joints of one bone, or two points of one rigid part, never changes: what it changes
by is noise. Medians, so that outliers do not count.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .skeleton import Skeleton
from .skinning import Skin

Array = NDArray[np.float64]
MEDIAN_TO_DEVIATION = 1.4826
"""Standard deviation over the median of the absolute values, of a normal distribution."""
RIGID_SHARE = 0.9
"""A point moves with one joint alone if that carries at least this share of it."""


def robust_deviation(errors: NDArray) -> float | None:
    """Standard deviation of errors (n,) about 0; None where there are none."""
    return MEDIAN_TO_DEVIATION * float(np.median(np.abs(errors))) if len(errors) else None


def position_noise(skeleton: Skeleton, positions: Array, weights: Array) -> float:
    """Standard deviation of a coordinate of the joints' positions, armature units; 0 where nothing tells.

    Args:
        skeleton: the joints; those that may leave their parent tell nothing.
        positions: (T, J, 3) armature space.
        weights: (T, J) 0 where not seen.
    """
    tied = skeleton.parents >= 0
    tied[skeleton.translating] = False
    children = np.nonzero(tied)[0]
    parents = skeleton.parents[children]
    both = (weights[:, children] > 0.0) & (weights[:, parents] > 0.0)
    lengths = np.linalg.norm(positions[:, children] - positions[:, parents], axis=-1)
    errors = (lengths - np.linalg.norm(skeleton.offsets[children], axis=-1))[both]
    return (robust_deviation(errors) or 0.0) / np.sqrt(2.0)


def point_noise(skin: Skin, observed: Array, weights: Array) -> float | None:
    """Standard deviation of a coordinate of surface points, armature units; None where nothing tells.

    Each point is compared with the one of its rigid part that is farthest from it.

    Args:
        skin: its vertices are the N points.
        observed: (T, N, 3) armature space.
        weights: (T, N) 0 where not seen.
    """
    rigid = skin.skin_weights.max(axis=1) >= RIGID_SHARE
    carriers = skin.main_joints
    errors = [np.zeros(0)]
    for joint in np.unique(carriers[rigid]):
        own = np.nonzero(rigid & (carriers == joint))[0]
        apart = np.linalg.norm(skin.vertices[own, None] - skin.vertices[own], axis=-1)
        partners = own[apart.argmax(axis=1)]
        both = (weights[:, own] > 0.0) & (weights[:, partners] > 0.0) & (apart.max(axis=1) > 0.0)
        lengths = np.linalg.norm(observed[:, own] - observed[:, partners], axis=-1)
        errors.append((lengths - apart.max(axis=1))[both])
    deviation = robust_deviation(np.concatenate(errors))
    return None if deviation is None else deviation / np.sqrt(2.0)
