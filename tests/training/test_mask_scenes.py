# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenes and hints that the mask network trains on."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from tube_character import tube_pack

from training.backdrops import Backdrops
from training.character import Character
from training.mask_hints import HINTS, random_hint
from training.mask_scenes import MaskScene, MaskSceneMaker
from training.pool import Pool
from training.split import load_split
from training.teacher import TaughtFrame, load_mask_split
from training.train_mask import BATCH, drawn_batch, mask_loss, overlap

SIZE = 96


def taught() -> list[TaughtFrame]:
    """Two frames of a red blob and a smaller one beside it."""
    frames = []
    for index in range(2):
        mask = np.zeros((90, 160), np.uint8)
        cv2.ellipse(mask, (60 + 10 * index, 45), (30, 20), 0, 0, 360, (255,), -1)
        cv2.circle(mask, (130, 50), 15, (255,), -1)
        image = np.full((90, 160, 3), 90, np.uint8)
        image[mask > 0] = (200, 40, 40)
        frames.append(TaughtFrame("film", index, image, mask))
    return frames


def new_maker(seed: int = 0) -> MaskSceneMaker:
    rng = np.random.default_rng(seed)
    character = Character.from_pack(tube_pack())
    return MaskSceneMaker([character], taught(), Backdrops(rng, taught=taught()), rng, SIZE)


@pytest.fixture(scope="module")
def scenes() -> list[MaskScene]:
    maker = new_maker()
    return [maker.scene() for _ in range(24)]


def test_scenes_are_windows_with_sharp_masks(scenes):
    for scene in scenes:
        assert scene.image.shape == (SIZE, SIZE, 3)
        for mask in (scene.subject, scene.shadow, scene.others):
            assert mask.shape == (SIZE, SIZE)
            assert mask.dtype == np.uint8
        # Nothing is two things at once.
        assert not ((scene.subject > 160) & (scene.others > 160)).any()
        soft = (scene.subject > 20) & (scene.subject < 235)
        assert soft.mean() < 0.15
    assert np.mean([scene.subject.any() for scene in scenes]) > 0.8


def test_same_seed_same_scenes():
    first, second = (new_maker(5) for _ in range(2))
    for _ in range(4):
        assert np.array_equal(first.scene().image, second.scene().image)


@pytest.mark.parametrize("kind", list(HINTS))
def test_hints_are_between_surely_not_and_surely(scenes, kind):
    rng = np.random.default_rng(1)
    for scene in scenes:
        hint = HINTS[kind][1](scene, rng)
        assert hint.shape == scene.subject.shape
        assert hint.dtype == np.float32
        assert np.abs(hint).max() <= 1.0 + 1e-5


@pytest.mark.parametrize("kind", ["carried", "moving", "followed", "coarse", "boxed"])
def test_hints_point_at_the_subject(scenes, kind):
    rng = np.random.default_rng(2)
    inside, outside = [], []
    for scene in scenes:
        subject = scene.subject > 127
        if 50 < subject.sum() < 0.7 * subject.size:
            hint = HINTS[kind][1](scene, rng)
            inside.append(hint[subject].mean())
            outside.append(hint[~subject].mean())
    assert np.mean(inside) > np.mean(outside) + 0.3


def test_one_of_several_is_never_meant_without_a_hint(scenes):
    rng = np.random.default_rng(3)
    crowded = [scene for scene in scenes if not scene.alone]
    assert crowded
    assert all(random_hint(scene, rng).any() for scene in crowded for _ in range(10))


def test_batches_are_what_the_network_reads():
    maker = new_maker()
    batch = drawn_batch(Pool(lambda: [maker.scene()], maker.rng, size=50, uses=2), maker.rng)
    assert batch.image.shape == (BATCH, 3, SIZE, SIZE)
    assert batch.hint.shape == batch.mask.shape == (BATCH, 1, SIZE, SIZE)
    assert 0.0 <= batch.mask.min() <= batch.mask.max() <= 1.0
    assert batch.image.abs().max() <= 1.0


def test_loss_likes_the_truth_best():
    truth = torch.zeros(1, 1, 32, 32)
    truth[..., 8:24, 8:24] = 1.0
    right, _ = mask_loss(8.0 * (2.0 * truth - 1.0), truth)
    shifted, _ = mask_loss(8.0 * (2.0 * truth.roll(2, -1) - 1.0), truth)
    nothing, _ = mask_loss(torch.full_like(truth, -8.0), truth)
    assert right < 0.01 < shifted < nothing


def test_overlap():
    a, b = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    assert overlap(a, b) == 1.0
    a[:2], b[:3] = True, True
    assert overlap(a, b) == pytest.approx(2 / 3)


def test_videos_are_on_one_side_only():
    split = load_mask_split()
    names = [name for side in ("train", "held_out", "left_out") for name in split[side]]
    assert len(names) == len(set(names))
    assert not set(load_split()["train"]) & set(load_split()["validation"])
