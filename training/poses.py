# SPDX-License-Identifier: GPL-3.0-or-later
"""Poses of a character: from its clips, between them, and random ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik.rotations import exp, nearest_rotation

from .character import Character, random_turn

Array = NDArray[np.float64]


def clip_frame(character: Character, rng: np.random.Generator) -> Array:
    """(J, 3, 3) local rotations of a random frame of a random clip."""
    local, _ = character.clips[rng.integers(len(character.clips))]
    return character.in_frame(local[rng.integers(len(local))].astype(float))


def random_pose(character: Character, rng: np.random.Generator) -> Array:
    """(J, 3, 3) bends that run along chains, limbs that swing with their twins, the body turned."""
    count = character.joint_count
    bends = rng.normal(size=(count, 3)) * np.radians(rng.uniform(4.0, 28.0))
    for j in range(1, count):
        bends[j] = 0.5 * bends[character.parents[j]] + 0.85 * bends[j]
    bends *= character.stiffness[:, None] * (rng.random((count, 1)) < rng.uniform(0.3, 1.0))
    bends[0] = 0.0
    if rng.random() < 0.65:
        _swing_limbs(character, bends, rng)
    local = exp(bends)
    local[0] = _body_turn(rng)
    return character.in_frame(local)


def sample_pose(character: Character, rng: np.random.Generator) -> Array:
    """(J, 3, 3) what the subject of a training image does."""
    kind = rng.random()
    if not character.clips or kind < 0.35:
        return random_pose(character, rng)
    local = clip_frame(character, rng)
    if kind < 0.5:
        other = clip_frame(character, rng)
        weight = np.clip(rng.uniform(-0.2, 1.2) + rng.normal(size=(len(local), 1, 1)) * 0.3, -0.2, 1.2)
        local = nearest_rotation((1.0 - weight) * local + weight * other)
    if kind < 0.75:
        noise = rng.normal(size=(len(local), 3)) * np.radians(rng.uniform(2.0, 14.0))
        local = local @ exp(noise * character.stiffness[:, None])
    if rng.random() < 0.3:
        local[0] = _body_turn(rng) @ local[0]
    return local


def estimated_pose(character: Character, truth: Array, rng: np.random.Generator) -> Array:
    """(J, 3, 3) what a fit may believe of a pose: rest, half way there, disturbed, another moment.

    The root is the truth's; see :func:`estimated_root`.
    """
    kind = rng.random()
    count = character.joint_count
    identity = np.tile(np.eye(3), (count, 1, 1))
    noise = rng.normal(size=(count, 3)) * np.radians(rng.uniform(3.0, 18.0)) * character.stiffness[:, None]
    if kind < 0.25:
        estimate = identity
    elif kind < 0.8 or not character.clips:
        weight = rng.uniform(0.3, 1.0)
        estimate = nearest_rotation((1.0 - weight) * identity + weight * truth) @ exp(noise)
    else:
        estimate = clip_frame(character, rng) @ exp(0.5 * noise)
    estimate = estimate.copy()
    estimate[0] = truth[0]
    return estimate


def estimated_root(rng: np.random.Generator) -> tuple[Array, Array]:
    """A fit's error of the root: a rotation (3, 3), mostly 10 degrees, and a shift (3,) of 2 per cent."""
    degrees = 7.0 if rng.random() < 0.8 else 16.0
    return random_turn(rng, degrees), rng.normal(size=3) * 0.02


def _body_turn(rng: np.random.Generator) -> Array:
    kind = rng.random()
    if kind < 0.5:
        return exp(rng.normal(size=3) * [0.2, 0.25, 0.0])
    if kind < 0.62:
        axis = rng.normal(size=3)
        return exp(axis / np.linalg.norm(axis) * rng.uniform(0.4, 1.7))
    return np.eye(3)


def _swing_limbs(character: Character, bends: Array, rng: np.random.Generator) -> None:
    """Add swings about the lateral axis; a limb and its twin share amplitudes and differ in phase."""
    amplitude = np.radians(rng.uniform(8.0, 45.0))
    together = rng.random()
    done: dict[int, tuple[float, Array]] = {}
    for chain in character.limbs:
        twin = int(character.twins[chain[0]])
        if twin in done and len(done[twin][1]) == len(chain):
            phase, shares = done[twin]
            phase += 0.0 if together < 0.35 else np.pi if together < 0.7 else rng.uniform(0.0, 2.0 * np.pi)
        else:
            phase = rng.uniform(0.0, 2.0 * np.pi)
            shares = rng.uniform(-1.0, 1.0, len(chain))
            shares[0] = rng.uniform(0.3, 1.0)
        done[chain[0]] = (phase, shares)
        lag = rng.uniform(0.0, 1.5)
        for index, joint in enumerate(chain):
            if not character.is_tail[joint]:
                bends[joint, 0] += amplitude * shares[index] * np.sin(phase - lag * index)
