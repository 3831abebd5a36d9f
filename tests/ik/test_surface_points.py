# SPDX-License-Identifier: GPL-3.0-or-later
"""Points of the surface as the only evidence: in space, in the image, with and without depth."""

from __future__ import annotations

import numpy as np
import pytest
from bipeds import biped
from skeletons import random_motion, random_skeleton, random_skin

from mocapanything_addon.ik import Camera, SurfacePoints, Target, rotations, solve_clip
from mocapanything_addon.ik.carried_points import CarriedPoints
from mocapanything_addon.ik.kinematics import State, forward
from mocapanything_addon.ik.linear.normal_equations import NormalEquations
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.ik.noise import point_noise, position_noise
from mocapanything_addon.ik.skinning import Skin

CAMERA = Camera.from_fov(
    40.0, 640, 480, np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]), np.array([0.0, 1.0, 5.0])
)
BODY = biped()


def tube_skin(seed: int = 0, per_bone: int = 20) -> Skin:
    """Points around every bone of the body, blended at the joints."""
    rng = np.random.default_rng(seed)
    children = np.nonzero(BODY.parents >= 0)[0].repeat(per_bone)
    parents = BODY.parents[children]
    along = rng.random((len(children), 1))
    places = (1.0 - along) * BODY.rest_positions[parents] + along * BODY.rest_positions[children]
    places += rng.normal(size=places.shape) * 0.05
    weights = np.concatenate([1.0 - 0.5 * along, 0.5 * along], axis=1)
    return Skin(places, np.zeros((0, 3)), np.stack([parents, children], axis=1), weights, BODY)


def turned_motion(frames: int, seed: int = 3) -> Motion:
    """Moving, and turned by most of a half turn from rest."""
    motion = random_motion(BODY, seed, frames, amplitude=0.35)
    local = motion.local_rotations.copy()
    local[:, 0] = rotations.exp(np.array([0.0, 0.0, 2.9])) @ local[:, 0]
    return Motion(0.1 * motion.root_translation, local)


SKIN = tube_skin()
MOTION = turned_motion(16)
TRUTH = forward(BODY, MOTION)
PLACES = SKIN.pose(TRUTH).astype(float)
PIXELS = CAMERA.project(PLACES)
DEPTHS = CAMERA.to_camera(PLACES)[..., 2]


def seen(observed: np.ndarray, *, has_depth: bool = False, weights: np.ndarray | None = None) -> Target:
    points = SurfacePoints(
        SKIN.vertices, SKIN.skin_joints, SKIN.skin_weights, observed, weights=weights, has_depth=has_depth
    )
    return Target(points=points, camera=CAMERA)


def errors(target: Target) -> tuple[float, float]:
    """Mean distance in sizes, mean angle in degrees of the joints that carry points."""
    solution = solve_clip(BODY, target, 24.0)
    assert solution.limit_violation < 1e-9 and np.isfinite(solution.local_rotations).all()
    found = rotations.matrix_from_quaternion(solution.global_rotations)
    angles = np.degrees(rotations.angle_between(found, TRUTH.global_rotations))[:, SKIN.surface_share > 0.01]
    away = np.linalg.norm(solution.positions - TRUTH.positions, axis=-1).mean() / BODY.size
    return float(away), float(angles.mean())


def with_depth() -> np.ndarray:
    return np.concatenate([PIXELS, DEPTHS[..., None]], axis=-1)


@pytest.mark.parametrize("kind", ["space", "depth", "pixels"])
def test_points_alone_show_a_body_that_is_turned_round(kind: str) -> None:
    target = {
        "space": seen(PLACES),
        "depth": seen(with_depth(), has_depth=True),
        "pixels": seen(PIXELS),
    }[kind]
    away, angle = errors(target)
    limits = (0.03, 6.0) if kind == "pixels" else (0.003, 2.0)
    assert away < limits[0] and angle < limits[1]


@pytest.mark.parametrize(("noise", "most"), [(0.025, 0.02), (0.05, 0.035)])
def test_noisy_points_still_show_the_pose(noise: float, most: float) -> None:
    off = PLACES + np.random.default_rng(0).normal(size=PLACES.shape) * noise * BODY.size
    observed = np.concatenate([CAMERA.project(off), CAMERA.to_camera(off)[..., 2:]], axis=-1)
    away, angle = errors(seen(observed, has_depth=True))
    rest = Motion(MOTION.root_translation, np.tile(np.eye(3), (16, BODY.joint_count, 1, 1)))
    rest.local_rotations[:, 0] = MOTION.local_rotations[:, 0]
    at_rest = np.linalg.norm(forward(BODY, rest).positions - TRUTH.positions, axis=-1).mean() / BODY.size
    assert away < min(most, 0.5 * at_rest)
    assert angle < 14.0


def test_a_point_without_depth_still_counts_by_its_pixel() -> None:
    observed = with_depth()
    lost = np.random.default_rng(1).random(DEPTHS.shape) < 0.5
    observed[lost, 2] = np.nan
    target = seen(observed, has_depth=True)
    solution = solve_clip(BODY, target, 24.0)
    assert solution.ignored == ()
    away, angle = errors(target)
    assert away < 0.005 and angle < 3.0


