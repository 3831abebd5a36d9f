# SPDX-License-Identifier: GPL-3.0-or-later
"""Which bones move a vertex: the nearest one and its kin along the chain, blended smoothly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .flesh import Cone
from .surface import neighbour_mean

Array = NDArray[np.float64]
BLEND = 0.14
"""Width of the blend: weight falls by e where a bone's flesh is this part of its radius farther away."""
KIN = 2
"""Bones that share a vertex are at most this many steps apart in the tree: a leg does not pull the belly."""
INFLUENCES = 4


def bone_distances(parents: NDArray[np.int32]) -> NDArray[np.int64]:
    """(B, B) steps between bones in the tree."""
    count = len(parents)
    steps = np.full((count, count), count, np.int64)
    for bone, parent in enumerate(parents):
        steps[bone, bone] = 0
        if parent >= 0:
            steps[bone, :bone] = steps[parent, :bone] + 1
            steps[:bone, bone] = steps[bone, :bone]
    return steps


def skin_weights(
    vertices: Array,
    faces: NDArray[np.int32],
    cones: Sequence[Cone],
    parents: NDArray[np.int32],
    *,
    smoothing: int = 6,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """(V, 4) bones and weights; every row sums to 1, unused places have weight 0 on bone 0."""
    count = len(parents)
    gap = np.full((len(vertices), count), np.inf)
    radius = np.zeros(count)
    for cone in cones:
        gap[:, cone.bone] = np.minimum(gap[:, cone.bone], cone.distance(vertices))
        radius[cone.bone] = max(radius[cone.bone], float(np.mean(cone.start_radius)))
    nearest = gap.argmin(axis=1)
    apart = bone_distances(parents)[nearest]
    excess = gap - gap.min(axis=1, keepdims=True)
    weights = np.exp(-excess / (BLEND * radius[nearest])[:, None])
    weights[apart > KIN] = 0.0
    # Steps between kin and strangers are worn off over the mesh, not through the air.
    for _ in range(smoothing):
        weights = 0.5 * weights + 0.5 * neighbour_mean(faces, weights)
    return strongest(weights)


def strongest(weights: Array) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Keep the four largest weights of each row and make them sum to 1."""
    bones = np.argsort(-weights, axis=1, kind="stable")[:, :INFLUENCES]
    if bones.shape[1] < INFLUENCES:
        bones = np.pad(bones, ((0, 0), (0, INFLUENCES - bones.shape[1])), mode="edge")
        kept = np.take_along_axis(weights, bones, axis=1)
        kept[:, weights.shape[1] :] = 0.0
    else:
        kept = np.take_along_axis(weights, bones, axis=1)
    kept[kept < 0.01 * kept[:, :1]] = 0.0
    kept /= kept.sum(axis=1, keepdims=True)
    bones[kept == 0.0] = 0
    return bones.astype(np.int32), kept.astype(np.float32)
