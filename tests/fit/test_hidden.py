# SPDX-License-Identifier: GPL-3.0-or-later
"""What something in front hides is no evidence, and nothing is sure of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mocapanything_addon.fit.confidence import joint_confidence
from mocapanything_addon.fit.fit import prepare
from mocapanything_addon.fit.problem import Problem
from mocapanything_addon.fit.sight import Sight, look
from mocapanything_addon.ik.kinematics import State
from tests.fit.filmed_tubes import camera_at, film, long_necked_rig, standing

RIG = long_necked_rig()
CAMERA = camera_at(0.15)
MOTION = standing(RIG, np.full(4, 1.57))
"""Seen from the side."""


@pytest.fixture
def whole() -> Problem:
    return prepare(RIG, film(RIG, MOTION, CAMERA), camera=CAMERA)


@pytest.fixture
def half() -> Problem:
    """The right half is behind something."""
    clip = film(RIG, MOTION, CAMERA)
    mask, hidden = np.array(clip.mask), np.zeros_like(clip.mask)
    middle = mask.shape[2] // 2
    mask[:, :, middle:], hidden[:, :, middle - 1 :] = 0, 255
    return prepare(RIG, replace(clip, mask=mask, hidden=hidden), camera=CAMERA)


def seen(problem: Problem) -> Sight:
    body = problem.body
    return look(problem, body.skin.at(State(body.skeleton, MOTION), 0), 0, sigma=1.0)


def test_the_edge_of_what_is_in_front_is_no_outline(whole: Problem, half: Problem) -> None:
    blind = prepare(RIG, replace(half.frames.clip, hidden=None), camera=CAMERA)
    assert min(seen(half).overlap, seen(whole).overlap) > 0.95
    assert seen(blind).overlap < 0.8

    def away(problem: Problem) -> float:
        """Of outline points from where they should be, the farthest, across the outline."""
        found = seen(problem).silhouette
        assert found is not None and found.normals is not None
        vertices = problem.body.skin.at(State(problem.body.skeleton, MOTION), 0).vertices.astype(float)
        places = CAMERA.project(found.points.on(vertices, problem.body.mesh.faces))
        return float(np.abs(((found.targets - places) * found.normals).sum(axis=1)).max())

    assert away(half) < 6.0
    assert away(blind) > 15.0


def test_such_frames_are_not_whole_and_not_cut_off(whole: Problem, half: Problem) -> None:
    assert whole.frames.is_whole.all() and not whole.frames.is_hidden.any()
    assert half.frames.is_hidden.all() and not half.frames.is_whole.any()
    assert not half.frames.is_cut_off.any()
    assert half.frames.has_subject.all()


def test_windows_show_where_it_is(half: Problem) -> None:
    _, crop = half.frames.window(0)
    hidden = half.frames.hidden(0, crop)
    clip = half.frames.clip
    left = clip.crops[0].to_image(np.array([clip.mask.shape[2] // 2 - 1.0, 0.0]))[0]
    column = crop.to_crop(np.array([left, 0.0]))[0]
    assert np.abs(hidden[112].argmax() - column) < 2.5
    assert not (half.frames.trusted(0) & hidden).any()
    assert half.frames.trusted(0)[112, : int(column) - 3].any()


def test_bones_that_are_hidden_are_unsure(whole: Problem, half: Problem) -> None:
    overlap = np.full(4, 0.95)
    body = whole.body
    sure, unsure = (joint_confidence(p, MOTION, overlap, lambda *_: None) for p in (whole, half))
    hidden = seen(half).hidden_share
    covered, open_ = hidden > 0.9, hidden < 0.05
    moving = body.skeleton.moving
    chosen = np.zeros(len(hidden), bool)
    chosen[moving] = True
    assert (covered & chosen).sum() >= 2 and (open_ & chosen).sum() >= 2
    assert unsure[:, covered & chosen].max() < 0.1 < sure[:, covered & chosen].min()
    assert unsure[:, open_ & chosen] == pytest.approx(sure[:, open_ & chosen], abs=0.1)
    assert not seen(whole).hidden_share.any()
