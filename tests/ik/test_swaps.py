# SPDX-License-Identifier: GPL-3.0-or-later
"""Limbs that traded places are put back; limbs that cross are left alone."""

from __future__ import annotations

import numpy as np
import pytest
from bipeds import biped, exchanged, walk
from skeletons import chain, random_motion

from mocapanything_addon.ik import IKSettings, Target, solve_clip
from mocapanything_addon.ik.kinematics import forward
from mocapanything_addon.ik.swaps import undo_swaps

BODY = biped()
POSITIONS = forward(BODY, walk(BODY, 60)).positions
SEEN = np.ones(POSITIONS.shape[:2])


def noisy(seed: int) -> np.ndarray:
    return POSITIONS + np.random.default_rng(seed).normal(size=POSITIONS.shape) * 0.01 * BODY.size


@pytest.mark.parametrize("limb", ["leg", "knee", "arm", "elbow"])
@pytest.mark.parametrize("frames", [slice(20, 33), slice(0, 8), slice(50, 60)])
def test_exchanged_limbs_are_put_back(limb: str, frames: slice) -> None:
    undone = undo_swaps(BODY, exchanged(BODY, POSITIONS, limb, frames), SEEN)
    assert np.array_equal(undone.positions, POSITIONS)
    assert undone.swapped.any(axis=1).tolist() == [frames.start <= t < frames.stop for t in range(60)]


@pytest.mark.parametrize("seed", range(3))
def test_noise_does_not_hide_an_exchange(seed: int) -> None:
    seen = noisy(seed)
    undone = undo_swaps(BODY, exchanged(BODY, seen, "leg", slice(20, 33)), SEEN)
    away = np.linalg.norm(undone.positions - seen, axis=-1)
    # Feet that pass each other may be exchanged a frame early or late.
    assert (away.max(axis=1) > 0.0).sum() <= 2
    assert away.max() < 0.3 * BODY.size


def test_weights_trade_places_with_the_limbs() -> None:
    weights = SEEN.copy()
    knee, other = BODY.names.index("left knee"), BODY.names.index("right knee")
    weights[25, knee] = 0.0
    undone = undo_swaps(BODY, exchanged(BODY, POSITIONS, "leg", slice(20, 33)), weights)
    assert undone.weights[25, other] == 0.0 and undone.weights[25, knee] == 1.0


@pytest.mark.parametrize("seed", range(3))
def test_true_motion_is_left_alone(seed: int) -> None:
    crossing = walk(BODY, 60)
    for motion in (crossing, random_motion(BODY, seed, 60, amplitude=0.4)):
        positions = forward(BODY, motion).positions
        rng = np.random.default_rng(seed)
        for seen in (positions, positions + rng.normal(size=positions.shape) * 0.01 * BODY.size):
            undone = undo_swaps(BODY, seen, SEEN)
            assert not undone.swapped.any()
            assert np.array_equal(undone.positions, seen)


@pytest.mark.parametrize("frames", [0, 1, 2, 3])
def test_short_clips_and_bodies_without_sides_pass(frames: int) -> None:
    for skeleton in (BODY, chain(4)):
        positions = np.zeros((frames, skeleton.joint_count, 3))
        undone = undo_swaps(skeleton, positions, np.ones(positions.shape[:2]))
        assert not undone.swapped.any() and undone.positions.shape == positions.shape


def test_a_clip_nobody_saw_passes() -> None:
    undone = undo_swaps(BODY, np.zeros_like(POSITIONS), np.zeros_like(SEEN))
    assert not undone.swapped.any()


def test_a_solve_puts_limbs_back_and_says_so() -> None:
    seen = exchanged(BODY, POSITIONS, "leg", slice(20, 33))
    solution = solve_clip(BODY, Target(seen), 24.0)
    away = np.linalg.norm(solution.positions - POSITIONS, axis=-1)
    assert away.max() < 0.01 * BODY.size
    assert solution.swapped[20:33, BODY.names.index("left knee")].all()
    assert solution.swapped.any(axis=1).sum() == 13
    assert any("traded places in 13 frames" in said for said in solution.ignored)
    as_seen = solve_clip(BODY, Target(seen), 24.0, IKSettings(undo_swaps=False))
    assert not as_seen.swapped.any()
    assert np.linalg.norm(as_seen.positions - POSITIONS, axis=-1).max() > 0.1 * BODY.size
