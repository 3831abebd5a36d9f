# SPDX-License-Identifier: GPL-3.0-or-later
"""Batches go to a device whole, and the losses can be had in mixed precision."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

import numpy as np
import pytest
import torch
from tube_character import tube_pack

from mocapanything_addon.jobs.errors import BadInputError
from mocapanything_addon.models.correspondence_network import CorrespondenceNetwork
from mocapanything_addon.models.motion_decoder import MotionDecoder
from mocapanything_addon.models.pose_critic import PoseCritic
from training import train_correspondence, train_critic, train_decoder
from training.appearance import Backgrounds
from training.batches import stack_groups
from training.character import Character
from training.device import choose_device, moved
from training.rivals import RivalMaker
from training.scenes import SceneMaker
from training.windows import WindowMaker


@pytest.fixture(scope="module")
def scenes() -> SceneMaker:
    rng = np.random.default_rng(0)
    return SceneMaker([Character.from_pack(tube_pack())], rng, Backgrounds(rng, count=3))


@pytest.fixture(scope="module")
def windows(scenes):
    return train_decoder.stack_windows(
        WindowMaker(scenes.families["tubes"], np.random.default_rng(0)).batch(3)
    )


def tensors(batch) -> list[torch.Tensor]:
    found = []
    for field in fields(batch):
        value = getattr(batch, field.name)
        if is_dataclass(value):
            found += tensors(value)
        elif isinstance(value, torch.Tensor):
            found.append(value)
    return found


def test_a_batch_moves_with_all_that_is_in_it(windows):
    there = tensors(moved(windows, torch.device("meta")))
    assert len(there) == len(tensors(windows)) > 15
    assert all(tensor.device.type == "meta" for tensor in there)
    assert moved(windows, torch.device("cpu")) is windows


def test_a_device_that_is_not_there_is_named():
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    missing = [name for name, found in there.items() if not found]
    assert missing, "no machine has both"
    assert choose_device("cpu").type == "cpu"
    for name in missing:
        with pytest.raises(BadInputError, match=name) as caught:
            choose_device(name)
        assert caught.value.code == "device_missing"


@pytest.mark.parametrize("name", ["decoder", "critic", "correspondence"])
def test_losses_in_mixed_precision_are_close_to_those_in_single(name, scenes, windows, monkeypatch):
    torch.manual_seed(0)
    if name == "decoder":
        network = MotionDecoder(width=24, layers=1, heads=2)
        module = train_decoder

        def loss():
            return module.decoder_loss(module.predict(network, windows), windows)[0]
    elif name == "critic":
        network, module = PoseCritic(widths=(8, 8, 12, 16, 16)).eval(), train_critic
        frames = train_critic.stack_frames(RivalMaker(scenes).frames(3))

        def loss():
            return module.critic_loss(module.scores(network, frames))[0]
    else:
        network, module = (
            CorrespondenceNetwork(width=16, widths=(8, 12, 16, 24), layers=1),
            train_correspondence,
        )
        batch = stack_groups([scenes.group()], views=True)

        def loss():
            return module.correspondence_loss(module.predict(network, batch), batch)[0]

    single = loss().detach()
    monkeypatch.setattr(module, "mixed_precision", lambda _: torch.autocast("cpu", torch.bfloat16))
    mixed = loss()
    assert mixed.dtype == torch.float32
    assert float(mixed.detach()) == pytest.approx(float(single), rel=0.05)
    mixed.backward()
    assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in network.parameters())
    assert any(p.grad is not None and float(p.grad.abs().max()) > 0.0 for p in network.parameters())
