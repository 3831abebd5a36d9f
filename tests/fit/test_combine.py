# SPDX-License-Identifier: GPL-3.0-or-later
"""The cheapest way through several motions, each right in places."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mocapanything_addon.fit.clip_cost import ClipCost
from mocapanything_addon.fit.combine import acceleration_cost, cheapest_mix, cheapest_path
from mocapanything_addon.fit.exchange import exchanged
from mocapanything_addon.fit.fit import prepare
from mocapanything_addon.fit.limbs import limb_pairs
from mocapanything_addon.fit.problem import Problem
from mocapanything_addon.ik.kinematics import forward
from mocapanything_addon.ik.motion import Motion
from tests.fit import filmed_tubes
from tests.fit.filmed_tubes import UPPER_LEGS, camera_at, film, long_necked_rig

RIG = long_necked_rig()
FRAMES = 24
CAMERA = camera_at(0.15)


@pytest.fixture(scope="module")
def problem() -> Problem:
    return prepare(RIG, film(RIG, walking(), CAMERA, frame_rate=24.0), camera=CAMERA)


def walking() -> Motion:
    """Seen from the side; twelve frames a step, so that the legs pass each other four times."""
    return filmed_tubes.walking(RIG, np.full(FRAMES, np.radians(90.0)), period=12.0, swing=0.5)


def no_cost() -> ClipCost:
    return ClipCost(np.zeros(FRAMES), np.zeros(FRAMES - 1), np.zeros(FRAMES), np.ones(FRAMES))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 5))
def test_no_other_path_is_cheaper(seed: int, count: int, frames: int) -> None:
    rng = np.random.default_rng(seed)
    here, stay = rng.random((count, frames)), rng.random((count, frames - 1))
    change, bend = rng.random((count, count, frames - 1)), rng.random((max(frames - 2, 0), *[count] * 3))

    def cost(path: tuple[int, ...]) -> float:
        total = sum(here[k, t] for t, k in enumerate(path))
        for t, (a, b) in enumerate(pairwise(path)):
            total += stay[a, t] if a == b else change[a, b, t] + 0.5 * (stay[a, t] + stay[b, t])
        return total + sum(bend[t, path[t], path[t + 1], path[t + 2]] for t in range(frames - 2))

    found = cheapest_path(here, stay, change, bend)
    best = min(cost(path) for path in product(range(count), repeat=frames))
    assert cost(tuple(found)) == pytest.approx(best)


def test_accelerations_are_those_of_three_frames_in_a_row_whichever_motions_they_are_of(
    problem: Problem,
) -> None:
    body, first = problem.body, walking()
    second = exchanged(body, first, limb_pairs(body)[0])
    found = acceleration_cost(body, [first, second])
    places = []
    for motion in (first, second):
        pose = forward(body.skeleton, motion)
        places.append((pose.positions - pose.positions[:, :1]) @ pose.global_rotations[:, 0])
    squared = np.zeros((FRAMES - 2, 2, 2, 2))
    for t, a, b, c in np.ndindex(squared.shape):
        squared[t, a, b, c] = ((places[c][t + 2] - 2.0 * places[b][t + 1] + places[a][t]) ** 2).sum()
    ratio = found / squared
    assert ratio == pytest.approx(np.full_like(ratio, ratio[0, 0, 0, 0]), rel=1e-6)


def test_legs_that_pass_each_other_go_on(problem: Problem) -> None:
    """Legs that turned back where they meet, in a clip whose outlines and flow say nothing about it."""
    body, truth = problem.body, walking()
    traded = exchanged(body, truth, limb_pairs(body)[0])
    # Which of the two is right changes where they are alike.
    swing = np.abs(forward(body.skeleton, truth).positions - forward(body.skeleton, traded).positions)
    meet = [t for t in range(1, FRAMES - 1) if swing[t].sum() == swing[t - 1 : t + 2].sum(axis=(1, 2)).min()]
    assert len(meet) >= 3
    first, second = truth.copy(), traded.copy()
    for start, end in zip(meet[::2], [*meet[1::2], FRAMES], strict=False):
        first.local_rotations[start:end] = traded.local_rotations[start:end]
        second.local_rotations[start:end] = truth.local_rotations[start:end]
    mixed = cheapest_mix(body, [first, second], [no_cost(), no_cost()], steadily=True)
    right = [
        np.abs(mixed.local_rotations[:, UPPER_LEGS] - m.local_rotations[:, UPPER_LEGS]).max(axis=(1, 2, 3))
        for m in (truth, traded)
    ]
    # From one end to the other the same leg is the same leg, whichever it is.
    assert min(np.count_nonzero(r > 1e-6) for r in right) <= 2


def test_a_mix_of_one_motion_is_that_motion(problem: Problem) -> None:
    mixed = cheapest_mix(problem.body, [walking()], [no_cost()])
    assert np.array_equal(mixed.local_rotations, walking().local_rotations)
    still = Motion.rest(RIG.joint_count, 2)
    assert acceleration_cost(problem.body, [still]).shape == (0, 1, 1, 1)
