# SPDX-License-Identifier: GPL-3.0-or-later
"""Scores of masks, and the rivals of the product's."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from benchmarks.masks.rivals import RIVALS
from benchmarks.masks.scores import boundary_score, overlap


def disc(x: int, radius: int = 20) -> np.ndarray:
    mask = np.zeros((120, 200), np.uint8)
    cv2.circle(mask, (x, 60), radius, (1,), -1)
    return mask > 0


def test_scores_fall_with_distance():
    truth = disc(80)
    assert overlap(truth, truth) == boundary_score(truth, truth) == 1.0
    near, far = disc(81), disc(90)
    assert overlap(near, truth) > 0.9 > overlap(far, truth)
    assert boundary_score(near, truth) > 0.99
    assert boundary_score(far, truth) < 0.5
    assert boundary_score(np.zeros_like(truth), truth) == 0.0


def test_border_of_the_image_is_no_outline():
    cut = np.zeros((100, 100), bool)
    cut[:, 60:] = True
    wider = cut.copy()
    wider[:, 59] = True
    assert boundary_score(cut, wider) == 1.0


@pytest.mark.parametrize("name", list(RIVALS))
def test_rivals_find_a_disc_that_moves(name):
    rng = np.random.default_rng(0)
    background = cv2.resize(rng.integers(60, 120, (12, 20, 3), dtype=np.uint8), (200, 120))
    frames, masks = [], {}
    for index in range(30):
        frame, mask = background.copy(), disc(30 + 5 * index)
        frame[mask] = (220, 60, 40)
        frames.append(frame)
        if index % 6 == 0:
            masks[index] = mask
    found = RIVALS[name](frames, masks)
    assert np.mean([overlap(found[i], masks[i]) for i in masks]) > 0.8
