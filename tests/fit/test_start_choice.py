# SPDX-License-Identifier: GPL-3.0-or-later
"""Distinct starts, and what picking one of them leaves of a search."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mocapanything_addon.fit.fit import begin_with, conclude, prepare
from mocapanything_addon.fit.hypothesis import APART, Hypothesis, between, distinct_headings
from mocapanything_addon.fit.start import search_start
from mocapanything_addon.fit.start_choice import chosen_start, distinct_starts
from mocapanything_addon.fit.start_picture import SIDE, start_picture
from mocapanything_addon.fit.start_poses import StartPose
from mocapanything_addon.fit.track import Track
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.jobs.errors import BadInputError
from mocapanything_addon.jobs.settings import Quality
from tests.fit.filmed_tubes import camera_at, film, long_necked_rig, standing


def silent(stage: str, done: int, total: int) -> None:
    pass


def hypotheses(*starts: int) -> list[Hypothesis]:
    pose = StartPose("rest", np.eye(3)[None])
    return [Hypothesis(t, Motion.rest(1), 1.0, 0.9, 0.0, pose, start=start) for t, start in enumerate(starts)]


@given(st.lists(st.floats(-10.0, 10.0), max_size=12))
def test_every_heading_is_near_the_leader_of_its_group_and_leaders_are_apart(headings: list[float]) -> None:
    numbers = distinct_headings([{0: heading} for heading in headings])
    leaders = [headings[numbers.index(k)] for k in range(len(set(numbers)))]
    assert sorted(set(numbers)) == list(range(len(leaders)))
    assert all(between(leaders[k], heading) < APART for k, heading in zip(numbers, headings, strict=True))
    assert all(between(a, b) >= APART for i, a in enumerate(leaders) for b in leaders[:i])
    # In the order of the ranking: a better heading never joins a worse one's group.
    assert [numbers.index(k) for k in range(len(leaders))] == sorted(numbers.index(k) for k in set(numbers))


def test_a_twin_that_faces_the_same_way_in_one_frame_is_another_start() -> None:
    body = {3: 0.0, 9: 0.1, 15: 0.4, 21: 0.2}
    twin = {3: 0.1, 9: 1.5, 15: 2.0, 21: 1.2}
    astray = body | {15: 2.5, 30: 1.0}
    assert distinct_headings([body, twin, astray]) == [0, 1, 0]


def test_the_best_of_each_start_in_the_order_of_the_ranking() -> None:
    assert [h.frame for h in distinct_starts(hypotheses(1, 1, 2, 1, 3, 2))] == [0, 2, 4]


def test_the_best_start_keeps_its_rivals_and_a_chosen_one_has_none() -> None:
    ranked = hypotheses(1, 1, 2, 1, 2)
    assert chosen_start(ranked, 1) == ranked
    assert [h.frame for h in chosen_start(ranked, 2)] == [2, 4]


@pytest.mark.parametrize(
    ("starts", "words"),
    [((1,), r"only 1 start pose to begin with\. Choose 1\."), ((1, 2, 3), r"only 3 start poses .* 1 to 3\.")],
)
def test_a_start_that_is_not_there(starts: tuple[int, ...], words: str) -> None:
    with pytest.raises(BadInputError, match=words) as caught:
        chosen_start(hypotheses(*starts), 4)
    assert caught.value.code == "start_missing"


def test_the_second_start_of_a_search_is_where_the_capture_begins() -> None:
    """Numbers hold from one search to the next; the picture shows the start the right way up."""
    rig = long_necked_rig()
    camera = camera_at(np.radians(8.0))
    clip = film(rig, standing(rig, np.radians([20.0, 20.0, 20.0])), camera)
    problem = prepare(rig, clip, fov_degrees=40.0)
    ranked = search_start(problem, Quality.FAST, silent)
    starts = distinct_starts(ranked)
    assert [start.start for start in starts] == list(range(1, len(starts) + 1))
    assert len(starts) > 1
    assert all(a.probability >= b.probability for a, b in itertools.pairwise(starts))
    assert sum(start.probability for start in starts) == pytest.approx(1.0)

    again = distinct_starts(search_start(prepare(rig, clip, fov_degrees=40.0), Quality.FAST, silent))
    assert [(s.heading, s.frame) for s in again] == [(s.heading, s.frame) for s in starts]

    begun, chosen = begin_with(problem, chosen_start(ranked, 2), silent)
    assert chosen[0].heading == starts[1].heading
    assert {h.start for h in chosen} == {2}
    found = Track(Motion.rest(problem.body.skeleton.joint_count, 3), np.full(3, 0.9))
    assert conclude(begun, found, chosen, silent).warnings == ()

    picture = start_picture(problem, starts[0])
    assert picture.shape == (SIDE, 2 * SIDE, 3)
    # In the drawn half only the body is lighter than the dimmed frame: as large as where it was filmed.
    mask = np.asarray(clip.mask[starts[0].frame]) > 0
    drawn = (picture[:, SIDE:].astype(int) - 0.35 * picture[:, :SIDE]).max(-1) > 25
    assert drawn.mean() == pytest.approx(mask.mean(), rel=0.35)


def test_the_warning_names_the_next_start_and_how_many_there_are() -> None:
    rig = long_necked_rig()
    clip = film(rig, standing(rig, np.zeros(2)), camera_at(0.1))
    problem = prepare(rig, clip, fov_degrees=40.0)
    found = Track(Motion.rest(problem.body.skeleton.joint_count, 2), np.full(2, 0.9))
    pose = StartPose("rest", found.motion.local_rotations[0])
    unsure = [
        Hypothesis(0, found.motion[[0]], 1.8, 0.9, 3.0 * k, pose, probability=p, start=k + 1)
        for k, p in enumerate((0.5, 0.4, 0.1))
    ]
    (warning,) = conclude(problem, found, unsure, silent).warnings
    assert "start pose 2 (3 were found" in warning
    alone = [replace(unsure[0], overlap=0.6, probability=1.0)]
    (warning,) = conclude(problem, found, alone, silent).warnings
    assert "start pose" not in warning
