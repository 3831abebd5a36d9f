# SPDX-License-Identifier: GPL-3.0-or-later
"""Lost frames are found again, limbs trade places in the image, the clip has its own average pose."""

from __future__ import annotations

import numpy as np
import pytest

from mocapanything_addon.fit.clip_cost import clip_cost
from mocapanything_addon.fit.exchange import exchanged_in_image
from mocapanything_addon.fit.expected_pose import ExpectedPose
from mocapanything_addon.fit.fit import prepare
from mocapanything_addon.fit.limbs import limb_pairs
from mocapanything_addon.fit.problem import Problem
from mocapanything_addon.fit.recall import recall_lost_frames
from mocapanything_addon.fit.settle import about_own_mean, settle
from mocapanything_addon.fit.track import Track
from mocapanything_addon.fit.whole_clip import FLOW_WEIGHT, fit_whole_clip
from mocapanything_addon.ik import rotations
from mocapanything_addon.ik.kinematics import forward
from mocapanything_addon.ik.motion import Motion
from tests.fit import filmed_tubes
from tests.fit.filmed_tubes import UP, UPPER_LEGS, camera_at, film, long_necked_rig

RIG = long_necked_rig()
FRAMES = 18
CAMERA = camera_at(0.15)


def ignored(stage: str, done: int, total: int) -> None:
    """No one is told."""


def walking() -> Motion:
    """Seen obliquely, legs swinging, the same every nine frames."""
    return filmed_tubes.walking(RIG, np.full(FRAMES, np.radians(60.0)), period=9.0, swing=0.55)


@pytest.fixture(scope="module")
def problem() -> Problem:
    return prepare(RIG, film(RIG, walking(), CAMERA, frame_rate=24.0), camera=CAMERA)


def legs_off(motion: Motion, frames: slice) -> float:
    """Degrees."""
    angles = rotations.angle_between(
        motion.local_rotations[frames][:, UPPER_LEGS], walking().local_rotations[frames][:, UPPER_LEGS]
    )
    return float(np.degrees(angles).mean())


def test_lost_frames_are_found_by_poses_of_other_frames(problem: Problem) -> None:
    lost = slice(11, 15)
    motion = walking()
    motion.local_rotations[lost, 0] = rotations.exp(UP * np.radians(150.0)) @ motion.local_rotations[lost, 0]
    motion.root_translation[lost] += [0.4, 0.0, 0.3]
    cost = clip_cost(problem, motion, ignored, stage="test", flow_weight=FLOW_WEIGHT)
    found = recall_lost_frames(problem, [motion], [cost], ignored)
    assert found is not None
    again = clip_cost(problem, found, ignored, stage="test", flow_weight=FLOW_WEIGHT)
    assert again.silhouette[lost].max() < 0.3 * cost.silhouette[lost].min()
    true = forward(problem.body.skeleton, walking()).positions[lost]
    away = np.linalg.norm(forward(problem.body.skeleton, found).positions[lost] - true, axis=-1)
    assert away.mean() < 0.1 * problem.body.size
    untouched = [t for t in range(FRAMES) if not lost.start <= t < lost.stop]
    assert found.local_rotations[untouched] == pytest.approx(motion.local_rotations[untouched])


def test_nothing_is_recalled_where_nothing_is_lost(problem: Problem) -> None:
    cost = clip_cost(problem, walking(), ignored, stage="test", flow_weight=FLOW_WEIGHT)
    assert recall_lost_frames(problem, [walking()], [cost], ignored) is None


def test_traded_limbs_are_seen_where_the_others_were(problem: Problem) -> None:
    pair = limb_pairs(problem.body)[0]
    motion = walking()
    traded = exchanged_in_image(problem, motion, [pair], ignored)
    before, after = (
        problem.camera.project(forward(problem.body.skeleton, m).positions) / problem.pixel[:, None, None]
        for m in (motion, traded)
    )
    feet = pair.left[-1], pair.right[-1]
    apart = np.linalg.norm(before[:, feet[0]] - before[:, feet[1]], axis=-1)
    away = np.linalg.norm(after[:, feet[0]] - before[:, feet[1]], axis=-1)
    assert away.mean() < 0.25 * apart.mean()
    others = np.setdiff1d(np.arange(RIG.joint_count), pair.both)
    assert traded.local_rotations[:, others] == pytest.approx(motion.local_rotations[:, others])
    assert traded.root_translation == pytest.approx(motion.root_translation)


def test_expected_pose_moves_to_the_mean_of_both_sides(problem: Problem) -> None:
    body = problem.body
    assert body.symmetry is not None
    motion = walking()
    bent = rotations.exp(np.array([0.6, 0.0, 0.0]))
    motion.local_rotations[:, UPPER_LEGS[0]] = bent
    left = UPPER_LEGS[0]
    right = int(body.symmetry.partners[left])
    motion.local_rotations[:, right] = np.eye(3)
    rest = ExpectedPose.at_rest(body.stiffness)
    moved = about_own_mean(body, rest, motion)
    for joint in (left, right):
        # Half of the bend on each side.
        assert rotations.log(moved.centers[0, joint])[0] == pytest.approx(0.3, abs=0.02)
    axis = body.symmetry.axis
    along = np.cross(axis, body.up)
    for way, share in ((axis, 0.3), (along, 1.0)):
        pulls = (way @ (e.precisions[0, left] @ way) for e in (moved, rest))
        assert next(pulls) / next(pulls) == pytest.approx(share)


def test_settling_removes_a_constant_offset(problem: Problem) -> None:
    """The neck is lowered throughout; expecting rest leaves a part of it, settling less."""
    truth = walking()
    truth.local_rotations[:, 1] = rotations.exp(np.array([0.25, 0.0, 0.0]))
    problem = prepare(RIG, film(RIG, truth, CAMERA, frame_rate=24.0), camera=CAMERA)
    given = Track(truth, np.ones(FRAMES))
    _, settled = settle(problem, given, ignored, rounds=4)
    plain = fit_whole_clip(problem, truth, ignored, rounds=6)

    def off(motion: Motion) -> float:
        angles = rotations.angle_between(motion.local_rotations[:, 1], truth.local_rotations[:, 1])
        return float(np.degrees(angles).mean())

    assert not np.array_equal(settled.motion.local_rotations, truth.local_rotations)
    assert off(settled.motion) < 0.8 * off(plain.motion)
