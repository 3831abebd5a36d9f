# SPDX-License-Identifier: GPL-3.0-or-later
"""Ranges and locks in the bone's own axes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from skeletons import random_motion, random_rotations, random_skeleton

from mocapanything_addon.ik.kinematics import State
from mocapanything_addon.ik.limits import euler
from mocapanything_addon.ik.limits.ranges import inside_limits, limit_violation, limited_angles
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.ik.parameters import apply_step, step_bounds

FREE = np.full(3, np.inf)


def test_angles_are_blenders_xyz_order() -> None:
    """x turns first, then y, then z, all about fixed axes."""
    angles = np.random.default_rng(0).uniform(-1.4, 1.4, (50, 3))
    expected = Rotation.from_euler("xyz", angles).as_matrix()
    assert np.allclose(euler.matrix_from_angles(angles), expected)
    assert np.allclose(euler.angles_from_matrix(expected, -FREE, FREE), angles)


def test_axes_are_the_derivative_by_the_angles() -> None:
    angles = np.random.default_rng(1).uniform(-3.0, 3.0, (20, 3))
    axes = euler.axes(angles)
    for axis in range(3):
        step = np.zeros(3)
        step[axis] = 1e-6
        turn = euler.matrix_from_angles(angles + step) @ np.swapaxes(
            euler.matrix_from_angles(angles - step), 1, 2
        )
        vectors = Rotation.from_matrix(turn).as_rotvec() / 2e-6
        assert np.allclose(vectors, axes[..., axis], atol=1e-6)


@given(
    st.tuples(*[st.floats(-3.1, 3.1)] * 3),
    st.tuples(*[st.floats(0.0, 3.0)] * 3),
    st.tuples(*[st.floats(0.0, 1.0)] * 3),
)
def test_angles_inside_their_ranges_are_found_again(
    middle: tuple[float, ...], width: tuple[float, ...], share: tuple[float, ...]
) -> None:
    """Whatever the ranges: a rotation made of angles inside them is never said to violate them."""
    lowest, highest = np.array(middle) - width, np.array(middle) + width
    angles = lowest + np.array(share) * (highest - lowest)
    matrix = euler.matrix_from_angles(angles)
    found = euler.angles_from_matrix(matrix, lowest, highest)
    assert euler.excess(found, lowest, highest).max() < 1e-6
    assert np.allclose(euler.matrix_from_angles(found), matrix, atol=1e-7)


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_gimbal_lock_is_shared_within_the_ranges(side: float) -> None:
    lowest, highest = np.array([-0.5, -np.pi / 2, 0.3]), np.array([0.5, np.pi / 2, 0.8])
    matrix = euler.matrix_from_angles(np.array([0.2, side * np.pi / 2, 0.6]))
    found = euler.angles_from_matrix(matrix, lowest, highest)
    assert euler.excess(found, lowest, highest).max() < 1e-9
    assert np.allclose(euler.matrix_from_angles(found), matrix)


@given(st.integers(0, 10_000))
def test_any_rotation_can_be_put_inside(seed: int) -> None:
    skeleton = random_skeleton(seed, 12, limited=0.8)
    rng = np.random.default_rng(seed)
    motion = Motion(rng.normal(size=(5, 3)), random_rotations(rng, 5, 12))
    inside = inside_limits(skeleton, motion)
    assert limit_violation(skeleton, inside) < 1e-9
    free = ~skeleton.is_limited
    assert np.array_equal(inside.local_rotations[:, free], motion.local_rotations[:, free])


@given(st.integers(0, 10_000))
def test_what_is_inside_stays_as_it_is(seed: int) -> None:
    skeleton = random_skeleton(seed, 12, limited=0.8)
    motion = random_motion(skeleton, seed, 4)
    assert np.allclose(inside_limits(skeleton, motion).local_rotations, motion.local_rotations, atol=1e-9)


@given(st.integers(0, 10_000), st.floats(0.01, 30.0))
def test_no_step_leaves_the_ranges_or_moves_a_lock(seed: int, scale: float) -> None:
    skeleton = random_skeleton(seed, 12, limited=0.8)
    state = State(skeleton, random_motion(skeleton, seed, 4))
    step = np.random.default_rng(seed).normal(size=(4, skeleton.parameter_count)) * scale
    moved = apply_step(state, step)
    assert limit_violation(skeleton, moved) < 1e-9
    still = np.setdiff1d(np.arange(12), skeleton.moving)
    assert np.allclose(moved.local_rotations[:, still], state.motion.local_rotations[:, still], atol=1e-9)


def test_an_independent_reading_of_the_angles_agrees() -> None:
    skeleton = random_skeleton(5, 30, limited=1.0)
    rng = np.random.default_rng(5)
    motion = inside_limits(skeleton, Motion(np.zeros((40, 3)), random_rotations(rng, 40, 30)))
    axes = skeleton.bone_axes
    turned = np.swapaxes(axes, -1, -2) @ motion.local_rotations @ axes
    first = Rotation.from_matrix(turned.reshape(-1, 3, 3)).as_euler("xyz").reshape(40, 30, 3)
    second = np.stack([first[..., 0] + np.pi, np.pi - first[..., 1], first[..., 2] + np.pi], axis=-1)
    shifts = 2.0 * np.pi * np.arange(-1, 2)

    def excess(triples: np.ndarray) -> np.ndarray:
        shifted = triples[..., None] + shifts
        lowest, highest = skeleton.lowest_angles[..., None], skeleton.highest_angles[..., None]
        return np.maximum(np.maximum(lowest - shifted, shifted - highest), 0.0).min(-1).max(-1)

    assert np.minimum(excess(first), excess(second)).max() < 1e-6


@given(st.integers(0, 10_000))
def test_steps_change_the_angles_by_as_much_and_no_further_than_the_ranges(seed: int) -> None:
    skeleton = random_skeleton(seed, 8, limited=1.0)
    state = State(skeleton, random_motion(skeleton, seed, 2))
    bounds = step_bounds(skeleton, state.motion)
    assert bounds is not None
    lower, upper = bounds
    assert (lower <= 0.0).all() and (upper >= 0.0).all()
    locked = skeleton.locked_parameters
    assert max(-lower[:, locked].min(initial=0.0), upper[:, locked].max(initial=0.0)) < 1e-9
    small = 1e-5 * np.random.default_rng(seed).normal(size=lower.shape)
    far = np.where(np.isfinite(upper), 3.0, 0.0)
    moved, pushed = apply_step(state, np.clip(small, lower, upper)), apply_step(state, far)
    assert limit_violation(skeleton, pushed) < 1e-9
    before, after = (limited_angles(skeleton, motion) for motion in (state.motion, moved))
    limited = np.nonzero(skeleton.is_limited)[0]
    turning = skeleton.first_parameter[limited] >= 0
    columns = skeleton.first_parameter[limited[turning]][:, None] + np.arange(3)
    expected = np.clip(small, lower, upper)[:, columns]
    gimbal = np.cos(before[:, turning, 1:2])
    assert np.abs(gimbal * ((after - before)[:, turning] - expected)).max(initial=0.0) < 1e-7
