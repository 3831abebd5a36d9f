# SPDX-License-Identifier: GPL-3.0-or-later
"""The surface and how its points move."""

from __future__ import annotations

import numpy as np
import pytest
from skeletons import random_motion, random_skeleton, random_skin

from mocapanything_addon.ik.kinematics import State
from mocapanything_addon.ik.linear.normal_equations import NormalEquations
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.ik.parameters import apply_step
from mocapanything_addon.ik.skeleton import Skeleton
from mocapanything_addon.ik.skinning import Skin


def blended(skin: Skin, state: State, frame: int) -> np.ndarray:
    """Linear blend skinning, vertex by vertex, in double precision."""
    pose, skeleton = state.pose, skin.skeleton
    result = np.zeros((skin.vertex_count, 3))
    for v, (joints, weights) in enumerate(zip(skin.skin_joints, skin.skin_weights, strict=True)):
        for joint, weight in zip(joints, weights, strict=True):
            arm = skin.vertices[v] - skeleton.rest_positions[joint]
            carried = pose.positions[frame, joint] + pose.global_rotations[frame, joint] @ arm
            result[v] += weight * carried
    return result


def test_rest_pose_gives_the_rest_mesh() -> None:
    skeleton = random_skeleton(0, 10)
    skin = random_skin(skeleton, 0)
    state = State(skeleton, Motion.rest(10, 2))
    assert np.allclose(skin.pose(state.pose), skin.vertices, atol=1e-6)


def test_whole_clip_and_single_frames_agree_with_the_definition() -> None:
    skeleton = random_skeleton(1, 12)
    skin = random_skin(skeleton, 1)
    state = State(skeleton, random_motion(skeleton, 1, 3))
    posed = skin.pose(state.pose)
    for frame in range(3):
        expected = blended(skin, state, frame)
        assert np.allclose(posed[frame], expected, atol=1e-5)
        assert np.allclose(skin.at(state, frame).vertices, expected, atol=1e-5)


def test_point_jacobian_is_the_derivative() -> None:
    skeleton = random_skeleton(2, 10, limited=0.3)
    skin = random_skin(skeleton, 2)
    state = State(skeleton, random_motion(skeleton, 2, 1, amplitude=0.3))
    rng = np.random.default_rng(2)
    triangles, barycentric = rng.integers(0, len(skin.faces), 30), rng.dirichlet([1.0, 1.0, 1.0], 30)
    jacobian = skin.at(state, 0).jacobian(triangles, barycentric)
    corners = skin.faces[triangles]
    for k in np.nonzero(~skeleton.locked_parameters)[0]:
        ends = []
        for sign in (-1.0, 1.0):
            step = np.zeros((1, skeleton.parameter_count))
            step[0, k] = sign * 1e-5
            vertices = blended(skin, State(skeleton, apply_step(state, step)), 0)
            ends.append(np.einsum("si,sic->sc", barycentric, vertices[corners]))
        assert np.allclose((ends[1] - ends[0]) / 2e-5, jacobian[..., k], atol=1e-4)


def test_rows_along_directions_fill_the_same_system_as_the_jacobian() -> None:
    skeleton = random_skeleton(3, 10, limited=0.3)
    skin = random_skin(skeleton, 3)
    state = State(skeleton, random_motion(skeleton, 3, 2))
    rng = np.random.default_rng(3)
    triangles, barycentric = rng.integers(0, len(skin.faces), 25), rng.dirichlet([1.0, 1.0, 1.0], 25)
    directions, residuals = rng.normal(size=(25, 2, 3)), rng.normal(size=50)
    surface = skin.at(state, 1)
    rows = surface.jacobian(triangles, barycentric, directions).reshape(50, -1)
    plain, quick = (NormalEquations(state) for _ in range(2))
    plain.add(1, rows, residuals)
    quick.add_geometric(1, surface.geometric_rows(triangles, barycentric, directions), residuals)
    assert np.allclose(plain.frame_blocks(), quick.frame_blocks(), atol=1e-4)
    assert np.allclose(plain.gradient, quick.gradient, atol=1e-4)


def test_surface_share_counts_what_hangs_below() -> None:
    skeleton = random_skeleton(4, 8)
    skin = random_skin(skeleton, 4)
    assert skin.surface_share[0] == pytest.approx(1.0)
    assert (skin.surface_share[skeleton.parents[1:]] >= skin.surface_share[1:] - 1e-12).all()


@pytest.mark.parametrize(
    ("joints", "weights", "faces", "message"),
    [
        ([[0], [5], [0]], [[1.0]] * 3, [[0, 1, 2]], "skin_joints must lie between 0 and 1"),
        ([[0], [1], [0]], [[1.0]] * 3, [[0, 1, 3]], "faces must lie between 0 and 2"),
        ([[0], [1], [0]], [[1.0], [0.0], [1.0]], [[0, 1, 2]], "vertex 1 has no weight"),
        ([[0], [1]], [[1.0]] * 3, [[0, 1, 2]], "must both be"),
    ],
)
def test_what_is_no_skin_is_refused(joints: list, weights: list, faces: list, message: str) -> None:
    skeleton = Skeleton(["a", "b"], [-1, 0], [[0, 0, 0], [0, 0, 1]], [[1, 0, 0, 0]] * 2)
    with pytest.raises(ValueError, match=message):
        Skin(np.zeros((3, 3)), faces, joints, weights, skeleton)
