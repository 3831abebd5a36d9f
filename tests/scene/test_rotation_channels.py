# SPDX-License-Identifier: GPL-3.0-or-later
"""Channel values give back the rotation in Blender's own arithmetic, without jumps, locks respected."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mathutils import Euler, Quaternion

from mocapanything_addon.ik import euler_angles as euler
from mocapanything_addon.ik import rotations
from mocapanything_addon.scene.rotation_channels import (
    RotationState,
    free_channels,
    locked_channels,
    present_rotation,
)

pytestmark = pytest.mark.bpy
ORDERS = ["XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX"]
MODES = ["QUATERNION", "AXIS_ANGLE", *ORDERS]


def blender_matrix(mode: str, values: np.ndarray) -> np.ndarray:
    if mode == "QUATERNION":
        return np.array(Quaternion(values).normalized().to_matrix())
    if mode == "AXIS_ANGLE":
        return np.array(Quaternion(values[1:], values[0]).to_matrix())
    return np.array(Euler(values, mode).to_matrix())


def motion(seed: int, frames: int = 60, size: float = 3.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    amount, phase = size * rng.normal(size=3), rng.uniform(0, 6, 3)
    time = np.linspace(0, 1, frames)[:, None]
    return rotations.exp(amount * np.sin(4 * time + phase))


def state(mode: str, locked: str = "", *, four: bool = False, values: tuple = ()) -> RotationState:
    count = 3 if mode in ORDERS else 4
    return RotationState(
        mode=mode,
        locked=tuple(axis in locked for axis in "xyz"),
        locked_w="w" in locked,
        locks_four=four,
        values=values or ((0.0,) * 3 if count == 3 else (1.0, 0.0, 0.0, 0.0)),
    )


@pytest.mark.parametrize("mode", MODES)
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_channels_give_the_rotation_back(mode, seed):
    asked = motion(seed)
    values = free_channels(asked[:, None], mode)[:, 0]
    found = np.array([blender_matrix(mode, v) for v in values])
    assert np.abs(found - asked).max() < 1e-5


@pytest.mark.parametrize("order", ORDERS)
def test_euler_angles_do_not_jump(order):
    """Three full turns about each axis: angles run on past half a turn instead of wrapping."""
    for axis in range(3):
        turn = np.zeros((200, 3))
        turn[:, axis] = np.linspace(0, 6 * np.pi, 200)
        angles = euler.continuous_euler(rotations.exp(turn), order)
        assert np.abs(np.diff(angles, axis=0)).max() < 0.2
        if axis != "XYZ".index(order[1]):
            assert angles[-1, axis] == pytest.approx(6 * np.pi, abs=1e-6)


@pytest.mark.parametrize("order", ORDERS)
def test_exactly_at_gimbal_lock_the_rotation_is_right(order):
    angles = np.zeros((5, 3))
    angles[:, "XYZ".index(order[1])] = np.pi / 2
    angles[:, "XYZ".index(order[0])] = [0.1, 0.2, 0.3, 0.4, 0.5]
    asked = euler.matrix_from_euler(angles, order)
    found = euler.continuous_euler(asked, order)
    assert np.abs(euler.matrix_from_euler(found, order) - asked).max() < 1e-6
    assert np.abs(np.diff(found, axis=0)).max() < 0.2


@pytest.mark.parametrize("order", ORDERS)
def test_matrices_agree_with_blender(order):
    angles = np.random.default_rng(0).normal(size=(20, 3))
    found = euler.matrix_from_euler(angles, order)
    assert np.abs(found - [blender_matrix(order, a) for a in angles]).max() < 1e-6


def test_quaternions_and_axes_do_not_flip():
    asked = motion(3, frames=400, size=4.0)
    quaternions = free_channels(asked[:, None], "QUATERNION")[:, 0]
    assert (np.einsum("ti,ti->t", quaternions[1:], quaternions[:-1]) > 0.9).all()
    turns = rotations.exp(np.linspace(-4 * np.pi, 4 * np.pi, 300)[:, None] * [0.6, 0.8, 0.0])
    values = free_channels(turns[:, None], "AXIS_ANGLE")[:, 0]
    assert np.abs(np.diff(values[:, 0])).max() < 0.2
    assert values[-1, 0] - values[0, 0] == pytest.approx(8 * np.pi, abs=0.1) or values[0, 0] - values[
        -1, 0
    ] == pytest.approx(8 * np.pi, abs=0.1)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("locked", ["x", "y", "z", "xy", "yz", "xyz"])
def test_locked_euler_angles_stay_and_the_rest_is_the_best_there_is(order, locked):
    present = (0.3, -0.2, 0.1)
    asked = motion(5, size=0.4)
    channels, reached = locked_channels(asked, state(order, locked, values=present))
    assert set(channels) == {i for i in range(3) if "xyz"[i] not in locked}
    values = np.tile(present, (len(asked), 1))
    for i, column in channels.items():
        values[:, i] = column
    assert np.abs(np.array([blender_matrix(order, v) for v in values]) - reached).max() < 1e-5
    error = rotations.angle_between(asked, reached)
    for i in channels:
        for step in (-1e-3, 1e-3):
            other = values.copy()
            other[:, i] += step
            beside = rotations.angle_between(asked, euler.matrix_from_euler(other, order))
            assert (beside > error - 1e-6).all()


def test_a_reachable_motion_is_reached_exactly():
    angles = np.zeros((30, 3))
    angles[:, 0] = np.linspace(-2.5, 2.5, 30)
    asked = euler.matrix_from_euler(angles, "XYZ")
    channels, reached = locked_channels(asked, state("XYZ", "yz"))
    assert np.abs(reached - asked).max() < 1e-9 and np.allclose(channels[0], angles[:, 0], atol=1e-6)
    channels, reached = locked_channels(asked, state("QUATERNION", "yz", four=True))
    assert set(channels) == {0, 1} and np.abs(reached - asked).max() < 1e-9
    channels, reached = locked_channels(
        asked, state("AXIS_ANGLE", "xyz", four=True, values=(0.0, 1.0, 0.0, 0.0))
    )
    assert set(channels) == {0} and np.abs(reached - asked).max() < 1e-9


@pytest.mark.parametrize(
    ("mode", "locked", "values"),
    [
        ("QUATERNION", "w", (1.0, 0.0, 0.0, 0.0)),
        ("QUATERNION", "x", (0.9, 0.3, 0.1, 0.0)),
        ("QUATERNION", "wxyz", (0.9, 0.3, 0.1, 0.0)),
        ("AXIS_ANGLE", "w", (0.5, 0.0, 0.0, 1.0)),
        ("AXIS_ANGLE", "y", (0.5, 0.0, 0.0, 1.0)),
    ],
)
def test_four_channel_locks_hold_their_values(mode, locked, values):
    asked = motion(7, size=0.6)
    how = state(mode, locked, four=True, values=values)
    channels, reached = locked_channels(asked, how)
    full = np.tile(values, (len(asked), 1))
    for i, column in channels.items():
        assert "wxyz"[i] not in locked
        full[:, i] = column
    assert np.abs(np.array([blender_matrix(mode, v) for v in full]) - reached).max() < 1e-5
    if (mode, locked) == ("QUATERNION", "w"):
        # An unnormalised quaternion with w = 1 still reaches every rotation short of half a turn.
        assert rotations.angle_between(asked, reached).max() < 1e-3


def test_locked_quaternions_without_four_channel_locking_lock_angles():
    asked = motion(2, size=0.5)
    turned = euler.matrix_from_euler(np.array([0.0, 0.4, 0.0]), "XYZ")
    how = state("QUATERNION", "y", values=tuple(rotations.quaternion_from_matrix(turned)))
    channels, reached = locked_channels(asked, how)
    assert set(channels) == {0, 1, 2, 3}
    assert np.allclose(euler.continuous_euler(reached, "XYZ")[:, 1], 0.4, atol=1e-6)
    assert np.allclose(present_rotation(how), turned)
