# SPDX-License-Identifier: GPL-3.0-or-later
"""The mask network: shapes, what a hint does, the shipped weights."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from mocapanything_addon.models.image_trunk import WIDTHS, ImageTrunk
from mocapanything_addon.models.manifest import DEFAULT_FOLDER
from mocapanything_addon.models.mask_cutter import MaskCutter
from mocapanything_addon.models.mask_network import MaskNetwork

MOST_BYTES = 10_000_000


@pytest.fixture(scope="module")
def cutter() -> MaskCutter:
    return MaskCutter.load()


def two_alike() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A picture of two animals, and the mask of each."""
    image = np.full((192, 192, 3), (110, 140, 95), np.uint8)
    masks = []
    for x in (48, 144):
        mask = np.zeros((192, 192), np.uint8)
        cv2.ellipse(mask, (x, 90), (28, 15), 0, 0, 360, (1,), -1)
        cv2.circle(mask, (x + 28, 74), 9, (1,), -1)
        for leg in (-18, -10, 12, 20):
            cv2.line(mask, (x + leg, 96), (x + leg, 128), (1,), 5)
        image[mask > 0] = (150, 90, 50)
        masks.append(mask > 0)
    shade = np.linspace(1.25, 0.75, 192)[:, None, None]
    return np.clip(image * shade, 0, 255).astype(np.uint8), masks[0], masks[1]


@pytest.mark.parametrize("size", [64, 96])
def test_every_pixel_gets_odds(size):
    torch.manual_seed(0)
    network = MaskNetwork().eval()
    with torch.no_grad():
        odds = network(torch.randn(2, 3, size, size), torch.zeros(2, 1, size, size))
        features = network.trunk(torch.randn(2, 3, size, size), torch.zeros(2, 1, size, size))
    assert odds.shape == (2, 1, size, size)
    assert [f.shape[1] for f in features] == list(WIDTHS)
    assert [size // f.shape[-1] for f in features] == [2, 4, 8, 16, 32]


def test_weights_of_another_network_are_refused():
    with pytest.raises(ValueError, match="EfficientNet-Lite0"):
        ImageTrunk().load_published({"_conv_stem.weight": torch.zeros(8, 3, 3, 3)})


def test_weights_that_ship_are_small():
    assert (DEFAULT_FOLDER / "mask.safetensors").stat().st_size < MOST_BYTES


def test_hint_says_which_of_two(cutter):
    image, left, right = two_alike()
    for meant, other in ((left, right), (right, left)):
        found = cutter.logit(image, np.where(meant, 1.0, -1.0).astype(np.float32)) > 0
        assert (found & meant).sum() > 0.9 * meant.sum()
        assert (found & other).sum() < 0.1 * other.sum()


def test_what_stands_out_needs_no_hint(cutter):
    image = np.full((192, 192, 3), (90, 130, 90), np.uint8)
    mask = np.zeros((192, 192), np.uint8)
    cv2.ellipse(mask, (100, 90), (55, 30), 20, 0, 360, (1,), -1)
    image[mask > 0] = (190, 70, 40)
    # Every camera's picture has some grain; the network has never seen one without.
    grain = np.random.default_rng(0).normal(0.0, 4.0, image.shape)
    image = np.clip(image + grain, 0, 255).astype(np.uint8)
    found = cutter.logit(image, np.zeros((192, 192), np.float32)) > 0
    assert (found & (mask > 0)).sum() > 0.85 * (found | (mask > 0)).sum()


def test_same_window_same_odds(cutter):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (128, 128, 3), dtype=np.uint8)
    hint = rng.uniform(-1, 1, (128, 128)).astype(np.float32)
    assert np.array_equal(cutter.logit(image, hint), cutter.logit(image, hint))
