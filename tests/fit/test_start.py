# SPDX-License-Identifier: GPL-3.0-or-later
"""The start search on a small body whose truth is known, and what it is made of."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mocapanything_addon.fit.body import Body
from mocapanything_addon.fit.cues import Cues, travel
from mocapanything_addon.fit.facing import BY_FEET, BY_HABIT, facing
from mocapanything_addon.fit.fit import prepare
from mocapanything_addon.fit.frames import Frames
from mocapanything_addon.fit.heading_path import join_headings
from mocapanything_addon.fit.hypothesis import Hypothesis, between, heading_of, mirrored
from mocapanything_addon.fit.outlines import Outlines, likeness, normalised, variants
from mocapanything_addon.fit.scene_motion import scene_places
from mocapanything_addon.fit.start import in_world_of_best, is_uncertain, search_start, typical_frames
from mocapanything_addon.fit.start_poses import passing_poses, start_poses
from mocapanything_addon.fit.start_score import (
    EVIDENCE,
    Candidate,
    _without_worst,
    heading_probabilities,
    in_as_many_frames,
    ranked_candidates,
)
from mocapanything_addon.ik import rotations
from mocapanything_addon.ik.kinematics import forward
from mocapanything_addon.jobs.rig import Rig
from mocapanything_addon.jobs.settings import Quality
from samples.creatures.creature import build_creature
from samples.creatures.families.biped import biped
from samples.creatures.families.bird import bird
from samples.creatures.families.quadruped import quadruped
from samples.creatures.families.reptile import raptor
from samples.creatures.plan import BodyPlan
from tests.fit.filmed_tubes import (
    HEIGHT,
    PIXELS,
    WIDTH,
    camera_at,
    film,
    long_necked_rig,
    skinned,
    spread_rig,
    standing,
)
from tests.tube_character import tube_rig


def silent(stage: str, done: int, total: int) -> None:
    assert stage
    assert 0 <= done <= total


def test_outlines_do_not_mind_size_and_place() -> None:
    small, large = np.zeros((60, 60), np.uint8), np.zeros((200, 200), np.uint8)
    cv2.ellipse(small, (25, 30), (20, 8), 30.0, 0.0, 360.0, 1, -1)
    cv2.ellipse(large, (120, 90), (60, 24), 30.0, 0.0, 360.0, 1, -1)
    other = cv2.flip(large, 0)
    drawn = Outlines.of([normalised(small > 0), normalised(other > 0)])
    seen = Outlines.of(variants(large > 0))
    same, flipped = likeness(drawn, seen).max(1)
    assert same > 0.85
    assert flipped < same - 0.3


def test_empty_outlines_are_like_nothing() -> None:
    empty = Outlines.of([normalised(np.zeros((20, 20), bool))])
    full = Outlines.of([normalised(np.ones((20, 20), bool))])
    assert likeness(empty, full)[0, 0] < 0.0


@settings(max_examples=20, deadline=None)
@given(
    heading=st.integers(0, 35),
    turn=st.integers(-2, 2),
    misread=st.integers(0, 5),
    reference=st.integers(0, 5),
)
def test_headings_turn_slowly_and_one_misread_frame_does_no_harm(
    heading: int, turn: int, misread: int, reference: int
) -> None:
    true = (heading + turn * np.arange(6)) % 36
    scores = np.zeros((6, 36))
    scores[np.arange(6), true] = 1.0
    scores[misread] = 0.0
    scores[misread, (true[misread] + 18) % 36] = 1.2
    joined = join_headings(scores, np.arange(6) / 6.0, reference)
    if reference != misread:
        best = joined.headings[joined.scores.argmax()]
        others = np.arange(6) != misread
        np.testing.assert_array_equal(best[others], true[others])
    # Every heading of the reference frame has its path.
    np.testing.assert_array_equal(joined.headings[:, reference], np.arange(36))


def test_path_scores_are_what_the_paths_bring() -> None:
    rng = np.random.default_rng(2)
    scores = rng.random((4, 12))
    joined = join_headings(scores, np.zeros(4), 1)
    steps = 2.0 * np.pi / 12
    for total, path in zip(joined.scores, joined.headings, strict=True):
        turns = [between(a * steps, b * steps) for a, b in itertools.pairwise(path)]
        cost = sum(0.05 * min((turn / np.radians(25.0)) ** 2, 9.0) for turn in turns)
        assert total == pytest.approx((scores[np.arange(4), path].sum() - cost) / 4, abs=1e-9)


@pytest.mark.parametrize("heading_degrees", [20.0, 100.0, 215.0, 300.0])
def test_search_finds_the_heading_of_a_known_camera(heading_degrees: float) -> None:
    rig = long_necked_rig()
    heading = np.radians(heading_degrees)
    camera = camera_at(np.radians(8.0))
    clip = film(rig, standing(rig, heading + np.radians([0.0, 5.0, 10.0, 15.0])), camera)
    ranked = search_start(prepare(rig, clip, camera=camera), Quality.FAST, silent)
    best = ranked[0]
    assert np.degrees(between(best.heading, heading + np.radians(5.0 * best.frame))) < 10.0
    assert best.overlap > 0.85
    assert all(a.score >= b.score for a, b in itertools.pairwise(ranked))


def test_search_finds_that_an_unknown_camera_looks_down() -> None:
    rig = long_necked_rig()
    heading, elevation = np.radians(50.0), np.radians(32.0)
    camera = camera_at(elevation)
    clip = film(rig, standing(rig, np.full(3, heading)), camera)
    problem = prepare(rig, clip, fov_degrees=40.0)
    ranked = search_start(problem, Quality.FAST, silent)
    assert np.degrees(ranked[0].elevation) == pytest.approx(np.degrees(elevation), abs=10.0)
    tilted, moved = in_world_of_best(problem, ranked)
    assert moved[0].elevation == 0.0
    # In the camera's axes: the worlds differ.
    found = tilted.camera.rotation @ moved[0].pose.local_rotations[0, 0]
    true = camera.rotation @ standing(rig, np.array([heading])).local_rotations[0, 0]
    assert np.degrees(np.arccos((np.trace(found.T @ true) - 1.0) / 2.0)) < 15.0
    for before, after in zip(ranked, moved, strict=True):
        np.testing.assert_allclose(
            tilted.camera.project(forward(tilted.body.skeleton, after.pose).positions),
            problem.camera.project(forward(problem.body.skeleton, before.pose).positions),
            atol=1e-5,
        )


def test_a_body_that_looks_the_same_from_both_ends_is_uncertain() -> None:
    rig = long_necked_rig()
    both_ends = np.concatenate([rig.vertices, rig.vertices * np.array([1.0, -1.0, 1.0])])
    faces = np.concatenate([rig.faces, rig.faces + len(rig.vertices)])
    even = skinned(rig, both_ends, faces, np.zeros(len(both_ends), np.int32))
    camera = camera_at(np.radians(5.0))
    clip = film(even, standing(even, np.radians([70.0, 70.0])), camera)
    ranked = search_start(prepare(even, clip, camera=camera), Quality.FAST, silent)
    rival = next(h for h in ranked if between(h.heading, ranked[0].heading) > np.radians(90.0))
    assert rival.overlap > 0.8
    assert rival.probability > 0.2
    assert is_uncertain(ranked)


def test_a_clip_without_subject_is_uncertain() -> None:
    rig = long_necked_rig()
    camera = camera_at(0.1)
    clip = film(rig, standing(rig, np.zeros(2)), camera)
    nothing = replace(clip, mask=np.zeros_like(clip.mask))
    ranked = search_start(prepare(rig, nothing, camera=camera), Quality.FAST, silent)
    assert len(ranked) == 1
    assert is_uncertain(ranked)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-20.0, 20.0), st.floats(-np.pi, np.pi)), min_size=1, max_size=8),
)
def test_probabilities_of_distinct_headings_sum_to_one(rows: list[tuple[float, float]]) -> None:
    scores, headings = (np.array(column) for column in zip(*rows, strict=True))
    found = heading_probabilities(scores, [{0: heading} for heading in headings])
    assert found[scores.argmax()] == found.max()
    assert len(rows) > 1 or found[0] == pytest.approx(1.0)
    distinct = {round(float(p), 12) for p in found}
    assert sum(distinct) <= 1.0 + 1e-9


def test_candidates_that_face_the_same_way_do_not_split_their_probability() -> None:
    found = heading_probabilities(np.array([2.0, 1.9, 0.0]), [{0: 0.0}, {0: 0.1}, {0: 3.0}])
    assert found[0] == found[1]
    assert found[0] + found[2] == pytest.approx(1.0)


def test_bones_say_which_way_a_body_faces() -> None:
    body = Body.from_rig(long_necked_rig())
    np.testing.assert_allclose(facing(body) / np.linalg.norm(facing(body)), [0.0, -1.0, 0.0], atol=1e-6)
    names = tuple({"chest": "spine", "hip": "head"}.get(n, n) for n in body.rig.joint_names)
    turned = Body.from_rig(replace(body.rig, joint_names=names))
    np.testing.assert_allclose(facing(turned), [0.0, 1.0, 0.0], atol=1e-6)


def test_who_was_fitted_in_fewer_frames_does_not_win_by_it() -> None:
    body = Body.from_rig(long_necked_rig())
    start = start_poses(body)[0]
    pose = standing(body.rig, np.zeros(1))

    def candidate(overlap: float, heading: float) -> Candidate:
        evidence = np.zeros(len(EVIDENCE))
        evidence[EVIDENCE.index("overlap")] = overlap
        hypothesis = Hypothesis(0, pose, overlap, overlap, heading, start)
        return Candidate(None, None, (hypothesis,), evidence, False)  # type: ignore[arg-type]

    # The first is best in the first frames; more of them are hard, for it and for the second.
    few, many = [candidate(0.95, 0.0), candidate(0.93, 1.5)], [candidate(0.85, 0.0), candidate(0.83, 1.5)]
    third = candidate(0.90, 3.0)
    (expected,) = in_as_many_frames([third], few, many)
    assert expected.evidence[EVIDENCE.index("overlap")] == pytest.approx(0.80)
    assert ranked_candidates([*many, third])[0].way == {0: 3.0}
    assert ranked_candidates([*many, expected])[0].way == {0: 0.0}


def test_one_fit_of_four_that_goes_astray_does_not_count() -> None:
    rows = np.zeros((4, len(EVIDENCE)))
    rows[:, EVIDENCE.index("overlap")] = [0.94, 0.5, 0.92, 0.93]
    assert _without_worst(rows).tolist() == rows[[0, 3, 2]].tolist()
    assert len(_without_worst(rows[:3])) == 3


@cache
def _built(kind: Callable[[], BodyPlan]) -> Rig:
    return build_creature(kind(), seed=1).rig


@pytest.mark.parametrize("kind", [biped, quadruped, bird, raptor])
@pytest.mark.parametrize("yaw", [0.0, 90.0, 180.0])
def test_toes_say_which_way_a_body_without_names_faces(kind: Callable[[], BodyPlan], yaw: float) -> None:
    rig = _built(kind)
    turn = rotations.exp(np.array([0.0, 0.0, np.radians(yaw)]))
    turned = replace(
        rig,
        joint_names=tuple(f"bone.{k}" for k in range(rig.joint_count)),
        rest_positions=rig.rest_positions @ turn.T,
        rest_rotations=rotations.quaternion_from_matrix(
            turn @ rotations.matrix_from_quaternion(rig.rest_rotations)
        ),
        vertices=(rig.vertices @ turn.T).astype(np.float32),
    )
    found = facing(Body.from_rig(turned))
    np.testing.assert_allclose(found, BY_FEET * turn @ [0.0, -1.0, 0.0], atol=1e-6)


def test_round_feet_say_nothing() -> None:
    """A column of a leg is as long before as behind."""
    rig = long_necked_rig()
    named = replace(rig, joint_names=tuple(f"bone.{k}" for k in range(rig.joint_count)))
    assert np.linalg.norm(facing(Body.from_rig(named))) <= BY_HABIT


@pytest.mark.parametrize("toward", [-1.0, 1.0])
def test_walking_ahead_is_told_from_walking_back(toward: float) -> None:
    """The subject comes nearer, or goes away, while it faces the camera."""
    rig = long_necked_rig()
    steps = np.outer(np.linspace(-0.5, 0.5, 6), [0.0, toward, 0.0])
    camera = camera_at(0.1)
    clip = film(rig, standing(rig, np.zeros(6), steps), camera)
    problem = prepare(rig, clip, camera=camera)
    pose = standing(rig, np.zeros(1))
    hypothesis = Hypothesis(0, pose, 1.0, 1.0, 0.0, start_poses(problem.body)[0])
    assert np.sign(travel(problem)[2]) == toward
    assert np.sign(Cues.of(problem).ahead(hypothesis, problem)) == -toward


def test_a_subject_followed_by_the_camera_travels_before_the_scene() -> None:
    rig = long_necked_rig()
    wide = np.random.default_rng(4).integers(0, 255, (HEIGHT // 4, WIDTH // 2, 3)).astype(np.uint8)
    wide = cv2.resize(wide, (2 * WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    camera = camera_at(0.1)
    standstill = standing(rig, np.full(6, 0.5))
    panned = film(rig, standstill, camera, wall=lambda t: wide[:, 20 + 5 * t : 20 + 5 * t + WIDTH])
    still = film(rig, standstill, camera, wall=lambda t: wide[:, 20 : 20 + WIDTH])
    places = scene_places(Frames(panned), np.arange(6))
    np.testing.assert_allclose(places, np.outer(np.arange(6), [-5.0, 0.0]), atol=0.5)
    way = travel(prepare(rig, panned, camera=camera))
    assert way[0] > 0.03
    assert abs(way[2]) < way[0]
    assert np.linalg.norm(travel(prepare(rig, still, camera=camera))) < 0.01


def test_a_scene_without_texture_is_taken_to_stand_still() -> None:
    rig = long_necked_rig()
    clip = film(rig, standing(rig, np.zeros(3)), camera_at(0.1))
    assert not scene_places(Frames(clip), np.arange(3)).any()


def test_the_twin_of_a_twin_is_the_body_itself() -> None:
    rig = long_necked_rig()
    camera = camera_at(0.1)
    problem = prepare(rig, film(rig, standing(rig, np.array([0.7])), camera), camera=camera)
    first = Hypothesis(0, standing(rig, np.array([0.7])), 1.0, 1.0, 0.7, start_poses(problem.body)[0])
    twin = mirrored(problem, first)
    assert twin is not None
    assert between(twin.heading, first.heading) > 0.3
    back = mirrored(problem, twin)
    assert back is not None
    np.testing.assert_allclose(back.pose.local_rotations, first.pose.local_rotations, atol=1e-9)


def test_legs_stride_in_passing_poses() -> None:
    body = Body.from_rig(long_necked_rig())
    poses = {pose.name: pose for pose in passing_poses(body)}
    assert set(poses) == {"stride", "other stride", "stretched", "gathered"}
    for pose in poses.values():
        moved = np.linalg.norm(pose.local_rotations - np.eye(3), axis=(1, 2)) > 0.1
        assert {body.rig.joint_names[j].split(".")[-1] for j in np.nonzero(moved)[0]} == {"0"}
        assert moved.sum() == 4
    # Stretched legs reach ahead and behind.
    motion = standing(body.rig, np.zeros(1))
    motion.local_rotations[0] = poses["stretched"].local_rotations
    feet = np.nonzero(body.rig.is_tail & (body.rig.rest_positions[:, 2] < 0.1))[0]
    reach = np.abs(forward(body.skeleton, motion).positions[0, feet, 1])
    assert (reach > np.abs(body.rig.rest_positions[feet, 1]) + 0.2).all()


def test_arms_that_stick_out_can_hang_and_reach_ahead() -> None:
    body = Body.from_rig(spread_rig())
    places = body.rig.rest_positions
    lowered = next(p for p in start_poses(body) if p.name == "limbs lowered")
    reaching = next(p for p in start_poses(body) if p.name == "limbs ahead")
    hands = np.array([5, 8, 11, 14])

    def at(local: np.ndarray) -> np.ndarray:
        motion = standing(body.rig, np.zeros(1))
        motion.local_rotations[0] = local
        return forward(body.skeleton, motion).positions[0, hands]

    assert (at(lowered.local_rotations)[:, 2] < 0.2).all()
    ahead = at(reaching.local_rotations) - places[[3, 6, 9, 12]]
    assert (ahead[:, 1] < -0.6).all()


def armed_rig(bones: list[float], trunk_width: float) -> Rig:
    """A trunk, two metres high, with an arm of some bones out to either side, from near its middle."""
    places, parents = [np.array([0.0, 0.0, 1.0])], [-1]
    boxes = [(0, np.array([0.0, 0.15, 1.0]), np.array([trunk_width, 0.2, 1.0]))]
    for side in (1.0, -1.0):
        at = np.array([0.08 * side, 0.0, 1.6])
        places.append(at)
        parents.append(0)
        for length in bones:
            after = at + np.array([side * length, 0.0, 0.0])
            if abs(after[0]) > trunk_width:
                boxes.append((len(places) - 1, 0.5 * (at + after), np.array([0.5 * length, 0.05, 0.05])))
            parents.append(len(places) - 1)
            places.append(after)
            at = after
    tails = [len(bones) + 1, 2 * len(bones) + 2]
    cube = np.array(list(itertools.product((-1.0, 1.0), repeat=3)))
    sides = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    triangles = np.array([t for a, b, c, d in sides for t in ((a, b, c), (a, c, d))])
    rig = tube_rig()
    count = len(places)
    rig = replace(
        rig,
        joint_names=tuple(f"joint{j}" for j in range(count)),
        parents=np.array(parents, np.int32),
        is_tail=np.isin(np.arange(count), tails),
        rest_positions=np.array(places),
        rest_rotations=np.tile([1.0, 0.0, 0.0, 0.0], (count, 1)),
        limits=np.tile([-np.inf, np.inf], (count, 3, 1)),
        locked_rotation=np.zeros((count, 3), bool),
        can_translate=np.arange(count) == 0,
    )
    return skinned(
        rig,
        np.concatenate([middle + half * cube for _, middle, half in boxes]),
        np.concatenate([triangles + 8 * k for k in range(len(boxes))]),
        np.repeat([joint for joint, _, _ in boxes], 8).astype(np.int32),
    )


@pytest.mark.parametrize(
    ("bones", "trunk_width", "swinging"),
    [
        ([0.5, 0.5], 0.08, 0),  # no collar bone
        ([0.2, 0.24, 0.2, 0.18], 0.08, 0),  # a wing
        ([0.15, 0.32, 0.3, 0.1], 0.08, 1),  # a collar bone: shorter
        ([0.22, 0.22, 0.2, 0.1], 0.35, 1),  # a collar bone: in the trunk
        ([0.05, 0.4, 0.4, 0.1], 0.08, 1),  # too short to swing
        ([0.25, 0.5, 0.15], 0.08, 0),  # no two alike behind it
    ],
)
def test_arms_swing_from_the_shoulder(bones: list[float], trunk_width: float, swinging: int) -> None:
    body = Body.from_rig(armed_rig(bones, trunk_width))
    held = [pose for pose in start_poses(body) if pose.name.startswith("limbs")]
    assert len(held) >= 2
    for pose in held:
        moved = np.flatnonzero(np.abs(pose.local_rotations - np.eye(3)).max((1, 2)) > 0.1)
        assert moved.tolist() == [1 + swinging, 2 + len(bones) + swinging]


def test_broken_masks_are_not_searched_in() -> None:
    rig = long_necked_rig()
    camera = camera_at(0.1)
    clip = film(rig, standing(rig, np.full(9, 0.5)), camera)
    mask = clip.mask.copy()
    mask[[1, 4]] = 0
    mask[7, : PIXELS // 2] = 0
    problem = prepare(rig, replace(clip, mask=mask), camera=camera)
    found = typical_frames(problem, 9)
    assert found
    assert not {1, 4, 7} & set(found)
    few = typical_frames(problem, 2)
    assert len(few) == 2
    assert few[0] < 4 < few[1]


class Contrary:
    """A critic that only likes bodies which face one way."""

    def __init__(self, heading: float, degree: float) -> None:
        self.heading, self.degree = heading, degree

    def scores(self, problem, frames, motion):
        up, root = problem.body.up, problem.body.skeleton.root
        headings = [heading_of(up, turn) for turn in motion.local_rotations[:, root]]
        near = np.array([between(heading, self.heading) < np.radians(40.0) for heading in headings])
        return self.degree * near


def test_a_critic_has_a_say_and_not_the_last_word() -> None:
    rig = long_necked_rig()
    camera = camera_at(np.radians(8.0))
    clip = film(rig, standing(rig, np.radians([70.0, 70.0])), camera)
    plain = prepare(rig, clip, camera=camera)
    ranked = search_start(plain, Quality.FAST, silent)
    rival = next(h for h in ranked if between(h.heading, ranked[0].heading) > np.radians(60.0))

    def best(degree: float) -> Hypothesis:
        return search_start(replace(plain, critic=Contrary(rival.heading, degree)), Quality.FAST, silent)[0]

    doubted = best(2.0)
    assert between(doubted.heading, ranked[0].heading) < np.radians(20.0)
    assert doubted.probability < ranked[0].probability
    assert between(best(100.0).heading, rival.heading) < np.radians(40.0)
