# SPDX-License-Identifier: GPL-3.0-or-later
"""The subject is cut out again where the fitted body says that it is."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from mocapanything_addon.fit.clip import SubjectClip
from mocapanything_addon.fit.fit import prepare
from mocapanything_addon.worker.second_look import body_hint, look_again
from tests.fit.filmed_tubes import camera_at, film, long_necked_rig, standing

RIG = long_necked_rig()
CAMERA = camera_at(0.15)
MOTION = standing(RIG, np.linspace(0.6, 0.8, 4))


def ignored(*_: object) -> None:
    """No one is told."""


class NoIdea:
    """Sees nothing in any picture."""

    def logit(self, rgb: np.ndarray, hint: np.ndarray) -> np.ndarray:
        assert rgb.shape == (*hint.shape, 3)
        return np.zeros(hint.shape, np.float32)


class SeesGreen:
    """Knows the subject by its colour, wherever it is."""

    def logit(self, rgb: np.ndarray, hint: np.ndarray) -> np.ndarray:
        return np.where(rgb[..., 1] > 200, np.float32(4.0), np.float32(-4.0))


def filmed() -> SubjectClip:
    return film(RIG, MOTION, CAMERA)


def overlap(masks: np.ndarray, truth: np.ndarray) -> float:
    return float(((masks > 0) & (truth > 0)).sum() / ((masks > 0) | (truth > 0)).sum())


@pytest.fixture
def worn() -> np.ndarray:
    """Masks that have lost the feet and taken a tree that stands behind."""
    masks = np.array(filmed().mask)
    rows = np.flatnonzero(masks.any(axis=(0, 2)))
    masks[:, rows[-1] - len(rows) // 4 :] = 0
    masks[:, : rows[0] + 10, :30] = 255
    masks[:, rows[0] + 4 : rows[0] + 10] = 255
    return masks


def test_what_was_lost_and_what_was_taken_is_put_right(tmp_path, worn):
    truth = np.array(filmed().mask)
    problem = prepare(RIG, replace(filmed(), mask=worn), camera=CAMERA)
    again, is_same = look_again(problem, MOTION, NoIdea(), tmp_path, ignored)
    assert overlap(worn, truth) < 0.75
    assert overlap(again.frames.clip.mask, truth) > 0.93
    assert not is_same
    assert problem.frames.clip.mask is worn  # what is held elsewhere stays as it is


def test_pixels_have_the_last_word_near_the_body(tmp_path):
    clip = filmed()
    color = np.array(clip.color)
    color[..., 1] = 0
    longer = np.stack([cv2.dilate(mask, np.ones((5, 5), np.uint8)) for mask in clip.mask])
    color[longer > 0, 1] = 255  # as if its fur were that thick
    again, _ = look_again(
        prepare(RIG, replace(clip, color=color), camera=CAMERA), MOTION, SeesGreen(), tmp_path, ignored
    )
    assert overlap(again.frames.clip.mask, longer) > 0.97


def test_good_masks_stay_and_say_so(tmp_path):
    problem = prepare(RIG, filmed(), camera=CAMERA)
    again, is_same = look_again(problem, MOTION, NoIdea(), tmp_path, ignored)
    assert is_same
    assert overlap(again.frames.clip.mask, np.array(filmed().mask)) > 0.97


def test_nothing_is_invented_where_the_subject_is_hidden_or_elsewhere(tmp_path):
    masks = np.array(filmed().mask)
    masks[1] = 0
    masks[2] = np.roll(masks[2], 60, axis=1)
    problem = prepare(RIG, replace(filmed(), mask=masks), camera=CAMERA)
    again, _ = look_again(problem, MOTION, NoIdea(), tmp_path, ignored)
    assert (np.array(again.frames.clip.mask)[1:3] == masks[1:3]).all()


def test_hint_is_sure_within_and_far_outside_only():
    drawn = np.zeros((256, 256), bool)
    drawn[100:150, 100:150] = True
    hint = body_hint(drawn)
    assert hint[125, 125] == 1.0
    assert hint[125, 90] == pytest.approx(-10 / (0.055 * 256), abs=0.1)
    assert hint[125, 20] == -1.0


def test_what_stands_in_front_is_not_taken_in(tmp_path):
    masks, hidden = np.array(filmed().mask), np.zeros_like(filmed().mask)
    rows = np.flatnonzero(masks.any(axis=(0, 2)))
    knees = rows[-1] - len(rows) // 4
    masks[:, knees:], hidden[:, knees:] = 0, 255
    problem = prepare(RIG, replace(filmed(), mask=masks, hidden=hidden), camera=CAMERA)
    again, _ = look_again(problem, MOTION, NoIdea(), tmp_path, ignored)
    assert not again.frames.clip.mask[:, knees:].any()
    assert overlap(again.frames.clip.mask, masks) > 0.95
    assert again.frames.clip.hidden is hidden
