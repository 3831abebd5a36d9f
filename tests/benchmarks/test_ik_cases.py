# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark's cases, evidence and figures are what they claim to be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_packs import small_pack

from benchmarks.bone_axes import rest_rotations
from benchmarks.cases import case_from_pack, pack_cases, tree_case, true_positions
from benchmarks.known_poses import mean_pose, other_clips
from benchmarks.metrics import BoneClass, bone_classes, errors, twist_and_swing
from benchmarks.noise import corrupted
from benchmarks.planted import planted_runs, skate
from benchmarks.ranges import limited_skeleton
from benchmarks.report import Table
from benchmarks.rivals import Answer
from benchmarks.surface import observe, rest_answer
from mocapanything_addon.ik import rotations
from mocapanything_addon.ik.kinematics import forward
from mocapanything_addon.ik.limits.ranges import limit_violation


def test_a_case_is_the_most_moving_window_in_the_one_metre_cube(tmp_path):
    small_pack().save(tmp_path)
    (case,) = pack_cases(tmp_path, 8)
    assert case.name == "small: swing"
    assert np.ptp(case.skeleton.rest_positions, axis=0).max() == pytest.approx(1.0)
    assert case.skeleton.rest_positions[0] == pytest.approx([0.0, 0.0, 0.0])
    clip = small_pack().clips[1].rotations
    moved = [rotations.angle_between(w[:-1], w[1:]).sum() for w in (clip[k : k + 8] for k in range(13))]
    first = int(np.argmax(moved))
    assert case.truth.local_rotations == pytest.approx(clip[first : first + 8], abs=1e-6)


def test_true_positions_are_forward_kinematics():
    for case in (case_from_pack(small_pack(), 20), tree_case(0, 12, 5)):
        assert true_positions(case) == pytest.approx(forward(case.skeleton, case.truth).positions, abs=1e-12)


def test_bone_axes_look_along_the_bones():
    pack = small_pack()
    axes = rotations.matrix_from_quaternion(rest_rotations(pack.parents, pack.rest_positions))
    assert axes[2][:, 1] == pytest.approx([0.0, 0.0, -1.0])
    assert axes[3][:, 1] == pytest.approx([0.0, 0.0, -1.0]), "a tail looks as its bone"
    assert axes[0][:, 1] == pytest.approx([1.0, 0.0, 0.0]) or axes[0][:, 1] == pytest.approx([-1.0, 0.0, 0.0])
    # No roll: +y is turned about an axis across both.
    down = rotations.matrix_from_quaternion(
        rest_rotations(np.array([-1, 0]), np.array([[0, 0, 0], [0, -1.0, 0]]))
    )
    assert down[0][:, 1] == pytest.approx([0.0, -1.0, 0.0])


def test_ranges_hold_the_truth():
    for case in (case_from_pack(small_pack(), 20), tree_case(0, 12, 5)):
        limited = limited_skeleton(case)
        assert limited.is_limited[limited.moving[1:]].any()
        assert limit_violation(limited, case.truth) < 1e-9


def test_other_clips_are_those_without_the_window():
    case = case_from_pack(small_pack(), 8)
    (still,) = other_clips(case)
    assert still == pytest.approx(small_pack().clips[0].rotations, abs=1e-6)
    assert mean_pose(case, [still]) == pytest.approx(np.tile([1.0, 0.0, 0.0, 0.0], (8, 7, 1)), abs=1e-6)


def test_classes_count_children_but_not_tails():
    kinds = bone_classes(case_from_pack(small_pack(), 4).skeleton)
    assert kinds[0] is BoneClass.BRANCH
    assert kinds[1] is BoneClass.CHAIN
    assert kinds[2] is BoneClass.LEAF


def test_twist_and_swing_of_a_known_turn():
    axis = np.array([[0.0, 0.0, 1.0]])
    turn = rotations.exp(np.array([[0.3, 0.0, 0.0]])) @ rotations.exp(np.array([[0.0, 0.0, -0.7]]))
    twist, swing = twist_and_swing(turn, axis)
    assert twist == pytest.approx([0.7])
    assert swing == pytest.approx([0.3])


def test_the_truth_has_no_error_and_a_twist_shows_as_twist():
    case = case_from_pack(small_pack(), 10)
    answer = Answer(case.truth.quaternions(), case.truth.root_translation)
    assert max(part.max() for part in errors(case, answer)) < 1e-4
    turned = case.truth.local_rotations.copy()
    turned[:, 2] = turned[:, 2] @ rotations.exp(0.5 * case.skeleton.twist_axes[2])
    found = errors(case, Answer(rotations.quaternion_from_matrix(turned), case.truth.root_translation))
    assert found.twist[:, 2] == pytest.approx(np.degrees(0.5))
    assert found.swing[:, 2] == pytest.approx(0.0, abs=1e-4)
    assert found.local[:, 2] == pytest.approx(np.degrees(0.5))
    assert found.distance.max() < 1e-6


def test_noise_is_as_named_and_the_same_every_time():
    case = tree_case(0, 60, 40)
    seen, again = corrupted(case, 1.0, True), corrupted(case, 1.0, True)
    assert (seen.positions == again.positions).all()
    away = seen.positions - true_positions(case)
    assert 0.0095 < 1.4826 * np.median(np.abs(away)) < 0.0130
    assert 0.08 < (seen.weights == 0.0).mean() < 0.12
    assert seen.hints is not None
    turned = rotations.matrix_from_quaternion(seen.hints)
    assert np.degrees(rotations.angle_between(turned, case.truth.local_rotations)) == pytest.approx(15.0)


def test_surface_points_of_the_rest_pose_project_where_the_mesh_is():
    case = case_from_pack(small_pack(), 3)
    still = replace(case, truth=replace(case.truth, local_rotations=np.tile(np.eye(3), (3, 7, 1, 1))))
    points, camera = observe(still, 0.0, np.random.default_rng(0))
    moved = np.asarray(points.rest) + case.truth.root_translation[:, None]
    observed = np.asarray(points.observed)
    assert observed[..., :2] == pytest.approx(camera.project(moved), abs=1e-9)
    assert observed[..., 2] == pytest.approx(camera.to_camera(moved)[..., 2], abs=1e-12)
    assert (observed[..., :2] > 0.0).all() and (observed[..., :2] < camera.width).all()


def test_the_rest_answer_stands_on_the_true_root():
    case = case_from_pack(small_pack(), 6)
    found = errors(case, rest_answer(case))
    assert found.distance[:, 0] == pytest.approx(0.0, abs=1e-9)
    assert found.local[-1, 4] > 1.0


def test_feet_are_planted_while_they_stand():
    case = case_from_pack(small_pack(), 20)
    runs = planted_runs(case)
    # The first leg never moves; the second one only stands where its swing begins.
    assert (3, 0, 19) in runs
    assert all(last < 19 for joint, _, last in runs if joint == 6)
    assert skate(true_positions(case), runs).max() < 0.3


def test_tables_are_written_as_shown(tmp_path):
    table = Table("some", "Some", ("method", "cm"))
    table.add("ours", 0.12345)
    table.add("Armature|Walk", float("nan"))
    with pytest.raises(ValueError, match="1 cells for the 2 columns"):
        table.add("ours")
    table.write(tmp_path)
    assert "| ours | 0.123 |\n| Armature\\|Walk | – |" in (tmp_path / "some.md").read_text(encoding="utf-8")
    assert (tmp_path / "some.csv").read_text(encoding="utf-8").splitlines()[1] == "ours,0.12345"
