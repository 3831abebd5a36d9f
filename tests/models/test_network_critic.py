# SPDX-License-Identifier: GPL-3.0-or-later
"""Poses in, scores out; and the shipped critic knows a body from its twin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mocapanything_addon.fit.fit import prepare
from mocapanything_addon.fit.hypothesis import Hypothesis, mirrored
from mocapanything_addon.fit.problem import Problem
from mocapanything_addon.fit.start_poses import start_poses
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.models.device import Device
from mocapanything_addon.models.network_critic import POSES_AT_ONCE, NetworkCritic
from mocapanything_addon.models.networks import Networks
from mocapanything_addon.models.pose_critic import PoseCritic
from tests.fit.filmed_tubes import camera_at, film, long_necked_rig, standing

HEADINGS = np.radians([30.0, 70.0, 110.0, 160.0, 200.0, 290.0])


@pytest.fixture(scope="module")
def problem() -> Problem:
    rig, camera = long_necked_rig(), camera_at(0.15)
    return prepare(rig, film(rig, standing(rig, HEADINGS), camera), camera=camera)


@pytest.fixture(scope="module")
def untrained() -> NetworkCritic:
    torch.manual_seed(0)
    return NetworkCritic(PoseCritic(), Device("cpu"))


def truth() -> Motion:
    return standing(long_necked_rig(), HEADINGS)


def test_each_pose_is_scored_in_its_own_frame(problem, untrained):
    frames = np.arange(len(HEADINGS))
    found = untrained.scores(problem, frames, truth())
    assert found.shape == (len(frames),)
    assert len(np.unique(found.round(6))) == len(frames)
    order = np.array([3, 0, 5, 0])
    again = untrained.scores(problem, frames[order], truth()[order])
    assert again == pytest.approx(found[order], abs=1e-5)


def test_more_poses_than_go_at_once(problem, untrained):
    frames = np.zeros(POSES_AT_ONCE + 3, np.intp)
    found = untrained.scores(problem, frames, truth()[frames])
    assert found == pytest.approx(np.full(len(frames), found[0]), abs=1e-5)


def test_a_frame_without_a_subject_says_nothing(problem, untrained):
    mask = problem.frames.clip.mask.copy()
    mask[1] = 0
    blind = problem.with_clip(replace(problem.frames.clip, mask=mask))
    found = untrained.scores(blind, np.arange(len(HEADINGS)), truth())
    assert found[1] == 0.0
    assert (found[[0, 2, 3, 4, 5]] != 0.0).all()


def test_the_shipped_critic_tells_a_body_from_one_turned_about(problem):
    critic = Networks.load(device="cpu").critic
    frames = np.arange(len(HEADINGS))
    right = critic.scores(problem, frames, truth())
    rest = start_poses(problem.body)[0]
    twins = [
        mirrored(problem, Hypothesis(int(t), truth()[t : t + 1], 0.0, 0.0, 0.0, rest)).pose for t in frames
    ]
    wrong = critic.scores(problem, frames, Motion.concatenate(twins))
    assert (right > wrong).mean() > 0.8
    assert right.mean() > wrong.mean() + 2.0
