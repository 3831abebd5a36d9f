# SPDX-License-Identifier: GPL-3.0-or-later
"""The probabilities of bones, from what speaks for them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mocapanything_addon.fit.body import Body
from mocapanything_addon.fit.confidence import Signs, calibrated
from tests.fit.filmed_tubes import long_necked_rig

EVERY = np.ones(10, bool)
GOOD = Signs(np.full(10, 0.97), EVERY, np.full(10, 0.05), np.array([1.0, 0.3, 0.03]))


def test_the_better_the_best_frames_fit_the_surer_all_are() -> None:
    means = [
        calibrated(replace(GOOD, overlap=np.full(10, overlap))).mean() for overlap in (0.8, 0.9, 0.93, 0.97)
    ]
    assert means == sorted(means)
    assert means[0] < 0.5 * means[-1] and means[-1] > 0.85


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


def test_large_bones_and_poses_near_rest_are_surer() -> None:
    sure = calibrated(replace(GOOD, bending=np.linspace(0.0, 0.4, 10)))
    assert (np.diff(sure, axis=0) < 0.0).all() and (np.diff(sure, axis=1) < 0.0).all()


def test_a_joint_that_cannot_turn_is_as_sure_as_the_one_it_turns_with() -> None:
    body = Body.from_rig(long_necked_rig())
    skeleton = body.skeleton
    values = np.arange(2.0 * skeleton.joint_count).reshape(2, -1)
    found = body.inherited(values)
    still = np.setdiff1d(np.arange(skeleton.joint_count), [*skeleton.moving, skeleton.root])
    assert len(still)
    assert np.array_equal(found[:, skeleton.moving], values[:, skeleton.moving])
    assert np.array_equal(found[:, still], found[:, skeleton.parents[still]])
