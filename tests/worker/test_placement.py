# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the captured motion is put."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from mocapanything_addon.worker.placement import heading, place

ANGLES = st.floats(-3.0, 3.0)


@given(ANGLES, st.integers(0, 1000))
def test_heading_is_the_turn_about_up(yaw: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    up = rng.normal(size=3)
    up /= np.linalg.norm(up)
    tilt_axis = np.cross(up, rng.normal(size=3))
    tilt = Rotation.from_rotvec(tilt_axis / np.linalg.norm(tilt_axis) * rng.uniform(0, 1.0))
    turned = Rotation.from_rotvec(yaw * up) * tilt
    assert abs(heading(turned.as_matrix()[None], up)[0] - yaw) < 1e-6


@given(ANGLES, st.integers(0, 1000))
def test_first_frame_lands_on_the_rest_pose(yaw: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    up = np.array([0.0, 0.0, 1.0])
    rotations = Rotation.from_rotvec(np.outer(yaw + 0.1 * np.arange(20), up)).as_matrix()
    positions = rng.normal(size=3) + np.cumsum(rng.normal(size=(20, 3)) * 0.1, 0)
    lowest = np.full(20, -7.0)
    rest_root = np.array([0.3, -0.2, 1.0])
    placement = place(positions, rotations, lowest, rest_root, 0.25, up)
    moved = placement.points(positions)
    np.testing.assert_allclose(moved[0, :2], rest_root[:2], atol=1e-9)
    np.testing.assert_allclose(placement.rotation @ rotations[0], np.eye(3), atol=1e-9)
    np.testing.assert_allclose(moved[:, 2] - positions[:, 2], 7.25, atol=1e-9)
    np.testing.assert_allclose(
        np.linalg.norm(np.diff(moved, axis=0), axis=1), np.linalg.norm(np.diff(positions, axis=0), axis=1)
    )
