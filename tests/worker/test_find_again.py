# SPDX-License-Identifier: GPL-3.0-or-later
"""A subject that was lost is recognised by its colours."""

from __future__ import annotations

import numpy as np
from video_files import creature

from mocapanything_addon.worker.subject.find_again import alike, colors, seen_labels
from mocapanything_addon.worker.subject.track import OTHER, SUBJECT

WIDTH, HEIGHT = 240, 160


def test_colours_tell_a_creature_from_another_in_any_pose_and_shade():
    rng = np.random.default_rng(0)
    coat, other = np.array([190, 90, 50]), np.array([80, 120, 190])

    def look(color: np.ndarray, shade: float, at: tuple[int, int], legs: float) -> np.ndarray:
        mask = creature(WIDTH, HEIGHT, at, legs, 26)
        image = np.full((HEIGHT, WIDTH, 3), 120.0)
        image[mask > 0] = shade * color + rng.normal(0.0, 6.0, (int((mask > 0).sum()), 3))
        return colors(np.clip(image, 0, 255).astype(np.uint8), mask > 0)

    known = look(coat, 1.0, (60, 80), 0.0)
    assert alike(known, look(coat, 0.97, (160, 70), 1.5)) > 0.75
    assert alike(known, look(other, 1.0, (60, 80), 0.0)) < 0.3
    assert (
        alike(known, colors(np.zeros((HEIGHT, WIDTH, 3), np.uint8), np.zeros((HEIGHT, WIDTH), bool))) == 0.0
    )


def test_what_moves_beside_the_subject_is_something_else():
    parts = np.array([[0, 1, 1], [2, 2, 0]], np.int32)
    mask = np.array([[True, True, False], [False, False, True]])
    assert seen_labels(mask, parts).tolist() == [[0, SUBJECT, OTHER], [OTHER, OTHER, 0]]
