# SPDX-License-Identifier: GPL-3.0-or-later
"""Where joints are and how they move with the unknowns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skeletons import chain, random_motion, random_rotations, random_skeleton

from mocapanything_addon.ik import rotations
from mocapanything_addon.ik.kinematics import State, add_joint_information, forward, joint_jacobian
from mocapanything_addon.ik.linear.normal_equations import NormalEquations
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.ik.parameters import apply_step, step_bounds


def test_rest_is_rest() -> None:
    skeleton = random_skeleton(0, 20)
    pose = forward(skeleton, Motion.rest(20, 3))
    assert np.allclose(pose.positions, skeleton.rest_positions)
    assert np.allclose(pose.global_rotations, np.eye(3))


def test_forward_follows_the_definition_joint_by_joint() -> None:
    skeleton = random_skeleton(1, 25)
    motion = random_motion(skeleton, 1, 4)
    pose = forward(skeleton, motion)
    for t in range(4):
        turned, place = np.zeros((25, 3, 3)), np.zeros((25, 3))
        for j, parent in enumerate(skeleton.parents):
            if parent < 0:
                turned[j] = motion.local_rotations[t, j]
                place[j] = skeleton.rest_positions[j] + motion.root_translation[t]
            else:
                turned[j] = turned[parent] @ motion.local_rotations[t, j]
                place[j] = place[parent] + turned[parent] @ skeleton.offsets[j]
        assert np.allclose(pose.global_rotations[t], turned)
        assert np.allclose(pose.positions[t], place)


@given(st.integers(0, 10_000))
def test_bones_keep_their_length(seed: int) -> None:
    skeleton = random_skeleton(seed, 15)
    positions = forward(skeleton, random_motion(skeleton, seed, 3, amplitude=2.0)).positions
    child = np.arange(1, 15)
    lengths = np.linalg.norm(positions[:, child] - positions[:, skeleton.parents[child]], axis=-1)
    assert np.allclose(lengths, np.linalg.norm(skeleton.offsets[child], axis=-1))


@pytest.mark.parametrize("limited", [0.0, 0.7])
def test_joint_jacobian_is_the_derivative(limited: float) -> None:
    skeleton = random_skeleton(2, 14, limited=limited)
    state = State(skeleton, random_motion(skeleton, 2, 3))
    jacobian = joint_jacobian(state, np.arange(14))
    bounds = step_bounds(skeleton, state.motion)
    for k in np.nonzero(~skeleton.locked_parameters)[0]:
        step = np.zeros((3, skeleton.parameter_count))
        # One-sided, away from the nearer end of the angle's range.
        step[:, k] = 1e-6
        if bounds is not None:
            step[:, k] = np.where(bounds[1][:, k] < 1e-6, -1e-6, 1e-6)
        moved = forward(skeleton, apply_step(state, step)).positions
        slopes = (moved - state.pose.positions) / step[:, k][:, None, None]
        assert np.allclose(slopes, jacobian[..., k], atol=2e-5)


@given(st.integers(0, 10_000))
def test_composite_information_equals_the_plain_product(seed: int) -> None:
    skeleton = random_skeleton(seed, 12, limited=0.4)
    state = State(skeleton, random_motion(skeleton, seed, 2))
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(2, 12, 2, 3))
    information = np.swapaxes(factors, -1, -2) @ factors
    gradient = rng.normal(size=(2, 12, 3))
    system = NormalEquations(state)
    add_joint_information(state, system, information, gradient)
    jacobian = joint_jacobian(state, np.arange(12))
    assert np.allclose(
        system.frame_blocks(), np.einsum("tjap,tjab,tjbq->tpq", jacobian, information, jacobian)
    )
    assert np.allclose(system.gradient, np.einsum("tjap,tja->tp", jacobian, gradient))


@given(st.integers(0, 10_000))
def test_a_rigid_turn_of_the_root_turns_everything(seed: int) -> None:
    skeleton = random_skeleton(seed, 10)
    motion = random_motion(skeleton, seed, 2)
    turn = random_rotations(np.random.default_rng(seed))
    turned_motion = motion.copy()
    turned_motion.local_rotations[:, 0] = turn @ motion.local_rotations[:, 0]
    before, after = forward(skeleton, motion), forward(skeleton, turned_motion)
    center = before.positions[:, :1]
    assert np.allclose(after.positions - center, (before.positions - center) @ turn.T)
    assert np.allclose(after.global_rotations, turn @ before.global_rotations)


def test_a_step_of_zero_changes_nothing_even_on_a_long_chain() -> None:
    skeleton = chain(300)
    motion = random_motion(skeleton, 3, 3)
    for _ in range(30):
        motion = apply_step(State(skeleton, motion), np.full((3, skeleton.parameter_count), 1e-9))
    start = random_motion(skeleton, 3, 3)
    assert np.allclose(motion.local_rotations, start.local_rotations, atol=1e-5)
    products = np.swapaxes(motion.local_rotations, -1, -2) @ motion.local_rotations
    assert np.allclose(products, np.eye(3), atol=1e-13)


def test_twisting_a_bone_leaves_the_joints_below_where_they_are() -> None:
    """A long step of a free chain: each bone is aimed in space, not carried along by the one above."""
    skeleton = chain(5)
    state = State(skeleton, Motion.rest(5))
    step = np.zeros((1, skeleton.parameter_count))
    step[0, 6:9], step[0, 9:12] = [0.0, 0.0, 1.5], [0.8, 0.0, -1.5]
    pose = forward(skeleton, apply_step(state, step))
    aimed = rotations.exp(np.array([0.8, 0.0, 0.0]))
    assert np.allclose(pose.global_rotations[0, 2], aimed)
