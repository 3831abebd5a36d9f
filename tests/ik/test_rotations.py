# SPDX-License-Identifier: GPL-3.0-or-later
"""Maps between rotations' representations."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation
from skeletons import random_rotations

from mocapanything_addon.ik import rotations

angles = st.floats(0.0, np.pi - 1e-6)
directions = arrays(np.float64, 3, elements=st.floats(-1.0, 1.0)).filter(lambda v: np.linalg.norm(v) > 0.1)


@given(directions, angles)
def test_log_undoes_exp(direction: np.ndarray, angle: float) -> None:
    vector = direction / np.linalg.norm(direction) * angle
    assert np.allclose(rotations.log(rotations.exp(vector)), vector, atol=1e-9)


@given(directions, st.floats(-12, -2))
def test_log_keeps_tiny_rotations(direction: np.ndarray, exponent: float) -> None:
    vector = direction / np.linalg.norm(direction) * 10.0**exponent
    assert np.allclose(rotations.log(rotations.exp(vector)), vector, rtol=1e-7, atol=1e-17)


@given(directions)
def test_half_turns_keep_their_axis(direction: np.ndarray) -> None:
    axis = direction / np.linalg.norm(direction)
    vector = rotations.log(rotations.exp(np.pi * axis))
    assert np.linalg.norm(vector) == pytest.approx(np.pi)
    assert abs(vector @ axis) == pytest.approx(np.pi)


def test_exp_agrees_with_scipy() -> None:
    vectors = np.random.default_rng(0).normal(size=(200, 3)) * 2.0
    assert np.allclose(rotations.exp(vectors), Rotation.from_rotvec(vectors).as_matrix())


def test_quaternions_agree_with_scipy_in_any_leading_shape() -> None:
    matrices = random_rotations(np.random.default_rng(1), 4, 5)
    quaternions = rotations.quaternion_from_matrix(matrices)
    expected = Rotation.from_matrix(matrices.reshape(-1, 3, 3)).as_quat(canonical=True)[:, [3, 0, 1, 2]]
    assert quaternions.shape == (4, 5, 4)
    assert np.allclose(np.abs(np.einsum("ni,ni->n", quaternions.reshape(-1, 4), expected)), 1.0)
    assert (quaternions[..., 0] >= 0.0).all()
    assert np.allclose(rotations.matrix_from_quaternion(quaternions), matrices)


@pytest.mark.parametrize("axis", range(3))
def test_quaternion_of_a_half_turn(axis: int) -> None:
    vector = np.zeros(3)
    vector[axis] = np.pi
    quaternion = rotations.quaternion_from_matrix(rotations.exp(vector))
    assert abs(quaternion[1 + axis]) == pytest.approx(1.0)


@pytest.mark.parametrize("bad", [[0.0, 0.0, 0.0, 0.0], [np.nan, 0.0, 0.0, 1.0]])
def test_what_is_no_quaternion_is_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="no rotation"):
        rotations.matrix_from_quaternion(bad)


def test_continuous_quaternions_never_turn_away() -> None:
    rng = np.random.default_rng(2)
    smooth = np.cumsum(rng.normal(size=(300, 2, 3)) * 0.2, axis=0)
    quaternions = rotations.quaternion_from_matrix(rotations.exp(smooth))
    flipped = quaternions * rng.choice([-1.0, 1.0], size=(300, 2, 1))
    result = rotations.continuous_quaternions(flipped)
    assert (np.einsum("tji,tji->tj", result[1:], result[:-1]) > 0.0).all()
    assert np.allclose(
        rotations.matrix_from_quaternion(result), rotations.matrix_from_quaternion(quaternions)
    )


@given(directions, angles, directions)
def test_inverse_right_jacobian_is_the_derivative_of_log(
    direction: np.ndarray, angle: float, change: np.ndarray
) -> None:
    vector = direction / np.linalg.norm(direction) * min(angle, 3.0)
    step = 1e-6 * change
    moved = rotations.log(rotations.exp(vector) @ rotations.exp(step))
    moved_left = rotations.log(rotations.exp(step) @ rotations.exp(vector))
    jacobian = rotations.inverse_right_jacobian(vector)
    assert np.allclose((moved - vector) / 1e-6, jacobian @ change, atol=1e-4)
    assert np.allclose((moved_left - vector) / 1e-6, jacobian.T @ change, atol=1e-4)


def test_resample_meets_the_keys_and_turns_evenly_between() -> None:
    times = np.array([0.0, 1.0, 3.0])
    keys = rotations.exp(np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]))[:, None]
    result = rotations.resample(times, keys, np.array([-1.0, 0.5, 1.0, 2.0, 9.0]))
    assert np.allclose(rotations.log(result)[:, 0, 2], [0.0, 0.5, 1.0, 0.0, -1.0])


def test_nearest_rotation_repairs_reflections_and_scale() -> None:
    matrices = random_rotations(np.random.default_rng(3), 20)
    assert np.allclose(rotations.nearest_rotation(3.0 * matrices), matrices)
    assert np.allclose(np.linalg.det(rotations.nearest_rotation(-matrices)), 1.0)


def test_rotations_load_without_scipy() -> None:
    """Blender's own Python has none, and scene/ and jobs/ use these functions there."""
    code = "import sys; sys.modules['scipy'] = None; import mocapanything_addon.ik.rotations"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_angles_do_not_depend_on_what_lies_behind_the_numbers_in_memory(monkeypatch):
    rng = np.random.default_rng(5)
    memory = np.zeros(4096)
    matrices = memory[: 9 * 50].reshape(50, 3, 3)
    matrices[...] = rng.normal(size=matrices.shape)
    y, x = matrices[:, 1, 0], matrices[:, 0, 0]
    angles = rotations.arctan2(y, x)
    # Written right behind the columns, they come out otherwise: NumPy takes its slow way.
    near = np.arctan2(y, x, out=memory[450:500])
    assert near == pytest.approx(angles, abs=1e-14)
    given = []
    plain = np.arctan2
    monkeypatch.setattr(np, "arctan2", lambda *args: given.extend(args) or plain(*args))
    rotations.log(random_rotations(rng, 4))
    rotations.arctan2(y, x)
    assert len(given) == 4
    assert all(array.flags.c_contiguous and array.flags.owndata for array in given)
    assert rotations.arctan2(1.0, 0.0) == pytest.approx(0.5 * np.pi)
