# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames that a motion explains badly are tried in other ways, and nothing gets worse by it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mocapanything_addon.fit import revise as revise_module
from mocapanything_addon.fit.clip_cost import ClipCost
from mocapanything_addon.fit.gait import repeats
from mocapanything_addon.fit.limb_search import limbs_searched
from mocapanything_addon.fit.other_ways import (
    FINE_WAYS,
    SLOW_WAYS,
    WAYS,
    Stretch,
    from_another_stride,
    from_before,
    from_behind,
    from_half_a_stride,
    known_poses,
    mirrored_in_depth,
    straight_across,
)
from mocapanything_addon.fit.problem import Problem
from mocapanything_addon.fit.revise import AROUND, costly_stretches, frame_costs, revise
from mocapanything_addon.fit.whole_clip import solve_some_frames
from mocapanything_addon.ik import rotations
from mocapanything_addon.ik.kinematics import forward
from mocapanything_addon.ik.motion import Motion
from tests.fit.walking_tubes import CAMERA, FRAMES, RIG, cost_of, ignored, joints_off, walk_problem, walking

WRONG = slice(13, 18)


def astray() -> Motion:
    """Two legs and the neck are elsewhere for some frames: too far off for the outline to pull them back."""
    motion = walking()
    for joint, axis in ((3, [-2.2, 0.0, 0.0]), (12, [1.8, 0.0, 0.6]), (1, [0.0, 0.0, 1.2])):
        motion.local_rotations[WRONG, joint] = (
            rotations.exp(np.array(axis)) @ motion.local_rotations[WRONG, joint]
        )
    return motion


@pytest.fixture(scope="module")
def problem() -> Problem:
    return walk_problem()


def stretch_of(problem: Problem, motion: Motion) -> Stretch:
    costs = frame_costs(cost_of(problem, motion))
    return Stretch(
        problem=problem,
        motion=motion,
        first=WRONG.start,
        last=WRONG.stop,
        cost=costs[WRONG],
        known=known_poses(problem.body, motion, costs),
        repeats=repeats(problem.frames),
        alive=ignored,
    )


def test_what_went_astray_is_found_again(problem: Problem) -> None:
    motion = astray()
    cost = cost_of(problem, motion)
    revised, reached = revise(problem, motion, cost, ignored, passes=3)
    assert reached.total < 0.5 * cost.total
    assert reached.total == pytest.approx(cost_of(problem, revised).total)
    assert joints_off(problem, revised, WRONG) < 0.4 * joints_off(problem, motion, WRONG)
    first = min(first for first, _ in costly_stretches(cost)) - AROUND
    assert revised.local_rotations[:first] == pytest.approx(motion.local_rotations[:first])


def test_a_motion_that_explains_the_clip_stays_as_it_is(problem: Problem) -> None:
    motion = walking()
    cost = cost_of(problem, motion)
    assert costly_stretches(cost) == []
    revised, reached = revise(problem, motion, cost, ignored, passes=3)
    assert revised is motion and reached is cost


@pytest.mark.parametrize("given", [True, False])
def test_half_strides_are_for_given_masks(problem: Problem, monkeypatch, given: bool) -> None:
    asked: list[Stretch] = []
    monkeypatch.setattr(revise_module, "WAYS", ())
    monkeypatch.setattr(revise_module, "FINE_WAYS", (asked.append,))
    motion = astray()
    revise(replace(problem, masks_given=given), motion, cost_of(problem, motion), ignored, passes=1)
    assert bool(asked) is given


def test_long_stretches_are_taken_in_pieces() -> None:
    silhouette = np.full(200, 20.0)
    silhouette[[3, 5, 6]] = 90.0
    silhouette[100:190] = 120.0
    silhouette[30] = 500.0  # a single frame is no stretch
    cost = ClipCost(silhouette, np.zeros(199), np.zeros(200), np.ones(200))
    assert costly_stretches(cost) == [(2, 8), (99, 139), (139, 179), (179, 191)]


@pytest.mark.parametrize("way", [*WAYS, *FINE_WAYS, *SLOW_WAYS], ids=lambda way: way.__name__)
def test_ways_change_nothing_but_their_stretch(problem: Problem, way) -> None:
    motion = astray()
    before = motion.copy()
    found = way(stretch_of(problem, motion))
    assert found is not None
    assert motion.local_rotations == pytest.approx(before.local_rotations)
    outside = np.r_[0 : WRONG.start, WRONG.stop : FRAMES]
    assert found.local_rotations[outside] == pytest.approx(motion.local_rotations[outside])
    assert np.abs(found.local_rotations[WRONG] - motion.local_rotations[WRONG]).max() > 1e-3


