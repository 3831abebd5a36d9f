# SPDX-License-Identifier: GPL-3.0-or-later
"""The probabilities of bones, from what speaks for them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mocapanything_addon.fit.confidence import Signs, calibrated, joint_confidence
from mocapanything_addon.fit.fit import prepare
from mocapanything_addon.fit.problem import Problem
from tests.fit.filmed_tubes import camera_at, film, long_necked_rig, standing

EVERY = np.ones(10, bool)
GOOD = Signs(np.full(10, 0.97), EVERY, np.full(10, 0.05), np.array([1.0, 0.3, 0.03]), None)
KNOWING = [None, 9.0]


@pytest.mark.parametrize("critic", KNOWING)
def test_the_better_the_best_frames_fit_the_surer_all_are(critic: float | None) -> None:
    means = [
        calibrated(replace(GOOD, overlap=np.full(10, overlap), critic=critic)).mean()
        for overlap in (0.8, 0.9, 0.93, 0.97)
    ]
    assert means == sorted(means)
    assert means[0] < 0.85 * means[-1] and means[-1] > 0.85


def test_a_broken_mask_in_some_frames_takes_little_away() -> None:
    overlap = np.full(10, 0.97)
    overlap[[2, 5]] = 0.8
    sure = calibrated(replace(GOOD, overlap=overlap))
    assert sure[2].mean() == pytest.approx(sure[0].mean())


def test_a_lost_frame_is_unsure_and_one_without_subject_knows_nothing() -> None:
    overlap = np.full(10, 0.97)
    overlap[3], overlap[4] = 0.3, 0.0
    seen = EVERY.copy()
    seen[4] = False
    sure = calibrated(replace(GOOD, overlap=overlap, seen=seen))
    assert sure[3].max() == 0.0 and sure[4].max() == 0.0
    assert not calibrated(replace(GOOD, overlap=overlap, seen=~EVERY)).any()


@pytest.mark.parametrize("critic", KNOWING)
def test_large_bones_and_poses_near_rest_are_surer(critic: float | None) -> None:
    sure = calibrated(replace(GOOD, bending=np.linspace(0.0, 0.4, 10), critic=critic))
    assert (np.diff(sure, axis=0) < 0.0).all() and (np.diff(sure, axis=1) < 0.0).all()


def test_a_picture_that_agrees_is_surer_and_a_score_never_seen_before_says_no_more() -> None:
    means = [calibrated(replace(GOOD, critic=score)).mean() for score in (5.0, 9.0, 14.0, 50.0)]
    assert means[0] < means[1] < means[2] == means[3]


class Content:
    """A critic that likes everything as much, and remembers what it was asked."""

    def __init__(self, score: float) -> None:
        self.score, self.asked = score, np.zeros(0, int)

    def scores(self, problem, frames, motion):
        assert motion.frame_count == len(frames)
        self.asked = frames
        return np.full(len(frames), self.score)


def test_the_critic_is_asked_where_there_is_a_subject() -> None:
    rig, camera = long_necked_rig(), camera_at(0.2)
    motion = standing(rig, np.full(5, 0.5))
    clip = film(rig, motion, camera)
    mask = clip.mask.copy()
    mask[2] = 0

    def sure(critic: Content) -> np.ndarray:
        problem: Problem = replace(prepare(rig, replace(clip, mask=mask), camera=camera), critic=critic)
        return joint_confidence(problem, motion, np.full(5, 0.95), lambda stage, done, total: None)

    likes, dislikes = Content(12.0), Content(4.0)
    liked, disliked = sure(likes), sure(dislikes)
    assert likes.asked.tolist() == [0, 1, 3, 4]
    assert not liked[2].any()
    assert (liked[[0, 4]] > disliked[[0, 4]]).all()
