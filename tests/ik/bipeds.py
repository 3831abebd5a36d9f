# SPDX-License-Identifier: GPL-3.0-or-later
"""A small two-legged body that can walk, for tests of what only makes sense on a body."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik import rotations
from mocapanything_addon.ik.kinematics import forward
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.ik.skeleton import Skeleton

NAMES = ["hips", "spine", "chest", "head", "nose"]
LIMBS = {"arm": ("chest", (0.15, 0.0, 1.45)), "leg": ("hips", (0.1, 0.0, 1.0))}
BONES = {
    "arm": [("elbow", (0.3, 0.02, 0.0)), ("hand", (0.28, -0.02, 0.0))],
    "leg": [("knee", (0.0, -0.03, -0.48)), ("ankle", (0.0, 0.03, -0.45)), ("toe", (0.0, -0.15, -0.07))],
}
MIDDLE = [(0.0, 0.0, 1.0), (0.0, 0.02, 1.2), (0.0, 0.0, 1.4), (0.0, -0.02, 1.6), (0.0, -0.12, 1.65)]


def biped() -> Skeleton:
    """Feet on z = 0, looking along -y, left and right mirrored in x = 0."""
    names, parents, places = list(NAMES), [-1, 0, 1, 2, 3], [np.array(p) for p in MIDDLE]
    for side, sign in (("left", 1.0), ("right", -1.0)):
        mirror = np.array([sign, 1.0, 1.0])
        for limb, (base, place) in LIMBS.items():
            names.append(f"{side} {limb}")
            parents.append(NAMES.index(base))
            places.append(mirror * place)
            for bone, offset in BONES[limb]:
                names.append(f"{side} {bone}")
                parents.append(len(names) - 2)
                places.append(places[-1] + mirror * offset)
    return Skeleton(names, parents, np.stack(places), np.tile([1.0, 0.0, 0.0, 0.0], (len(names), 1)))


def walk(skeleton: Skeleton, frames: int, stride: int = 24) -> Motion:
    """Steps forward (-y); in every frame the lower foot stands still on z = 0."""
    phase = 2.0 * np.pi * np.arange(frames) / stride
    turns = np.zeros((frames, skeleton.joint_count, 3))
    for side, shift in (("left", 0.0), ("right", np.pi)):
        index = {bone: skeleton.names.index(f"{side} {bone}") for bone in ("leg", "knee", "ankle", "arm")}
        swing = np.sin(phase + shift)
        bend = np.maximum(np.cos(phase + shift), 0.0)
        turns[:, index["leg"], 0] = -0.5 * swing - 0.4 * bend
        turns[:, index["knee"], 0] = 0.9 * bend
        turns[:, index["ankle"], 0] = 0.5 * swing - 0.5 * bend
        turns[:, index["arm"], 0] = 0.5 * swing
    motion = Motion(np.zeros((frames, 3)), rotations.exp(turns))
    toes = [skeleton.names.index(f"{side} toe") for side in ("left", "right")]
    feet = forward(skeleton, motion).positions[:, toes]
    lower = feet[..., 2].argmin(axis=1)
    translation = np.zeros((frames, 3))
    for t in range(frames):
        foot = int(lower[t])
        translation[t, 2] = -feet[t, foot, 2]
        if t:
            translation[t, :2] = translation[t - 1, :2] - (feet[t, foot] - feet[t - 1, foot])[:2]
    return Motion(translation, motion.local_rotations)


def exchanged(
    skeleton: Skeleton, positions: NDArray[np.float64], limb: str, frames: slice
) -> NDArray[np.float64]:
    """The positions with a limb and its mirror image trading places in some frames, from a joint on down."""
    left, right = (skeleton.names.index(f"{side} {limb}") for side in ("left", "right"))
    one, other = (np.nonzero(skeleton.is_ancestor[j])[0] for j in (left, right))
    result = positions.copy()
    result[frames, one], result[frames, other] = positions[frames, other], positions[frames, one]
    return result
