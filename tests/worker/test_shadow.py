# SPDX-License-Identifier: GPL-3.0-or-later
"""Shadows that move are no part of a creature."""

from __future__ import annotations

import cv2
import numpy as np
from video_files import texture

from mocapanything_addon.worker.subject.shadow import cast_shadow

HEIGHT, WIDTH = 160, 240


def ground() -> np.ndarray:
    return (texture(HEIGHT, WIDTH, 1, 90, 200, 5) * [1.0, 0.9, 0.7]).astype(np.uint8)


def disc(x: int, y: int, radius: int = 20) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(mask, (x, y), radius, (1.0,), -1)
    return mask > 0


def test_darkened_ground_is_shadow_and_a_dark_creature_is_not():
    behind, creature, shaded = ground(), disc(70, 80), disc(160, 80)
    frame = behind.copy()
    frame[creature] = texture(HEIGHT, WIDTH, 2, 40, 80, 6)[creature] * [1.0, 0.9, 0.7]
    frame[shaded] = (0.55 * frame[shaded]).astype(np.uint8)
    found = cast_shadow(frame, behind, creature | shaded)
    assert found[shaded].mean() > 0.95
    assert found[creature].mean() < 0.15


def test_blue_creature_on_plain_ground_is_no_shadow():
    behind = np.full((HEIGHT, WIDTH, 3), (170, 160, 150), np.uint8)
    frame = behind.copy()
    frame[disc(70, 80)] = (40, 50, 110)
    assert not cast_shadow(frame, behind, disc(70, 80)).any()


def test_plain_ground_proves_nothing():
    rng = np.random.default_rng(0)
    behind = np.full((HEIGHT, WIDTH, 3), 160.0)
    frame = behind.copy()
    frame[disc(70, 80)] = 90.0  # as grey as the ground: a shadow, or a grey creature
    grain = rng.normal(0.0, 1.5, (2, HEIGHT, WIDTH, 3))
    seen, background = (
        np.clip(image, 0, 255).astype(np.uint8) for image in np.stack([frame, behind]) + grain
    )
    assert not cast_shadow(seen, background, disc(70, 80)).any()


def test_only_what_moves_is_shadow():
    behind = ground()
    frame = behind.copy()
    frame[disc(160, 80)] = (0.55 * frame[disc(160, 80)]).astype(np.uint8)
    assert not cast_shadow(frame, behind, np.zeros((HEIGHT, WIDTH), bool)).any()
