# SPDX-License-Identifier: GPL-3.0-or-later
"""What a critic says of poses counts wherever motions are compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mocapanything_addon.fit import clip_cost as clip_cost_module
from mocapanything_addon.fit.clip_cost import CRITIC_WEIGHT, clip_cost
from mocapanything_addon.fit.combine import cheapest_mix
from mocapanything_addon.fit.fit import prepare
from mocapanything_addon.fit.problem import Problem
from mocapanything_addon.ik import rotations
from mocapanything_addon.ik.motion import Motion
from tests.fit.filmed_tubes import camera_at, film, long_necked_rig, standing

FRAMES = 6


class Likes:
    """A critic that likes one leg at rest, and says which frames it was asked about."""

    def __init__(self, joint: int) -> None:
        self.joint, self.asked = joint, []

    def scores(self, problem, frames, motion):
        self.asked.append(frames)
        return -rotations.angle_between(motion.local_rotations[:, self.joint], np.eye(3))


def ignored(*_: object) -> None:
    pass


@pytest.fixture(scope="module")
def problem() -> Problem:
    rig, camera = long_necked_rig(), camera_at(0.1)
    return prepare(rig, film(rig, standing(rig, np.zeros(FRAMES)), camera), camera=camera)


def bent(joint: int) -> Motion:
    motion = standing(long_necked_rig(), np.zeros(FRAMES))
    motion.local_rotations[:, joint] = rotations.exp(np.array([0.5, 0.0, 0.0]))
    return motion


def cost_of(problem: Problem, motion: Motion, first: int = 0):
    return clip_cost(problem, motion, ignored, stage="test", flow_weight=0.0, first=first)


def test_scores_are_part_of_the_cost(problem):
    motion = bent(3)
    plain, judged = cost_of(problem, motion), cost_of(replace(problem, critic=Likes(3)), motion)
    indifferent = cost_of(replace(problem, critic=Likes(6)), motion)
    assert (plain.inside == 0.0).all()
    assert judged.inside - indifferent.inside == pytest.approx(np.full(FRAMES, 0.5 * CRITIC_WEIGHT))
    assert judged.total - plain.total == pytest.approx(judged.inside.sum())


def test_it_is_asked_about_the_frames_of_the_part(problem):
    critic = Likes(3)
    cost_of(replace(problem, critic=critic), bent(3)[2:5], first=2)
    assert critic.asked[0].tolist() == [2, 3, 4]


def test_many_frames_are_asked_about_in_parts_that_can_be_cancelled(problem, monkeypatch):
    monkeypatch.setattr(clip_cost_module, "FRAMES_AT_ONCE", 4)
    critic, told = Likes(3), []
    judged = replace(problem, critic=critic)
    cost = clip_cost(judged, bent(3), lambda *a: told.append(a), stage="test", flow_weight=0.0)
    assert [asked.tolist() for asked in critic.asked] == [[0, 1, 2, 3], [4, 5]]
    assert len(told) == FRAMES + 2
    assert cost.inside == pytest.approx(cost_of(replace(problem, critic=Likes(3)), bent(3)).inside)


def test_between_motions_that_explain_the_outline_alike_it_decides(problem):
    motions = [bent(3), bent(6)]
    for liked, chosen in ((6, 0), (3, 1)):
        costs = [cost_of(replace(problem, critic=Likes(liked)), m) for m in motions]
        level = [replace(c, silhouette=np.zeros(FRAMES), expected=np.zeros(FRAMES)) for c in costs]
        mixed = cheapest_mix(problem.body, motions, level)
        assert mixed.local_rotations == pytest.approx(motions[chosen].local_rotations)
