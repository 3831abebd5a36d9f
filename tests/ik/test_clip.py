# SPDX-License-Identifier: GPL-3.0-or-later
"""From joint targets to a clip: what is recovered, what is ignored, what always holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skeletons import chain, random_motion, random_skeleton, random_skin

from mocapanything_addon.ik import (
    Camera,
    Contact,
    IKSettings,
    Pin,
    Skeleton,
    Solution,
    SurfacePoints,
    Target,
    rotations,
    solve_clip,
)
from mocapanything_addon.ik import clip as clip_module
from mocapanything_addon.ik.kinematics import State, forward
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.ik.starts.geometric_start import geometric_start

CAMERA = Camera.from_fov(
    40.0, 640, 480, np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]), np.array([0.0, 0.0, 5.0])
)


def check_promises(skeleton: Skeleton, solution: Solution, frames: int) -> None:
    """What every solution keeps, whatever the target."""
    joints = skeleton.joint_count
    assert solution.local_rotations.shape == solution.global_rotations.shape == (frames, joints, 4)
    for array in (solution.local_rotations, solution.root_translation, solution.positions, solution.residual):
        assert np.isfinite(array).all()
    assert np.allclose(np.linalg.norm(solution.local_rotations, axis=-1), 1.0)
    assert solution.limit_violation < 1e-9
    steps = np.einsum("tji,tji->tj", solution.local_rotations[1:], solution.local_rotations[:-1])
    assert (steps >= 0.0).all()
    motion = Motion.from_quaternions(solution.root_translation, solution.local_rotations)
    pose = forward(skeleton, motion)
    assert np.allclose(pose.positions, solution.positions, atol=1e-9)
    expected = rotations.matrix_from_quaternion(solution.global_rotations)
    assert np.allclose(pose.global_rotations, expected, atol=1e-9)


@settings(max_examples=12)
@given(st.integers(0, 10_000))
def test_positions_of_a_motion_are_found_again(seed: int) -> None:
    skeleton = random_skeleton(seed, 12)
    positions = forward(skeleton, random_motion(skeleton, seed, 24, amplitude=0.4)).positions
    solution = solve_clip(skeleton, Target(positions), 24.0)
    check_promises(skeleton, solution, 24)
    assert solution.residual.max() < 0.005 * skeleton.size
    assert solution.residual.mean() < 0.0005 * skeleton.size
    assert not solution.ignored


@settings(max_examples=12)
@given(st.integers(0, 10_000))
def test_rotations_are_found_again_where_children_show_them(seed: int) -> None:
    skeleton = random_skeleton(seed, 14)
    motion = random_motion(skeleton, seed, 20, amplitude=0.4)
    pose = forward(skeleton, motion)
    solution = solve_clip(skeleton, Target(pose.positions), 24.0)
    spread = [
        np.linalg.svd(skeleton.offsets[children])[1][1] if len(children) > 1 else 0.0
        for children in skeleton.children
    ]
    observable = np.array(spread) > 0.05
    found = rotations.matrix_from_quaternion(solution.global_rotations)
    angles = rotations.angle_between(found, pose.global_rotations)[:, observable]
    assert np.degrees(angles.max(initial=0.0)) < 5.0


@settings(max_examples=12)
@given(st.integers(0, 10_000))
def test_ranges_hold_for_targets_that_cannot_be_reached(seed: int) -> None:
    skeleton = random_skeleton(seed, 10, limited=0.7)
    rng = np.random.default_rng(seed)
    solution = solve_clip(
        skeleton,
        Target(rng.normal(size=(6, 10, 3)), rotations=rng.normal(size=(6, 10, 4))),
        24.0,
        IKSettings(position_sigma=0.01),
    )
    check_promises(skeleton, solution, 6)


def test_limited_skeletons_are_solved_too() -> None:
    skeleton = random_skeleton(8, 14, limited=0.5)
    positions = forward(skeleton, random_motion(skeleton, 8, 30, amplitude=0.4)).positions
    solution = solve_clip(skeleton, Target(positions), 24.0)
    check_promises(skeleton, solution, 30)
    assert solution.residual.mean() < 0.002 * skeleton.size


def test_noise_is_reduced_not_copied() -> None:
    skeleton = random_skeleton(4, 20)
    truth = forward(skeleton, random_motion(skeleton, 4, 48, amplitude=0.4)).positions
    noise = np.random.default_rng(4).normal(size=truth.shape) * 0.02 * skeleton.size
    solution = solve_clip(skeleton, Target(truth + noise), 24.0)
    errors = np.linalg.norm(solution.positions - truth, axis=-1).mean()
    assert errors < 0.6 * np.linalg.norm(noise, axis=-1).mean()
    jitter = [np.abs(np.diff(p, n=2, axis=0)).mean() for p in (truth + noise, solution.positions)]
    assert jitter[1] < 0.5 * jitter[0]


def test_outliers_are_let_go() -> None:
    skeleton = random_skeleton(5, 16)
    truth = forward(skeleton, random_motion(skeleton, 5, 40, amplitude=0.4)).positions
    rng = np.random.default_rng(5)
    far = rng.random(truth.shape[:2]) < 0.1
    seen = truth + far[..., None] * rng.normal(size=truth.shape)
    solution = solve_clip(skeleton, Target(seen), 24.0)
    assert np.linalg.norm(solution.positions - truth, axis=-1).mean() < 0.02 * skeleton.size


def test_missing_joints_are_ignored_and_said() -> None:
    skeleton = random_skeleton(6, 12)
    positions = forward(skeleton, random_motion(skeleton, 6, 20, amplitude=0.4)).positions
    positions[3:6, 4] = np.nan
    positions[:, 7] = np.inf
    solution = solve_clip(skeleton, Target(positions), 24.0)
    check_promises(skeleton, solution, 20)
    assert solution.ignored == ("23 of 240 positions in 20 frames are not finite: ignored",)
    assert (solution.residual[:, 7] == 0.0).all()
    seen = np.isfinite(positions).all(axis=-1)
    assert np.linalg.norm(solution.positions - positions, axis=-1)[seen].mean() < 0.002 * skeleton.size


def test_a_clip_without_any_evidence_is_the_rest_pose() -> None:
    skeleton = random_skeleton(7, 6)
    solution = solve_clip(skeleton, Target(np.full((5, 6, 3), np.nan)), 24.0)
    check_promises(skeleton, solution, 5)
    assert np.allclose(solution.positions, skeleton.rest_positions, atol=1e-9)


def test_frames_without_evidence_go_between_the_others() -> None:
    skeleton = random_skeleton(7, 8)
    positions = forward(skeleton, random_motion(skeleton, 7, 30, amplitude=0.3)).positions
    gap = positions.copy()
    gap[12:16] = np.nan
    solution = solve_clip(skeleton, Target(gap), 24.0)
    check_promises(skeleton, solution, 30)
    assert np.linalg.norm(solution.positions - positions, axis=-1)[12:16].max() < 0.1 * skeleton.size


IDENTITY = [1.0, 0.0, 0.0, 0.0]
DEGENERATE = {
    "one joint": Skeleton(["a"], [-1], [[0, 0, 0]], [IDENTITY]),
    "star": Skeleton(
        [f"s{j}" for j in range(9)],
        [-1] + [0] * 8,
        np.concatenate([np.zeros((1, 3)), np.random.default_rng(0).normal(size=(8, 3))]),
        [IDENTITY] * 9,
    ),
    "zero-length bones": Skeleton(
        list("abcd"), [-1, 0, 1, 2], [[0, 0, 0], [0, 0, 0], [0, 0, 1], [0, 0, 1]], [IDENTITY] * 4
    ),
    "all in one place": Skeleton(list("abc"), [-1, 0, 1], np.ones((3, 3)), [IDENTITY] * 3),
    "all locked": Skeleton(
        list("abc"),
        [-1, 0, 1],
        [[0, 0, 0], [0, 0, 1], [0, 0, 2]],
        [IDENTITY] * 3,
        locks=np.ones((3, 3), bool),
        can_translate=[False] * 3,
    ),
}


@pytest.mark.parametrize("name", DEGENERATE)
@pytest.mark.parametrize("frames", [1, 2, 5])
def test_degenerate_skeletons_are_solved(name: str, frames: int) -> None:
    skeleton = DEGENERATE[name]
    motion = random_motion(skeleton, 1, frames)
    solution = solve_clip(skeleton, Target(forward(skeleton, motion).positions), 24.0)
    check_promises(skeleton, solution, frames)
    assert solution.residual.max() < 0.01 * skeleton.size


def test_a_long_chain_is_solved() -> None:
    skeleton = chain(300, length=0.01)
    positions = forward(skeleton, random_motion(skeleton, 0, 2, amplitude=0.05)).positions
    solution = solve_clip(skeleton, Target(positions), 24.0)
    check_promises(skeleton, solution, 2)
    assert solution.residual.max() < 0.01 * skeleton.size


def test_half_turns_are_found_by_the_start() -> None:
    skeleton = random_skeleton(9, 10)
    motion = Motion.rest(10, 1)
    motion.local_rotations[0, 0] = rotations.exp(np.array([0.0, 0.0, np.pi]))
    positions = forward(skeleton, motion).positions
    start = geometric_start(skeleton, positions, np.ones((1, 10)))
    assert np.abs(forward(skeleton, start).positions - positions).max() < 0.01 * skeleton.size


def test_expected_rotations_decide_the_twist() -> None:
    skeleton = chain(4)
    motion = Motion.rest(4, 5)
    motion.local_rotations[:, 1] = rotations.exp(np.array([0.0, 0.0, 0.8]))
    pose = forward(skeleton, motion)
    hints = rotations.quaternion_from_matrix(motion.local_rotations)
    solution = solve_clip(skeleton, Target(pose.positions, rotations=hints), 24.0)
    found = rotations.matrix_from_quaternion(solution.local_rotations)
    assert np.degrees(rotations.angle_between(found, motion.local_rotations).max()) < 2.0


def test_projections_through_a_camera_move_the_skeleton() -> None:
    skeleton = random_skeleton(12, 10)
    motion = random_motion(skeleton, 12, 16, amplitude=0.25)
    pose = forward(skeleton, motion)
    pixels = CAMERA.project(pose.positions)
    hints = rotations.quaternion_from_matrix(motion.local_rotations)
    settings_ = IKSettings(projection_sigma=0.5)
    target = Target(projections=pixels, camera=CAMERA, rotations=hints)
    solution = solve_clip(skeleton, target, 24.0, settings_)
    check_promises(skeleton, solution, 16)
    assert np.abs(CAMERA.project(solution.positions) - pixels).mean() < 1.0


@pytest.mark.parametrize("flat", [False, True])
def test_surface_points_show_pose_and_twist(flat: bool) -> None:
    skeleton = random_skeleton(13, 8)
    skin = random_skin(skeleton, 13, vertices=300)
    motion = random_motion(skeleton, 13, 12, amplitude=0.3)
    state = State(skeleton, motion)
    observed = skin.pose(state.pose).astype(float)
    points = SurfacePoints(
        skin.vertices, skin.skin_joints, skin.skin_weights, CAMERA.project(observed) if flat else observed
    )
    target = Target(points=points, camera=CAMERA, positions=state.pose.positions)
    solution = solve_clip(skeleton, target, 24.0)
    check_promises(skeleton, solution, 12)
    found = rotations.matrix_from_quaternion(solution.global_rotations)
    carries = skin.surface_share > 0.05
    angles = rotations.angle_between(found, state.pose.global_rotations)[:, carries]
    assert np.degrees(angles.mean()) < 3.0


def test_contacts_hold_a_joint_in_place() -> None:
    skeleton = random_skeleton(14, 10)
    positions = forward(skeleton, random_motion(skeleton, 14, 24, amplitude=0.3)).positions
    foot = 9
    place = positions[8:16, foot].mean(axis=0)
    target = Target(positions, contacts=[Contact(foot, 8, 15, place)])
    solution = solve_clip(skeleton, target, 24.0, IKSettings(position_sigma=0.02))
    slip = np.linalg.norm(solution.positions[8:16, foot] - place, axis=-1)
    assert slip.max() < 0.002 * skeleton.size


def test_pins_are_passed_through() -> None:
    skeleton = random_skeleton(15, 10)
    motion = random_motion(skeleton, 15, 20, amplitude=0.3)
    positions = forward(skeleton, motion).positions
    pinned = positions[5, 9] + [0.0, 0.0, 0.05 * skeleton.size]
    pose = rotations.quaternion_from_matrix(random_motion(skeleton, 16, 1, amplitude=0.3).local_rotations)[0]
    turn = rotations.quaternion_from_matrix(rotations.exp(np.array([0.3, 0.0, 0.0])))
    pins = [
        Pin(5, 9, position=pinned),
        Pin(10, pose=pose, root_translation=[0.1, 0.2, 0.3]),
        Pin(15, 2, rotation=turn),
    ]
    solution = solve_clip(skeleton, Target(positions, pins=pins), 24.0, IKSettings(position_sigma=0.02))
    check_promises(skeleton, solution, 20)
    assert np.linalg.norm(solution.positions[5, 9] - pinned) < 0.001 * skeleton.size
    assert np.allclose(np.abs(np.einsum("ji,ji->j", solution.local_rotations[10], pose)), 1.0)
    assert np.allclose(solution.root_translation[10], [0.1, 0.2, 0.3])
    assert abs(solution.local_rotations[15, 2] @ turn) == pytest.approx(1.0)


def test_a_clip_solved_in_windows_stays_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    skeleton = random_skeleton(16, 8)
    positions = forward(skeleton, random_motion(skeleton, 16, 90, amplitude=0.4)).positions
    noisy = positions + np.random.default_rng(16).normal(size=positions.shape) * 0.01
    whole = solve_clip(skeleton, Target(noisy), 24.0)
    monkeypatch.setattr(clip_module, "WINDOW_VALUES", 1)
    calls: list[tuple[int, int]] = []
    parts = solve_clip(
        skeleton, Target(noisy), 24.0, progress=lambda done, total: calls.append((done, total))
    )
    check_promises(skeleton, parts, 90)
    assert len({total for _, total in calls}) == 1 and calls == sorted(calls)
    assert np.abs(parts.positions - whole.positions).max() < 0.01 * skeleton.size
    jumps = np.linalg.norm(np.diff(parts.positions, n=2, axis=0), axis=-1).max()
    assert jumps < 1.5 * np.linalg.norm(np.diff(whole.positions, n=2, axis=0), axis=-1).max()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (Target(), "needs positions"),
        (Target(np.zeros((0, 3, 3))), "no frames"),
        (Target(np.zeros((4, 2, 3))), r"positions have shape \(4, 2, 3\)"),
        (Target(np.zeros((4, 3, 3)), weights=np.ones((4, 2))), r"weights \(4, 2\)"),
        (Target(projections=np.zeros((4, 3, 2))), "need the target's camera"),
        (Target(np.zeros((4, 3, 3)), pins=[Pin(9, 1, position=[0, 0, 0])]), "frame 9"),
        (Target(np.zeros((4, 3, 3)), pins=[Pin(1, 8, position=[0, 0, 0])]), "joint 8"),
        (Target(np.zeros((4, 3, 3)), pins=[Pin(1, 1)]), "no position and no rotation"),
        (Target(np.zeros((4, 3, 3)), pins=[Pin(1)]), "neither a joint nor a pose"),
    ],
)
def test_targets_that_do_not_fit_are_refused(target: Target, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        solve_clip(chain(3), target, 24.0)


def test_a_frame_rate_must_be_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        solve_clip(chain(3), Target(np.zeros((4, 3, 3))), 0.0)


def test_widths_must_be_positive() -> None:
    with pytest.raises(ValueError, match="rotation_sigma must be positive, found -1"):
        IKSettings(rotation_sigma=-1.0)
