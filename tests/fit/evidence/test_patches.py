# SPDX-License-Identifier: GPL-3.0-or-later
"""Patches are found again, with their own part of the body, and say which way they are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mocapanything_addon.fit.evidence.patches import follow_patches

SIZE = 96
ONE_PART = np.zeros((SIZE, SIZE), np.int16)
PLACES = np.array([[30.0, 40.0], [48.0, 48.0], [60.0, 35.0]])
NOWHERE = np.zeros_like(PLACES)


def texture(seed: int = 0) -> NDArray[np.float32]:
    noise = np.random.default_rng(seed).normal(size=(SIZE, SIZE)).astype(np.float32)
    return np.asarray(128.0 + 250.0 * cv2.GaussianBlur(noise, (0, 0), 3.5), np.float32)


def shifted(image: NDArray[np.float32], by: tuple[float, float]) -> NDArray[np.float32]:
    matrix = np.array([[1.0, 0.0, by[0]], [0.0, 1.0, by[1]]])
    return np.asarray(cv2.warpAffine(image, matrix, (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE))


@pytest.mark.parametrize("by", [(0.0, 0.0), (1.3, -0.7), (-2.2, 1.9)])
def test_a_moved_texture_is_found(by: tuple[float, float]) -> None:
    image = texture()
    found = follow_patches(image, shifted(image, by), PLACES, [NOWHERE], ONE_PART)
    assert found.displacements == pytest.approx(np.tile(by, (3, 1)), abs=0.1)
    assert (found.misfit < 0.2).all()


def test_the_better_of_two_guesses_counts() -> None:
    image = texture(1)
    by = (9.0, -8.0)
    far = follow_patches(image, shifted(image, by), PLACES, [NOWHERE], ONE_PART)
    near = follow_patches(
        image, shifted(image, by), PLACES, [NOWHERE, NOWHERE + np.array([8.0, -7.0])], ONE_PART
    )
    assert near.displacements == pytest.approx(np.tile(by, (3, 1)), abs=0.15)
    assert (near.misfit <= far.misfit).all()


def test_brightness_may_change() -> None:
    image = texture(2)
    found = follow_patches(image, shifted(image, (1.0, 1.0)) + 6.0, PLACES, [NOWHERE], ONE_PART)
    assert found.displacements == pytest.approx(np.ones((3, 2)), abs=0.1)


def test_a_straight_edge_is_known_across_only() -> None:
    image = np.full((SIZE, SIZE), 60.0, np.float32)
    image[:, SIZE // 2 :] = 180.0
    image = cv2.GaussianBlur(image, (0, 0), 1.5)
    found = follow_patches(image, shifted(image, (1.5, 3.0)), PLACES[1:2], [NOWHERE[:1]], ONE_PART)
    assert found.displacements[0] == pytest.approx([1.5, 0.0], abs=0.1)
    assert found.precision[0, 0, 0] > 100.0 * max(found.precision[0, 1, 1], 1e-9)


def test_a_patch_moves_with_its_own_part() -> None:
    """A leg goes right before a trunk that goes left; each patch straddles the border."""
    trunk, leg = texture(3), texture(4)
    parts = ONE_PART.copy()
    parts[:, SIZE // 2 :] = 1
    source = np.where(parts == 1, leg, trunk)
    target = shifted(trunk, (-1.5, 0.0))
    moved = shifted(leg, (1.5, 0.0))
    target[:, SIZE // 2 + 2 :] = moved[:, SIZE // 2 + 2 :]
    places = np.array([[SIZE / 2 - 3.0, 40.0], [SIZE / 2 + 3.0, 40.0]])
    found = follow_patches(source, target, places, [np.zeros((2, 2))], parts)
    assert found.displacements == pytest.approx(np.array([[-1.5, 0.0], [1.5, 0.0]]), abs=0.35)


def test_what_is_gone_misfits() -> None:
    found = follow_patches(texture(5), texture(6), PLACES, [NOWHERE], ONE_PART)
    assert (found.misfit > 1.0).all()


def test_no_patches() -> None:
    nothing = np.zeros((0, 2))
    found = follow_patches(texture(), texture(), nothing, [nothing, nothing], ONE_PART)
    assert found.displacements.shape == (0, 2) and found.precision.shape == (0, 2, 2)
