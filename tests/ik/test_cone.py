# SPDX-License-Identifier: GPL-3.0-or-later
"""Ball joints: swing cone and twist range."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from skeletons import random_motion, random_rotations, random_skeleton, with_cones

from mocapanything_addon.ik.kinematics import State, forward, joint_jacobian
from mocapanything_addon.ik.limits import cone
from mocapanything_addon.ik.limits.ranges import inside_limits, limit_violation
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.ik.parameters import apply_step, step_bounds
from mocapanything_addon.ik.skeleton import Skeleton

FREE_SWING = np.full(2, np.inf)
FREE_TWIST = np.array([-np.inf, np.inf])
widths = st.one_of(st.floats(0.05, 2.9), st.just(np.inf), st.just(0.0))


def test_twist_comes_first_then_the_shortest_turn_to_where_the_bone_points() -> None:
    swing, twist = np.array([0.4, -0.7]), np.array(0.9)
    matrix = cone.matrix_from_coordinates(cone.Coordinates(swing, twist))
    expected = Rotation.from_rotvec([0.4, 0.0, -0.7]) * Rotation.from_euler("y", 0.9)
    assert np.allclose(matrix, expected.as_matrix())
    points = matrix @ [0.0, 1.0, 0.0]
    assert np.isclose(np.arccos(points[1]), np.linalg.norm(swing))


@given(st.integers(0, 10_000))
def test_every_rotation_has_coordinates(seed: int) -> None:
    matrices = random_rotations(np.random.default_rng(seed), 40)
    found = cone.coordinates_from_matrix(matrices, FREE_SWING, FREE_TWIST)
    assert np.allclose(cone.matrix_from_coordinates(found), matrices)
    assert np.linalg.norm(found.swing, axis=-1).max() <= np.pi + 1e-12


@pytest.mark.parametrize("free", [0, 1])
def test_a_bone_folded_back_takes_the_twist_that_keeps_the_ellipse(free: int) -> None:
    """Swung by 180 degrees, twist and direction of the swing are one; both ranges can be kept, and are."""
    width = np.full(2, 0.3)
    width[free] = np.inf
    swing = np.zeros(2)
    swing[free] = np.pi
    ranges = np.array([-0.2, 1.0])
    for twist in (0.8, 0.0, -0.2):
        matrix = cone.matrix_from_coordinates(cone.Coordinates(swing, np.array(twist)))
        found = cone.coordinates_from_matrix(matrix, width, ranges)
        assert cone.excess(found, width, ranges).max() < 1e-9
        assert np.allclose(cone.matrix_from_coordinates(found), matrix)


@given(st.tuples(widths, widths), st.integers(0, 10_000))
def test_the_nearest_swing_of_the_ellipse_is_found(width: tuple[float, float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    given_widths = np.array(width)
    swing = rng.uniform(-3.0, 3.0, (20, 2))
    start = cone.Coordinates(swing, rng.uniform(-3.0, 3.0, 20))
    found = cone.inside(start, given_widths, np.array([-0.5, 1.0]))
    assert cone.excess(found, given_widths, np.array([-0.5, 1.0])).max() < 1e-12
    turn = np.linspace(0.0, 2.0 * np.pi, 4001)
    edge = np.stack([np.cos(turn), np.sin(turn)], axis=-1) * np.where(np.isinf(width), 1e3, width)
    if np.isinf(width).any():
        # A strip: the free component is the swing's own.
        edge = np.where(np.isinf(width), swing[:, None], np.clip(swing, -given_widths, given_widths)[:, None])
    away = np.linalg.norm(edge - swing[:, None], axis=-1).min(axis=1)
    depth = np.linalg.norm(swing / np.where(given_widths > 0.0, given_widths, 1e-9), axis=-1)
    distance = np.linalg.norm(found.swing - swing, axis=-1)
    assert np.allclose(distance[depth <= 1.0], 0.0)
    assert (distance[depth > 1.0] <= away[depth > 1.0] + 2e-3).all()


@given(st.integers(0, 10_000))
def test_any_rotation_can_be_put_inside_and_what_is_inside_stays(seed: int) -> None:
    skeleton = with_cones(random_skeleton(seed, 12, limited=0.3), seed)
    rng = np.random.default_rng(seed)
    inside = inside_limits(skeleton, Motion(rng.normal(size=(5, 3)), random_rotations(rng, 5, 12)))
    assert limit_violation(skeleton, inside) < 1e-9
    again = inside_limits(skeleton, inside)
    assert np.allclose(again.local_rotations, inside.local_rotations, atol=1e-9)


@given(st.integers(0, 10_000), st.floats(0.01, 30.0))
def test_no_step_leaves_the_cones(seed: int, scale: float) -> None:
    skeleton = with_cones(random_skeleton(seed, 12, limited=0.3), seed)
    state = State(skeleton, random_motion(skeleton, seed, 4))
    step = np.random.default_rng(seed).normal(size=(4, skeleton.parameter_count)) * scale
    assert limit_violation(skeleton, apply_step(state, step)) < 1e-9


@given(st.integers(0, 10_000))
@settings(max_examples=10)
def test_joint_jacobian_is_the_derivative(seed: int) -> None:
    skeleton = with_cones(random_skeleton(seed, 10, limited=0.3), seed)
    state = State(skeleton, random_motion(skeleton, seed, 2))
    jacobian = joint_jacobian(state, np.arange(10))
    bounds = step_bounds(skeleton, state.motion)
    assert bounds is not None
    for k in np.nonzero(~skeleton.locked_parameters)[0]:
        step = np.zeros((2, skeleton.parameter_count))
        step[:, k] = np.where(bounds[1][:, k] < 1e-6, -1e-6, 1e-6)
        moved = forward(skeleton, apply_step(state, step)).positions
        slopes = (moved - state.pose.positions) / step[:, k][:, None, None]
        assert np.allclose(slopes, jacobian[..., k], atol=5e-5)


def test_bounds_lead_to_the_edge() -> None:
    width, ranges = np.array([0.8, 0.5]), np.array([-0.3, 0.6])
    here = cone.Coordinates(np.array([0.3, 0.2]), np.array(0.1))
    lower, upper = cone.bounds(here, width, ranges)
    for bound in (lower, upper):
        swing = here.swing + cone.directions(here.swing, width)[:, 0] * bound[0]
        assert np.isclose(((swing / width) ** 2).sum(), 1.0)
        assert np.isclose(here.twist + bound[1], ranges[0] if bound is lower else ranges[1])


def test_a_locked_swing_is_no_unknown_and_a_locked_ball_joint_none_at_all() -> None:
    swings = np.tile(FREE_SWING, (3, 1))
    twists = np.tile(FREE_TWIST, (3, 1))
    swings[1], swings[2], twists[2] = [0.7, 0.0], 0.0, 0.0
    skeleton = Skeleton(
        ["a", "b", "c"],
        [-1, 0, 1],
        np.eye(3),
        [[1, 0, 0, 0]] * 3,
        swing_limits=swings,
        twist_limits=twists,
    )
    assert skeleton.moving.tolist() == [0, 1]
    assert np.nonzero(skeleton.locked_parameters)[0].tolist() == [8]


def test_one_joint_has_one_kind_of_limits() -> None:
    limits = np.tile(FREE_TWIST, (2, 3, 1))
    limits[1, 0] = [-1.0, 1.0]
    swings = np.full((2, 2), 0.5)
    with pytest.raises(ValueError, match=r"joint 1 \('knee'\) has limits or locks of Euler angles and"):
        Skeleton(["hip", "knee"], [-1, 0], np.eye(3)[:2], [[1, 0, 0, 0]] * 2, limits, swing_limits=swings)
