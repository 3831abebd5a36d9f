# SPDX-License-Identifier: GPL-3.0-or-later
"""What the generators say is true is true."""

from __future__ import annotations

import numpy as np
import pytest
from tube_character import tube_pack

from mocapanything_addon.ik.rotations import nearest_rotation
from training.appearance import Backgrounds, worn_mask
from training.batches import stack_groups
from training.character import Character
from training.scenes import FRAMES_PER_GROUP, SceneMaker
from training.train_decoder import stack_windows
from training.windows import WindowMaker


@pytest.fixture(scope="module")
def character() -> Character:
    return Character.from_pack(tube_pack())


@pytest.fixture(scope="module")
def maker(character) -> SceneMaker:
    rng = np.random.default_rng(0)
    return SceneMaker([character], rng, Backgrounds(rng, count=3))


def test_same_seed_same_samples(character):
    colors = []
    for _ in range(2):
        rng = np.random.default_rng(5)
        colors.append(SceneMaker([character], rng, Backgrounds(rng, count=3)).group().color)
    assert np.array_equal(*colors)


def test_points_that_are_seen_lie_on_the_mask(maker):
    seen = hit = 0
    for _ in range(4):
        group = maker.group()
        for m in range(FRAMES_PER_GROUP):
            at = np.floor((group.places[m, group.visible[m]] + 1.0) * 32).astype(int)
            seen += len(at)
            hit += int((group.mask[m][at[:, 1], at[:, 0]] > 127).sum())
    assert seen > 50
    assert hit == seen


def test_drawing_of_the_estimate_agrees_with_the_estimated_places(maker):
    """Surface points stand where their own colour is, those on the far side and on the outline excepted."""
    near, chance = [], []
    for _ in range(4):
        group = maker.group()
        joints = len(group.joint_positions)
        for m in range(FRAMES_PER_GROUP):
            at = np.floor((group.estimated_places[m, joints:] + 1.0) * 32).astype(int)
            inside = ((at >= 0) & (at < 64)).all(1)
            colors = group.estimate[m][:3, at[inside, 1], at[inside, 0]].T.astype(float)
            own = group.surface_positions[inside]
            near.append(np.linalg.norm(colors - own, axis=1) < 0.06)
            chance.append(np.linalg.norm(colors - np.roll(own, 5, axis=0), axis=1) < 0.06)
    assert np.concatenate(near).mean() > 0.15
    assert np.concatenate(near).mean() > 5.0 * np.concatenate(chance).mean()


def test_groups_of_different_rigs_stack(maker, character):
    first, second = maker.group(), maker.group()
    batch = stack_groups([first, second], views=True)
    joints = len(first.joint_positions)
    assert batch.places.shape == (8, joints + first.surface_positions.shape[0], 2)
    assert batch.reference.views.shape[:2] == (2, 2)
    assert stack_groups([first], views=False).reference.views.shape[1] == 0
    assert np.array_equal(batch.places[:4].numpy(), first.places)


def test_a_worn_mask_stays_a_mask_of_the_same_thing():
    rng = np.random.default_rng(0)
    mask = np.zeros((128, 128), np.float32)
    mask[30:100, 40:90] = 1.0
    for _ in range(30):
        worn = worn_mask(mask, rng)
        overlap = (worn * mask).sum() / np.maximum(worn, mask).sum()
        assert overlap > 0.75
        assert set(np.unique(worn)) <= {0.0, 1.0}


def test_windows_hold_rotations_and_the_way_from_estimate_to_truth(character):
    maker = WindowMaker([character], np.random.default_rng(0))
    for window in maker.batch(8):
        truth = window.rotations.astype(float)
        assert np.allclose(nearest_rotation(truth), truth, atol=1e-4)
        assert np.isfinite(window.joints).all()
        assert np.isfinite(window.frames).all()
        assert (np.diff(window.times) > 0).all()
        assert not window.counts[0]
    batch = stack_windows(maker.batch(3))
    assert batch.joints.shape[0] == 3