def test_no_way_leads_on_from_beyond_the_clip(problem: Problem) -> None:
    motion = walking()
    costs = np.ones(FRAMES)
    known = known_poses(problem.body, motion, costs)
    everything = Stretch(problem, motion, 0, FRAMES, costs, known, [], ignored)
    assert all(way(everything) is None for way in (from_before, from_behind, straight_across))


def test_another_stride_knows_what_the_body_did(problem: Problem) -> None:
    stretch = replace(stretch_of(problem, astray()), repeats=[10])
    found = from_another_stride(stretch)
    assert found is not None
    assert joints_off(problem, found, WRONG) < 0.01 < joints_off(problem, astray(), WRONG)


def test_half_a_stride_knows_it_of_the_other_side(problem: Problem) -> None:
    # Left and right swing against each other: half a stride of ten frames on, each does what the other did.
    stretch = replace(stretch_of(problem, astray()), repeats=[10])
    ways = [from_half_a_stride(stretch) for _ in range(8)]  # by chance ten or five frames on
    assert min(joints_off(problem, way, WRONG) for way in ways if way is not None) < 0.01


def test_a_stride_longer_than_the_clip_leads_nowhere(problem: Problem) -> None:
    stretch = replace(stretch_of(problem, astray()), repeats=[FRAMES])
    assert from_another_stride(stretch) is None


def test_frames_at_the_ends_take_the_stride_that_there_is(problem: Problem) -> None:
    motion = walking()
    motion.local_rotations[:4, 3] = np.eye(3)
    stretch = replace(stretch_of(problem, motion), first=0, last=FRAMES, repeats=[10])
    found = from_another_stride(stretch)
    assert found is not None
    assert found.local_rotations[10:14, 3] == pytest.approx(motion.local_rotations[20:24, 3]) or (
        found.local_rotations[10:14, 3] == pytest.approx(motion.local_rotations[:4, 3])
    )
    assert found.local_rotations[:4, 3] == pytest.approx(walking().local_rotations[:4, 3], abs=1e-6)


def test_a_limb_mirrored_in_depth_is_seen_where_it_was(problem: Problem) -> None:
    motion = walking()
    found = mirrored_in_depth(stretch_of(problem, motion))
    assert found is not None
    before, after = (forward(problem.body.skeleton, m).positions[WRONG] for m in (motion, found))
    in_image = np.linalg.norm(CAMERA.project(before) - CAMERA.project(after), axis=-1)
    depth = np.abs(CAMERA.to_camera(before)[..., 2] - CAMERA.to_camera(after)[..., 2])
    assert np.median(in_image) < 1.0
    assert depth.max() > 0.1 * problem.body.size


def test_a_limb_that_jumps_about_is_found_in_every_frame(problem: Problem) -> None:
    motion, leg = walking(), np.array([3, 4])
    rng = np.random.default_rng(4)
    for frame in range(WRONG.start, WRONG.stop):
        turn = rotations.exp(np.array([rng.choice([-1.9, 1.7]), 0.0, 0.0]))
        motion.local_rotations[frame, 3] = turn @ motion.local_rotations[frame, 3]
    known = walking().local_rotations[[1, 4, 8]]
    found = limbs_searched(problem, motion, WRONG.start, WRONG.stop, [leg], known, ignored)
    rest = np.setdiff1d(np.arange(RIG.joint_count), leg)
    assert found.local_rotations[:, rest] == pytest.approx(motion.local_rotations[:, rest])
    assert found.root_translation == pytest.approx(motion.root_translation)
    assert joints_off(problem, found, WRONG) < 0.3 * joints_off(problem, motion, WRONG)
    outside = np.r_[0 : WRONG.start, WRONG.stop : FRAMES]
    assert found.local_rotations[outside] == pytest.approx(motion.local_rotations[outside])


def test_limbs_that_are_where_they_belong_stay_there(problem: Problem) -> None:
    motion = walking()
    known = np.tile(np.eye(3), (1, RIG.joint_count, 1, 1))
    found = limbs_searched(problem, motion, 4, 9, [np.array([3, 4]), np.array([6, 7])], known, ignored)
    assert joints_off(problem, found, slice(4, 9)) < 0.01


def test_some_frames_are_solved_and_their_neighbours_kept(problem: Problem) -> None:
    rng = np.random.default_rng(2)
    motion = walking()
    motion.local_rotations[WRONG] = motion.local_rotations[WRONG] @ rotations.exp(
        0.06 * rng.normal(size=(WRONG.stop - WRONG.start, RIG.joint_count, 3))
    )
    solved = solve_some_frames(problem, motion, WRONG.start, WRONG.stop, ignored, rounds=3)
    outside = np.r_[0 : WRONG.start, WRONG.stop : FRAMES]
    assert solved.local_rotations[outside] == pytest.approx(motion.local_rotations[outside])
    assert joints_off(problem, solved, WRONG) < 0.7 * joints_off(problem, motion, WRONG)
