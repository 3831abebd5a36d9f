# SPDX-License-Identifier: GPL-3.0-or-later
"""The block-banded system against the same system written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skeletons import random_motion, random_skeleton

from mocapanything_addon.ik.kinematics import State
from mocapanything_addon.ik.linear.normal_equations import THOROUGH, NormalEquations


def filled(seed: int, frames: int, *, pairs: bool = True, blocks: bool = True) -> NormalEquations:
    rng = np.random.default_rng(seed)
    skeleton = random_skeleton(seed, 4)
    state = State(skeleton, random_motion(skeleton, seed, frames))
    size = skeleton.parameter_count
    system = NormalEquations(state)
    for t in range(frames):
        system.add(t, rng.normal(size=(2 * size, size)), rng.normal(size=2 * size))
    if pairs:
        for t in range(frames - 1):
            rows = rng.normal(size=(2, 9, size))
            first, second = (t, t + 1) if t % 2 else (t + 1, t)
            system.add_geometric_pair(first, second, *rows, rng.normal(size=9))
    if blocks and frames > 2:
        system.add_joint_blocks(slice(0, frames - 2), 2, 0.3 * rng.normal(size=(frames - 2, size // 3, 3, 3)))
        system.add_joint_blocks(slice(0, frames - 1), 1, 0.3 * rng.normal(size=(frames - 1, size // 3, 3, 3)))
        system.add_joint_blocks(slice(None), 0, np.tile(np.eye(3), (frames, size // 3, 1, 1)))
    return system


def empty(frames: int) -> NormalEquations:
    skeleton = random_skeleton(0, 1)
    return NormalEquations(State(skeleton, random_motion(skeleton, 0, frames)))


def sparse(seed: int, frames: int, joints: int = 9) -> NormalEquations:
    """Evidence about bodies and blocks only."""
    rng = np.random.default_rng(seed)
    skeleton = random_skeleton(seed, joints)
    state = State(skeleton, random_motion(skeleton, seed, frames))
    system = NormalEquations(state)
    roots = rng.normal(size=(2, frames, joints, 4, 6))
    for rows in roots:
        wrenches = rng.normal(size=(frames, joints, 6))
        system.add_bodies(np.swapaxes(rows, -1, -2) @ rows, wrenches)
    blocks = (frames, skeleton.block_count, 3, 3)
    system.add_joint_blocks(slice(None), 0, np.tile(2.0 * np.eye(3), (*blocks[:2], 1, 1)))
    for apart in range(1, min(frames, 3)):
        rows = 0.3 * rng.normal(size=(frames - apart, *blocks[1:]))
        system.add_joint_blocks(slice(0, frames - apart), apart, rows)
    return system


def written_out(system: NormalEquations) -> np.ndarray:
    size, frames = system.parameter_count, system.frame_count
    full = np.zeros((frames * size, frames * size))
    blocks = system.frame_blocks()
    for t in range(frames):
        here = slice(t * size, (t + 1) * size)
        full[here, here] = blocks[t]
        for apart in (1, 2):
            block = system.coupling(apart, t)
            if block is not None:
                there = slice((t + apart) * size, (t + apart + 1) * size)
                full[here, there], full[there, here] = block, block.T
    return full


@given(st.integers(0, 10_000), st.integers(1, 7), st.booleans(), st.booleans())
def test_solution_equals_the_dense_one(seed: int, frames: int, pairs: bool, blocks: bool) -> None:
    system = filled(seed, frames, pairs=pairs, blocks=blocks)
    rng = np.random.default_rng(seed)
    damping = rng.uniform(1.0, 2.0, system.parameter_count)
    held = rng.random(system.gradient.shape) < 0.2
    held[:, 5] = True
    right = rng.normal(size=held.shape)
    step = system.solve(damping, held, right)
    full = written_out(system) + np.diag(np.tile(damping, frames))
    free = ~held.reshape(-1)
    expected = np.linalg.solve(full[np.ix_(free, free)], right.reshape(-1)[free])
    assert np.allclose(step.reshape(-1)[free], expected, atol=1e-8)
    assert not step[held].any()


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 12))
def test_solution_of_evidence_about_bodies_equals_the_dense_one(seed: int, frames: int, joints: int) -> None:
    system = sparse(seed, frames, joints)
    rng = np.random.default_rng(seed)
    damping = rng.uniform(5.0, 6.0, system.parameter_count)
    held = rng.random(system.gradient.shape) < 0.2
    values = rng.normal(size=held.shape)
    full = written_out(system)
    assert np.allclose(system.multiply(values).reshape(-1), full @ values.reshape(-1))
    full += np.diag(np.tile(damping, frames))
    free = ~held.reshape(-1)
    step = system.solve(damping, held)
    right = -system.gradient.reshape(-1)[free]
    left = right - full[np.ix_(free, free)] @ step.reshape(-1)[free]
    assert np.linalg.norm(left) < 10.0 * THOROUGH[0] * np.linalg.norm(right)
    assert not step[held].any()


def test_single_frames_of_evidence_about_bodies_are_solved_exactly() -> None:
    system = sparse(3, 1, 40)
    step = system.solve(np.ones(system.parameter_count), np.zeros_like(system.gradient, dtype=bool))
    full = system.frame_blocks()[0] + np.eye(system.parameter_count)
    assert np.allclose(full @ step[0], -system.gradient[0])


@given(st.integers(0, 10_000), st.integers(1, 6))
def test_product_and_predicted_change_equal_the_dense_ones(seed: int, frames: int) -> None:
    system = filled(seed, frames)
    step = np.random.default_rng(seed).normal(size=system.gradient.shape)
    full, flat = written_out(system), step.reshape(-1)
    assert np.allclose(system.multiply(step).reshape(-1), full @ flat)
    change = system.gradient.reshape(-1) @ flat + 0.5 * flat @ full @ flat
    assert system.predicted_change(step) == pytest.approx(change)


def test_a_pair_is_the_same_from_either_end() -> None:
    skeleton = random_skeleton(0, 4)
    state = State(skeleton, random_motion(skeleton, 0, 3))
    rng = np.random.default_rng(0)
    rows, residuals = rng.normal(size=(2, 20, skeleton.parameter_count)), rng.normal(size=20)
    forwards, backwards = (NormalEquations(state) for _ in range(2))
    forwards.add_geometric_pair(0, 2, rows[0], rows[1], residuals)
    backwards.add_geometric_pair(2, 0, rows[1], rows[0], residuals)
    assert np.allclose(written_out(forwards), written_out(backwards))
    assert np.linalg.eigvalsh(written_out(forwards)).min() > -1e-9


def test_frames_too_far_apart_cannot_be_coupled() -> None:
    system = empty(9)
    with pytest.raises(ValueError, match="3 apart"):
        system.add_joint_blocks(slice(0, 6), 3, np.zeros((6, 2, 3, 3)))


def test_a_system_without_evidence_needs_damping() -> None:
    system = empty(2)
    nothing = np.zeros((2, 6), bool)
    with pytest.raises(np.linalg.LinAlgError, match="frame 0"):
        system.solve(np.zeros(6), nothing)
    assert np.array_equal(system.solve(np.ones(6), nothing), np.zeros((2, 6)))


def test_all_unknowns_held_is_no_system() -> None:
    system = filled(1, 3)
    held = np.ones_like(system.gradient, dtype=bool)
    assert np.array_equal(system.solve(np.ones(system.parameter_count), held), np.zeros_like(system.gradient))


def test_rounding_of_single_precision_does_not_end_the_solve() -> None:
    """Rows that differ by 1e5 in size, summed in float32: the product is a little indefinite."""
    rng = np.random.default_rng(2)
    skeleton = random_skeleton(2, 30)
    state = State(skeleton, random_motion(skeleton, 2, 2))
    size = skeleton.parameter_count
    system = NormalEquations(state)
    for _ in range(3):
        rows = (rng.normal(size=(2, 40, 3)) @ rng.normal(size=(3, size)) * 1e5).astype(np.float32)
        system.add_geometric_pair(0, 1, rows[0], rows[1], rng.normal(size=40))
    assert np.linalg.eigvalsh(written_out(system)).min() < -1.0
    step = system.solve(np.ones(size), np.zeros((2, size), bool))
    assert np.isfinite(step).all()
    assert system.predicted_change(step) < 0.0
