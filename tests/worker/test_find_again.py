# SPDX-License-Identifier: GPL-3.0-or-later
"""A subject that was lost is recognised by its colours."""

from __future__ import annotations

import cv2
import numpy as np
from video_files import creature, texture, write_video

from mocapanything_addon.jobs.settings import CaptureSettings
from mocapanything_addon.worker.subject.clip import make_clip
from mocapanything_addon.worker.subject.find_again import alike, colors, seen_labels
from mocapanything_addon.worker.subject.track import OTHER, SUBJECT
from mocapanything_addon.worker.subject.window import cut_window

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


def test_subject_that_leaps_out_of_reach_is_found_again(tmp_path):
    background = texture(HEIGHT, WIDTH, 1, 90, 120, 20)
    images, masks = [], []
    for index in range(48):
        leapt = index >= 20
        place = (60 + 2 * index, 60) if not leapt else (300 - 4 * index, 118)
        mask = creature(WIDTH, HEIGHT, place, 0.5 * index, 22)
        decoy = np.zeros_like(mask)
        if leapt:  # something else goes on where it was going
            cv2.circle(decoy, (60 + 2 * index, 50), 16, 255, -1)
        image = background.copy()
        image[decoy > 0] = (60, 90, 200)
        image[mask > 0] = (200, 70, 50)
        images.append(image)
        masks.append(mask)
    folder = tmp_path / "job"
    folder.mkdir()
    path = write_video(tmp_path / "a.mp4", images)
    # The larger of two that move is the decoy, taken for one with what was there before.
    settings = CaptureSettings(subject_choice=2)
    clip = make_clip(path, settings, folder, lambda *progress: None, size=128).clip
    values = []
    for crop, found, mask in zip(clip.crops, clip.mask, masks, strict=True):
        truth = cut_window(mask, crop, clip.width, None) > 127
        values.append((truth & (found > 0)).sum() / max(1, (truth | (found > 0)).sum()))
    assert np.mean(values[:18]) > 0.75
    assert np.mean(values[26:]) > 0.75
