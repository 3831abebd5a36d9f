# SPDX-License-Identifier: GPL-3.0-or-later
"""The rotation within limits that agrees best with observed directions."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from skeletons import random_rotations, random_skeleton, with_cones

from mocapanything_addon.ik import rotations
from mocapanything_addon.ik.limits.best_turn import best_turns
from mocapanything_addon.ik.limits.ranges import clamped, inside_limits, limit_violation
from mocapanything_addon.ik.motion import Motion

JOINTS, FRAMES = 12, 6


def agreement(turns: np.ndarray, moments: np.ndarray) -> np.ndarray:
    return np.einsum("...ij,...ij->...", turns, moments)


@given(st.integers(0, 10_000))
@settings(max_examples=15)
def test_it_is_inside_and_no_worse_than_cutting_off_nor_than_any_try(seed: int) -> None:
    skeleton = with_cones(random_skeleton(seed, JOINTS, limited=0.5), seed)
    rng = np.random.default_rng(seed)
    moments = rng.normal(size=(FRAMES, JOINTS, 3, 3))
    joints = np.arange(JOINTS)
    found = best_turns(skeleton, joints, moments)
    assert limit_violation(skeleton, Motion(np.zeros((FRAMES, 3)), found)) < 1e-9
    value = agreement(found, moments)
    cut_off = clamped(skeleton, joints, rotations.nearest_rotation(moments))
    assert (value >= agreement(cut_off, moments) - 1e-9).all()
    tries = Motion(np.zeros((200, 3)), random_rotations(rng, 200, JOINTS))
    tries = inside_limits(skeleton, tries).local_rotations
    best = np.einsum("sjab,tjab->tsj", tries, moments).max(axis=1)
    behind = (best - value) / np.linalg.norm(moments, axis=(-1, -2))
    # Climbed one by one, coordinates can end on a ridge, and the edge of a cone is searched in steps.
    assert (behind > 0.01).mean() < 0.1
    assert behind.max() < 0.5


@given(st.integers(0, 10_000))
@settings(max_examples=15)
def test_a_rotation_within_the_limits_is_found_from_its_directions(seed: int) -> None:
    skeleton = with_cones(random_skeleton(seed, JOINTS, limited=0.5), seed)
    rng = np.random.default_rng(seed)
    motion = inside_limits(skeleton, Motion(np.zeros((FRAMES, 3)), random_rotations(rng, FRAMES, JOINTS)))
    spread = rng.normal(size=(JOINTS, 3, 8))
    moments = motion.local_rotations @ (spread @ np.swapaxes(spread, -1, -2))
    found = best_turns(skeleton, np.arange(JOINTS), moments)
    assert rotations.angle_between(found, motion.local_rotations).max() < 1e-6
