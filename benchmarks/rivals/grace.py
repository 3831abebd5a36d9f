# SPDX-License-Identifier: GPL-3.0-or-later
"""GRACE, the analytic correction of CAST (CAST-mocap/CAST, under review 2026), written from its description.

From the root to the leaves, each joint's expected rotation is corrected by the directions of its child bones
as far as those determine it: not at all for a leaf, by the smallest swing for one child or children on one
line (the strongest of them), by a weighted Kabsch fit for two or more others. CAST's network gives the
expected rotations and the directions; here the hints (rest where there are none) and the observed positions
do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik import Skeleton, rotations

from . import Answer
from .observed_root import observed_root_translation

Array = NDArray[np.float64]
WELL_CONDITIONED = 0.1
"""Second singular value of the fitted directions against the first, above which a fit is trusted."""


def solve(skeleton: Skeleton, positions: Array, weights: Array, hints: Array | None, fps: float) -> Answer:
    """See the package. All frames at once; no frame knows of another."""
    frames, joints = weights.shape
    expected = np.broadcast_to(np.eye(3), (frames, joints, 3, 3))
    if hints is not None:
        expected = rotations.matrix_from_quaternion(hints)
    local = np.array(expected)
    turned = np.empty((frames, joints, 3, 3))
    moves = np.zeros(joints, bool)
    moves[skeleton.moving] = True
    local[:, ~moves] = np.eye(3)
    for joint in np.argsort(skeleton.depths, kind="stable"):
        above = turned[:, skeleton.parents[joint]] if joint != skeleton.root else np.eye(3)
        turned[:, joint] = above @ local[:, joint]
        if moves[joint]:
            turned[:, joint] = corrected(skeleton, joint, turned[:, joint], positions, weights)
        local[:, joint] = (
            np.swapaxes(np.broadcast_to(above, turned[:, joint].shape), -1, -2) @ turned[:, joint]
        )
    moved = observed_root_translation(skeleton, positions, weights)
    return Answer(rotations.continuous_quaternions(rotations.quaternion_from_matrix(local)), moved)


def corrected(skeleton: Skeleton, joint: int, expected: Array, positions: Array, weights: Array) -> Array:
    """(T, 3, 3) rotations of one joint nearest to the expected ones that agree with its children."""
    children = skeleton.children[joint]
    lengths = np.linalg.norm(skeleton.offsets[children], axis=-1)
    children, lengths = children[lengths > 1e-9], lengths[lengths > 1e-9]
    if len(children) == 0:
        return expected
    rest = skeleton.offsets[children] / lengths[:, None]
    arms = positions[:, children] - positions[:, [joint]]
    reach = np.linalg.norm(arms, axis=-1)
    trust = np.where(reach > 1e-9, weights[:, children] * weights[:, [joint]], 0.0)
    directions = np.where(trust[..., None] > 0.0, arms / np.where(reach > 1e-9, reach, 1.0)[..., None], 0.0)
    strongest = (trust * lengths).argmax(axis=1)
    frames = np.arange(len(positions))
    swung = swing(expected @ rest[strongest][..., None], directions[frames, strongest]) @ expected
    result = np.where((trust.max(axis=1) > 0.0)[:, None, None], swung, expected)
    if len(children) > 1:
        moments = np.einsum("tn,tni,nj->tij", trust, directions, rest)
        spread = np.linalg.svd(np.einsum("tn,ni,nj->tij", trust, rest, rest), compute_uv=False)
        good = spread[:, 1] > WELL_CONDITIONED**2 * np.maximum(spread[:, 0], 1e-12)
        result = np.where(good[:, None, None], rotations.nearest_rotation(moments), result)
    return result


def swing(start: Array, end: Array) -> Array:
    """(T, 3, 3) smallest rotations from unit vectors (T, 3, 1) to (T, 3); identity for (0, 0, 0)."""
    start = start[..., 0]
    axis = np.cross(start, end)
    sine = np.linalg.norm(axis, axis=-1)
    cosine = (start * end).sum(-1)
    # Opposite directions: any axis across.
    across = np.cross(start, np.eye(3)[np.abs(start).argmin(axis=-1)])
    across /= np.linalg.norm(across, axis=-1, keepdims=True)
    unit = np.where(sine[:, None] > 1e-9, axis / np.maximum(sine, 1e-9)[:, None], across)
    angle = np.where(np.linalg.norm(end, axis=-1) > 0.0, np.arctan2(sine, cosine), 0.0)
    return rotations.exp(angle[:, None] * unit)