def test_points_nobody_saw_are_left_out() -> None:
    observed = with_depth()
    observed[np.random.default_rng(2).random(DEPTHS.shape) < 0.4] = np.nan
    observed[5] = np.nan
    away, angle = errors(seen(observed, has_depth=True))
    assert away < 0.01 and angle < 4.0
    nothing = np.full_like(observed, np.nan)
    solution = solve_clip(BODY, seen(nothing, has_depth=True), 24.0)
    assert np.allclose(solution.positions, BODY.rest_positions, atol=1e-9)
    solution = solve_clip(BODY, seen(np.full_like(PIXELS, np.nan)), 24.0)
    assert np.allclose(solution.positions, BODY.rest_positions, atol=1e-9)


def test_outliers_are_let_go() -> None:
    observed = with_depth()
    wrong = np.random.default_rng(3).random(DEPTHS.shape) < 0.15
    observed[wrong] += np.random.default_rng(4).normal(size=(wrong.sum(), 3)) * [60.0, 60.0, 0.5]
    away, angle = errors(seen(observed, has_depth=True))
    assert away < 0.01 and angle < 4.0


@pytest.mark.parametrize("frames", [1, 2])
def test_single_frames_are_solved(frames: int) -> None:
    for observed, has_depth, most in (
        (PLACES, False, 0.01),
        (with_depth(), True, 0.01),
        (PIXELS, False, 0.07),
    ):
        target = seen(observed[:frames], has_depth=has_depth)
        solution = solve_clip(BODY, target, 24.0)
        away = np.linalg.norm(solution.positions - TRUTH.positions[:frames], axis=-1).mean()
        assert away < most * BODY.size


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="surface points with depth have shape"):
        solve_clip(BODY, seen(PIXELS, has_depth=True), 24.0)
    points = SurfacePoints(SKIN.vertices, SKIN.skin_joints, SKIN.skin_weights, with_depth(), has_depth=True)
    with pytest.raises(ValueError, match="need the target's camera"):
        solve_clip(BODY, Target(points=points), 24.0)


def test_a_target_may_have_no_points_at_all() -> None:
    none = SurfacePoints(np.zeros((0, 3)), np.zeros((0, 2), int), np.zeros((0, 2)), np.zeros((16, 0, 3)))
    solution = solve_clip(BODY, Target(TRUTH.positions, points=none), 24.0)
    assert np.linalg.norm(solution.positions - TRUTH.positions, axis=-1).max() < 0.01 * BODY.size


def test_carried_points_are_those_of_the_skin() -> None:
    assert np.abs(CarriedPoints(SKIN).positions(State(BODY, MOTION)) - PLACES).max() < 1e-5


def test_the_curvature_is_never_less_than_that_of_the_points() -> None:
    skeleton = random_skeleton(5, 7, limited=0.3)
    skin = random_skin(skeleton, 5, vertices=25)
    state = State(skeleton, random_motion(skeleton, 6, 2, amplitude=0.4))
    rng = np.random.default_rng(7)
    factors = rng.normal(size=(2, 25, 3, 3))
    information = factors @ np.swapaxes(factors, -1, -2)
    gradient = rng.normal(size=(2, 25, 3))
    system = NormalEquations(state)
    CarriedPoints(skin).add_information(state, system, information, gradient)
    corners = np.tile([1.0, 0.0, 0.0], (25, 1))
    points = Skin(
        skin.vertices, np.arange(25)[:, None].repeat(3, 1), skin.skin_joints, skin.skin_weights, skeleton
    )
    for t in range(2):
        jacobian = points.at(state, t).jacobian(np.arange(25), corners).astype(float)
        exact = np.einsum("vcp,vcd,vdq->pq", jacobian, information[t], jacobian)
        more = system.frame_blocks()[t] - exact
        scale = np.abs(exact).max()
        assert np.linalg.eigvalsh(0.5 * (more + more.T)).min() > -1e-5 * scale
        assert np.allclose(
            system.gradient[t], np.einsum("vcp,vc->p", jacobian, gradient[t]), atol=1e-4 * np.sqrt(scale)
        )


@pytest.mark.parametrize("sigma", [0.0, 0.005, 0.03])
def test_noise_is_told_from_lengths(sigma: float) -> None:
    rng = np.random.default_rng(8)
    off = PLACES + rng.normal(size=PLACES.shape) * sigma
    rigid = Skin(
        SKIN.vertices, np.zeros((0, 3)), SKIN.skin_joints[:, :1], np.ones((SKIN.vertex_count, 1)), BODY
    )
    carried = rigid.pose(TRUTH).astype(float) + rng.normal(size=PLACES.shape) * sigma
    found = point_noise(rigid, carried, np.ones(off.shape[:2]))
    assert found is not None
    assert found == pytest.approx(sigma, rel=0.15, abs=1e-5)
    joints = TRUTH.positions + rng.normal(size=TRUTH.positions.shape) * sigma
    assert position_noise(BODY, joints, np.ones(joints.shape[:2])) == pytest.approx(sigma, rel=0.25, abs=1e-9)
    assert point_noise(rigid, carried, np.zeros(off.shape[:2])) is None
    assert position_noise(BODY, joints, np.zeros(joints.shape[:2])) == 0.0
