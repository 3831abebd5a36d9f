# SPDX-License-Identifier: GPL-3.0-or-later
"""Rival poses look like the true one and are not it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tube_character import tube_pack

from mocapanything_addon.fit.crop import Crop
from mocapanything_addon.fit.renderer import Renderer
from mocapanything_addon.ik.camera import Camera
from mocapanything_addon.ik.rotations import exp
from mocapanything_addon.models.manifest import DEFAULT_FOLDER
from mocapanything_addon.models.pose_critic import PoseCritic
from training.appearance import Backgrounds
from training.character import Character, about_up
from training.poses import random_pose
from training.rivals import CANDIDATES, RivalMaker, twin
from training.scenes import SceneMaker
from training.train_critic import begin_with_correspondence, critic_loss, measure, scores, stack_frames

LEVEL = np.array([[0, 1.0, 0], [0, 0, -1.0], [-1.0, 0, 0]])
FAR = Camera.from_fov(6.0, 200, 200, LEVEL, np.array([0.0, 0.4, 25.0]))


@pytest.fixture(scope="module")
def character() -> Character:
    return Character.from_pack(tube_pack())


@pytest.fixture(scope="module")
def maker(character) -> RivalMaker:
    rng = np.random.default_rng(0)
    return RivalMaker(SceneMaker([character], rng, Backgrounds(rng, count=3)))


def test_a_twin_of_a_twin_is_the_pose(character):
    rng = np.random.default_rng(1)
    for variant in (character, character.varied(rng), character.varied(rng)):
        pose = random_pose(variant, rng)
        pose[0] = about_up(0.7) @ exp(rng.normal(size=3) * 0.2)
        other = twin(variant, pose, FAR, np.zeros(3))
        assert np.allclose(np.linalg.det(other), 1.0)
        assert np.allclose(twin(variant, other, FAR, np.zeros(3)), pose, atol=1e-9)


def test_a_twin_has_the_same_outline(character):
    rng = np.random.default_rng(2)
    renderer, window = Renderer(character.faces), Crop(0.0, 0.0, 200.0, 200)
    for _ in range(5):
        pose = random_pose(character, rng)
        pose[0] = about_up(rng.uniform(0.0, 6.0))
        drawn = []
        for local in (pose, twin(character, pose, FAR, np.zeros(3))):
            posed = character.posed_vertices(*character.pose(local, np.zeros(3)))
            drawn.append(renderer.render(posed, FAR, window).mask)
        assert (drawn[0] & drawn[1]).sum() > 0.8 * (drawn[0] | drawn[1]).sum()


def test_frames_hold_different_candidates(maker):
    frames = maker.frames(3)
    for frame in frames:
        assert frame.drawn.shape == (CANDIDATES, 7, 64, 64)
        assert frame.mask.max() > 127
        near = frame.drawn[0, 6].astype(bool)
        assert (near & (frame.mask > 127)).sum() > 0.3 * near.sum()
        assert all(np.abs(frame.drawn[0] - other).max() > 0.05 for other in frame.drawn[1:])


def test_scores_do_not_depend_on_the_order(maker):
    torch.manual_seed(0)
    network = PoseCritic().eval()
    frames = maker.frames(3)
    order = [2, 0, 3, 1]
    swapped = [
        type(f)(f.color, f.mask, np.ascontiguousarray(f.drawn[order]), np.ascontiguousarray(f.painted[order]))
        for f in frames
    ]
    found, again = scores(network, stack_frames(frames)), scores(network, stack_frames(swapped))
    assert found.shape == (3, CANDIDATES)
    assert torch.allclose(found[:, order], again, atol=1e-5)


def test_loss_falls_when_the_right_one_leads():
    right, wrong = torch.tensor([[3.0, 0.0, 0.0, 0.0]]), torch.tensor([[0.0, 3.0, 0.0, 0.0]])
    loss, figures = critic_loss(right)
    assert float(loss) < float(critic_loss(wrong)[0])
    assert figures == {"twin": 1.0, "exchanged": 1.0, "turned": 1.0}


def test_what_the_correspondence_network_knows_is_taken_over(maker):
    network = PoseCritic()
    before = network.merge[0].weight.clone()
    begin_with_correspondence(network, DEFAULT_FOLDER / "correspondence.safetensors")
    assert not torch.equal(network.merge[0].weight, before)
    assert float(network.candidate_stem[0][0].weight[:, 7:].detach().abs().max()) == 0.0
    assert set(measure(network, maker.frames(3))) >= {"twin_right", "exchanged_surprise"}
