# SPDX-License-Identifier: GPL-3.0-or-later
"""Euler angles of a clip give back its rotations and do not jump."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from skeletons import random_rotations

from mocapanything_addon.ik import rotations
from mocapanything_addon.ik.euler_angles import continuous_euler, matrix_from_euler

ORDERS = ["XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX"]
orders = st.sampled_from(ORDERS)


@pytest.mark.parametrize("order", ORDERS)
def test_the_first_letter_turns_first(order: str) -> None:
    angles = np.random.default_rng(0).uniform(-3.0, 3.0, (20, 3))
    by_turn = angles[:, ["XYZ".index(letter) for letter in order]]
    expected = Rotation.from_euler(order.lower(), by_turn).as_matrix()
    assert np.allclose(matrix_from_euler(angles, order), expected)


@given(st.integers(0, 10_000), orders)
def test_any_motion_comes_back_without_jumps(seed: int, order: str) -> None:
    """Frames far apart, so that every choice of triple is needed."""
    matrices = random_rotations(np.random.default_rng(seed), 30, 4)
    angles = continuous_euler(matrices, order)
    assert np.allclose(matrix_from_euler(angles, order), matrices)
    assert np.abs(np.diff(angles, axis=0)).max() <= np.pi + 1e-9


@given(st.integers(0, 10_000), orders)
def test_no_other_choice_of_triples_changes_less(seed: int, order: str) -> None:
    """Against all choices over five frames."""
    matrices = random_rotations(np.random.default_rng(seed), 5)
    angles = continuous_euler(matrices, order)
    second = "XYZ".index(order[1])
    other = angles + np.pi
    other[:, second] = np.pi - angles[:, second]
    assert np.allclose(matrix_from_euler(other, order), matrices)
    costs = []
    for choice in itertools.product([False, True], repeat=5):
        path = np.unwrap(np.where(np.array(choice)[:, None], other, angles), axis=0)
        costs.append(np.abs(np.diff(path, axis=0)).sum())
    assert np.abs(np.diff(angles, axis=0)).sum() <= min(costs) + 1e-9


@pytest.mark.parametrize("order", ORDERS)
def test_through_gimbal_lock_the_angles_run_on(order: str) -> None:
    """The middle angle passes 90 degrees, stays there for some frames, and goes back or on."""
    first, middle, third = ("XYZ".index(letter) for letter in order)
    held = np.full(9, np.pi / 2)
    for after in (np.linspace(np.pi / 2, 2.2, 10), np.linspace(np.pi / 2, 0.9, 10)):
        angles = np.zeros((29, 3))
        angles[:, middle] = np.concatenate([np.linspace(0.9, np.pi / 2, 10), held, after])
        angles[:, first] = np.linspace(0.0, 2.0, 29)
        angles[:, third] = np.linspace(0.5, -0.5, 29)
        matrices = matrix_from_euler(angles, order)
        found = continuous_euler(matrices, order)
        assert np.allclose(matrix_from_euler(found, order), matrices, atol=1e-6)
        assert np.abs(np.diff(found, axis=0)).max() < 0.3
        assert np.allclose(found, angles, atol=1e-5)


def test_nothing_but_gimbal_lock() -> None:
    matrices = matrix_from_euler(np.tile([0.3, np.pi / 2, 0.1], (4, 1)), "XYZ")
    found = continuous_euler(matrices, "XYZ", np.array([0.25, 1.5, 0.0]))
    assert np.allclose(found[:, 0], 0.25)
    assert np.allclose(matrix_from_euler(found, "XYZ"), matrices)


def test_the_first_frame_is_near_the_start() -> None:
    start = np.array([7.0, 3.0, -9.0])
    matrices = rotations.exp([[0.1, 0.0, 0.0]]) @ matrix_from_euler(start[None], "ZXY")
    assert np.abs(continuous_euler(matrices, "ZXY", start) - start).max() < 0.2


def test_blender_needs_no_scipy_for_it() -> None:
    code = "import sys; import mocapanything_addon.ik.euler_angles; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
