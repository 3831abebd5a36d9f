# SPDX-License-Identifier: GPL-3.0-or-later
"""Noisy clips are smoothed as much as their own motion allows."""

from __future__ import annotations

import numpy as np
import pytest
from bipeds import biped, walk

from mocapanything_addon.ik import Motion, Target, rotations, solve_clip
from mocapanything_addon.ik.kinematics import forward

BODY = biped()
FAST, STILL = walk(BODY, 48, stride=16), walk(BODY, 1).repeat(48)


def jitter(positions: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(positions, n=2, axis=0), axis=-1).mean())


def noisy(motion: Motion, seed: int) -> tuple[np.ndarray, np.ndarray]:
    positions = forward(BODY, motion).positions
    noise = np.random.default_rng(seed).normal(size=positions.shape)
    return positions, positions + 0.01 * BODY.size * noise


@pytest.mark.parametrize("seed", range(2))
def test_a_body_that_stands_still_does_not_tremble(seed: int) -> None:
    truth, seen = noisy(STILL, seed)
    solution = solve_clip(BODY, Target(seen), 24.0)
    assert jitter(solution.positions) < 0.05 * jitter(seen)
    assert np.linalg.norm(solution.positions - truth, axis=-1).mean() < 0.005 * BODY.size


@pytest.mark.parametrize("seed", range(2))
def test_a_body_that_moves_fast_keeps_its_motion(seed: int) -> None:
    truth, seen = noisy(FAST, seed)
    solution = solve_clip(BODY, Target(seen), 24.0)
    assert np.linalg.norm(solution.positions - truth, axis=-1).mean() < 0.01 * BODY.size
    assert 0.8 * jitter(truth) < jitter(solution.positions) < 1.25 * jitter(truth)


def test_rough_hints_are_averaged_over_time() -> None:
    truth = forward(BODY, FAST).positions
    rng = np.random.default_rng(0)
    axes = rng.normal(size=truth.shape)
    axes *= np.radians(15.0) / np.linalg.norm(axes, axis=-1, keepdims=True)
    hints = rotations.quaternion_from_matrix(FAST.local_rotations @ rotations.exp(axes))
    solution = solve_clip(BODY, Target(truth, rotations=hints), 24.0)
    found = rotations.matrix_from_quaternion(solution.local_rotations)
    inner = np.array([len(children) > 0 for children in BODY.children])
    angles = np.degrees(rotations.angle_between(found, FAST.local_rotations))[:, inner]
    assert angles.mean() < 5.0
    assert np.linalg.norm(solution.positions - truth, axis=-1).mean() < 0.002 * BODY.size


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_short_noisy_clips_are_solved(frames: int) -> None:
    truth, seen = noisy(FAST, 3)
    solution = solve_clip(BODY, Target(seen[:frames]), 24.0)
    assert np.linalg.norm(solution.positions - truth[:frames], axis=-1).mean() < 0.02 * BODY.size
