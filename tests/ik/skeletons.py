# SPDX-License-Identifier: GPL-3.0-or-later
"""Random skeletons, motions and meshes for the tests of ik/."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from mocapanything_addon.ik import rotations
from mocapanything_addon.ik.limits.ranges import inside_limits
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.ik.skeleton import Skeleton
from mocapanything_addon.ik.skinning import Skin


def random_skeleton(seed: int, joints: int, *, limited: float = 0.0, nearest: int = 5) -> Skeleton:
    """A random tree with random bone axes; a share ``limited`` of its joints has ranges or locks."""
    rng = np.random.default_rng(seed)
    parents = np.array([-1] + [int(rng.integers(max(0, j - nearest), j)) for j in range(1, joints)])
    positions = np.zeros((joints, 3))
    for joint in range(1, joints):
        positions[joint] = positions[parents[joint]] + rng.normal(size=3) * 0.2
    limits = np.tile([-np.inf, np.inf], (joints, 3, 1))
    locks = np.zeros((joints, 3), bool)
    for joint in np.nonzero(rng.random(joints) < limited)[0]:
        for axis in range(3):
            kind = rng.integers(4)
            if kind == 0:
                limits[joint, axis] = np.sort(rng.uniform(-1.5, 1.5, 2))
            elif kind == 1:
                limits[joint, axis] = [-rng.uniform(0.1, 3.0), rng.uniform(0.1, 3.0)]
            elif kind == 2:
                locks[joint, axis] = True
    names = [f"bone.{j:03d}" for j in range(joints)]
    return Skeleton(names, parents, positions, rng.normal(size=(joints, 4)), limits, locks)


def with_cones(skeleton: Skeleton, seed: int, share: float = 0.6) -> Skeleton:
    """The same skeleton with ball joints, of every kind of range, among its free joints."""
    rng = np.random.default_rng(seed)
    swings = np.full((skeleton.joint_count, 2), np.inf)
    twists = np.tile([-np.inf, np.inf], (skeleton.joint_count, 1))
    free = np.nonzero(~skeleton.is_limited)[0]
    for number, joint in enumerate(free[rng.random(len(free)) < share]):
        kind = number % 6
        if kind < 4:
            swings[joint] = rng.uniform(0.1, 2.5, 2)
        if kind == 1:
            swings[joint, rng.integers(2)] = np.inf
        if kind == 2:
            swings[joint, rng.integers(2)] = 0.0
        if kind != 3:
            twists[joint] = [-rng.uniform(0.05, 3.0), rng.uniform(0.05, 3.0)]
        if kind == 5:
            twists[joint] = rng.uniform(-1.0, 1.0)
    return Skeleton(
        skeleton.names,
        skeleton.parents,
        skeleton.rest_positions,
        skeleton.rest_rotations,
        skeleton.limits,
        skeleton.locks,
        skeleton.can_translate,
        swing_limits=swings,
        twist_limits=twists,
    )


def chain(joints: int, length: float = 0.1) -> Skeleton:
    """Joints one above the other."""
    positions = np.zeros((joints, 3))
    positions[:, 2] = np.arange(joints) * length
    return Skeleton(
        [f"link.{j}" for j in range(joints)],
        np.arange(joints) - 1,
        positions,
        np.tile([1.0, 0.0, 0.0, 0.0], (joints, 1)),
    )


def random_motion(skeleton: Skeleton, seed: int, frames: int, amplitude: float = 0.5) -> Motion:
    """Smooth in time, inside the skeleton's limits."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(frames, skeleton.joint_count, 3))
    travel = rng.normal(size=(frames, 3))
    if frames > 1:
        vectors = smooth(vectors)
        travel = gaussian_filter1d(travel, 8, axis=0, mode="wrap")
    motion = Motion(travel, rotations.exp(amplitude * vectors))
    return inside_limits(skeleton, motion)


def smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T, ...) smooth in time, of standard deviation 1."""
    smoothed: NDArray[np.float64] = gaussian_filter1d(values, 6, axis=0, mode="wrap")
    return smoothed / smoothed.std()


def random_skin(skeleton: Skeleton, seed: int, vertices: int = 60, faces: int = 90) -> Skin:
    """Vertices around the joints, each with up to three influences."""
    rng = np.random.default_rng(seed)
    bones = rng.integers(0, skeleton.joint_count, vertices)
    joints = np.stack(
        [bones, np.maximum(skeleton.parents[bones], 0), rng.integers(0, skeleton.joint_count, vertices)],
        axis=1,
    )
    weights = rng.random((vertices, 3)) * [1.0, 0.5, 0.2]
    places = skeleton.rest_positions[bones] + rng.normal(size=(vertices, 3)) * 0.05
    return Skin(places, rng.integers(0, vertices, (faces, 3)), joints, weights, skeleton)


def random_rotations(rng: np.random.Generator, *shape: int) -> NDArray[np.float64]:
    """Evenly distributed rotations (*shape, 3, 3)."""
    return rotations.matrix_from_quaternion(rng.normal(size=(*shape, 4)))
