# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows, cut-outs and the drawing of the estimate."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tube_character import tube_rig

from mocapanything_addon.fit.crop import Crop
from mocapanything_addon.fit.renderer import Renderer
from mocapanything_addon.ik.camera import Camera
from mocapanything_addon.models.images import (
    MARGIN,
    cut_window,
    draw_estimate,
    from_places,
    mask_window,
    standardised_frame,
    to_places,
)


def test_window_stands_around_the_mask_in_source_pixels():
    crop = Crop(100.0, 50.0, 200.0, 100)
    mask = np.zeros((100, 100), np.uint8)
    mask[20:60, 10:30] = 255  # 80 x 40 source pixels, corner at (120, 90)
    window = mask_window(mask, crop, 64)
    assert window is not None
    assert window.side == pytest.approx(80.0 * MARGIN)
    assert window.left + 0.5 * window.side == pytest.approx(140.0)
    assert window.top + 0.5 * window.side == pytest.approx(130.0)


def test_empty_mask_has_no_window():
    assert mask_window(np.zeros((32, 32), np.uint8), Crop(0, 0, 32, 32), 64) is None


def test_places_and_pixels_are_inverse():
    window = Crop(-20.0, 30.0, 75.0, 64)
    points = np.random.default_rng(0).normal(size=(50, 2)) * 100.0
    assert np.allclose(from_places(to_places(points, window), window), points)


@pytest.mark.parametrize("size", [48, 400])
def test_cut_window_shows_what_stands_there(size):
    crop = Crop(10.0, 20.0, 120.0, size)
    image = np.zeros((size, size), np.uint8)
    image[: size // 2, : size // 2] = 255
    window = Crop(40.0, 50.0, 60.0, 64)  # its middle is where the white quarter ends
    cut = cut_window(image, crop, window)
    assert cut[:29, :29].min() == 255
    assert cut[35:, 35:].max() == 0
    assert cut_window(image, crop, Crop(-500.0, 0.0, 50.0, 64)).max() == 0


def test_frame_does_not_depend_on_exposure_or_background():
    rng = np.random.default_rng(1)
    mask = np.zeros((1, 64, 64), np.uint8)
    mask[:, 10:50, 10:50] = 255
    color = rng.integers(60, 120, (1, 64, 64, 3)).astype(np.uint8)
    other = (color.astype(int) * 2).astype(np.uint8)
    other[mask == 0] = rng.integers(0, 255, (64 * 64 - 1600, 3))
    frames = [standardised_frame(torch.from_numpy(c), torch.from_numpy(mask)) for c in (color, other)]
    inside = frames[0][:, :3, 10:50, 10:50]
    assert inside.std() > 0.3
    assert (frames[1][:, :3, 10:50, 10:50] - inside).abs().max() < 0.25
    assert frames[0][:, :3, :10].abs().max() == 0


def test_drawing_carries_rest_places_and_normals():
    rig = tube_rig()
    axes = np.array([[0, 1.0, 0], [0, 0, -1.0], [-1.0, 0, 0]])  # from +x, looking at the side
    camera = Camera.from_fov(40.0, 300, 300, axes, np.array([0.0, 0.6, 4.0]))
    window = Crop(50.0, 50.0, 200.0, 64)
    rest = (rig.vertices - rig.rest_positions[0]).astype(float)
    drawn = draw_estimate(Renderer(rig.faces), rest, rig.vertices, camera, window).astype(float)
    rows, columns = np.nonzero(drawn[6] > 0)
    assert len(rows) > 100
    seen = window.to_image(np.stack([columns, rows], -1).astype(float))
    again = camera.project(drawn[:3, rows, columns].T + rig.rest_positions[0])
    assert np.abs(again - seen).max() < 1.0  # every pixel shows the rest place that projects there
    assert np.median(drawn[5, rows, columns]) < 0  # normals look towards the camera
