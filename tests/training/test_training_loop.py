# SPDX-License-Identifier: GPL-3.0-or-later
"""A few steps reduce the loss; a run goes on where it stopped; weights go into the package and come back."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from tube_character import tube_pack

from mocapanything_addon.models.correspondence_network import CorrespondenceNetwork
from mocapanything_addon.models.manifest import read_manifest
from mocapanything_addon.models.mask_cutter import MaskCutter
from mocapanything_addon.models.mask_network import MaskNetwork
from mocapanything_addon.models.motion_decoder import MotionDecoder
from mocapanything_addon.models.networks import Networks
from mocapanything_addon.models.pose_critic import PoseCritic
from training import export, train_correspondence, train_decoder
from training.appearance import Backgrounds
from training.batches import stack_groups
from training.character import Character
from training.loop import CURVE, PRETRAINED_PACE, Schedule, Trainer
from training.scenes import SceneMaker
from training.windows import WindowMaker


@pytest.fixture(scope="module")
def character() -> Character:
    return Character.from_pack(tube_pack())


def test_the_correspondence_network_learns_a_batch_by_heart(character, tmp_path):
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    groups = [SceneMaker([character], rng, Backgrounds(rng, count=3)).group()]
    network = CorrespondenceNetwork(width=16, widths=(8, 12, 16, 24), encoder_layers=1, layers=1)
    trainer = Trainer(network, tmp_path, Schedule(3e-3, 60, warm_up=5))
    batch = stack_groups(groups, views=True)
    distances = []
    for _ in range(60):
        loss, figures = train_correspondence.correspondence_loss(
            train_correspondence.predict(network, batch), batch
        )
        trainer.update(loss, figures)
        distances.append(figures["distance"])
    assert np.mean(distances[-5:]) < 0.6 * np.mean(distances[:3])


def test_the_decoder_learns_a_batch_by_heart(character, tmp_path):
    torch.manual_seed(0)
    batch = train_decoder.stack_windows(WindowMaker([character], np.random.default_rng(0)).batch(4))
    network = MotionDecoder(width=24, layers=1, heads=2)
    trainer = Trainer(network, tmp_path, Schedule(4e-3, 60, warm_up=5))
    errors = []
    for _ in range(60):
        loss, figures = train_decoder.decoder_loss(train_decoder.predict(network, batch), batch)
        trainer.update(loss, figures)
        errors.append(figures["rotation"])
    assert np.mean(errors[-5:]) < 0.6 * np.mean(errors[:3])


def test_a_run_goes_on_from_its_checkpoint(tmp_path):
    def run(trainer: Trainer, network: torch.nn.Module, steps: int) -> None:
        def train_step() -> tuple[torch.Tensor, dict[str, float]]:
            torch.manual_seed(trainer.step)
            x = torch.randn(8, 3)
            return ((network(x) - x.sum(1, keepdim=True)) ** 2).mean(), {}

        trainer.run(train_step, lambda: {"figure": 1.0}, steps=steps)

    def fresh() -> torch.nn.Module:
        torch.manual_seed(0)
        return torch.nn.Linear(3, 1)

    schedule = Schedule(1e-2, 20, warm_up=2)
    whole = fresh()
    run(Trainer(whole, tmp_path / "whole", schedule), whole, 20)
    stopped = fresh()
    run(Trainer(stopped, tmp_path / "parts", schedule), stopped, 8)
    later = torch.nn.Linear(3, 1)
    trainer = Trainer(later, tmp_path / "parts", schedule)
    assert trainer.step == 8
    run(trainer, later, 20)
    assert torch.allclose(whole.weight, later.weight)
    rows = (tmp_path / "parts" / CURVE).read_text().splitlines()
    assert len(rows) == 3
    assert rows[0].startswith("step,seconds")


def test_the_rate_runs_down_and_stays(tmp_path):
    schedule = Schedule(1.0, 100, warm_up=10, floor=0.05)
    rates = [schedule.at(step) for step in range(300)]
    assert rates[0] == pytest.approx(0.1, rel=0.01)
    assert max(rates) <= 1.0
    assert rates[100] == rates[299] == pytest.approx(0.05)
    assert all(a >= b for a, b in pairwise(rates[10:]))


def test_export_writes_what_the_facade_reads(tmp_path):
    torch.manual_seed(3)
    networks = {
        "correspondence": CorrespondenceNetwork(),
        "decoder": MotionDecoder(),
        "critic": PoseCritic(),
        "mask": MaskNetwork(),
    }
    for name, network in networks.items():
        Trainer(network, tmp_path / name, Schedule(1e-3, 10)).save()
    output = tmp_path / "weights"
    output.mkdir()
    export.main(["--runs", str(tmp_path), "--output", str(output), "--no-figures"])
    expected = networks["correspondence"].state_dict()["video.search_key.weight"]
    found = Networks.load(output).correspondence.state_dict()["video.search_key.weight"]
    assert torch.allclose(found, expected, atol=1e-3)
    assert "Limits" in (output / "CARD.md").read_text()
    image, hint = np.full((64, 64, 3), 90, np.uint8), np.zeros((64, 64), np.float32)
    assert np.isfinite(MaskCutter.load(output).logit(image, hint)).all()


def test_one_network_is_exported_beside_the_others(tmp_path):
    for name, network in (
        ("correspondence", CorrespondenceNetwork()),
        ("decoder", MotionDecoder()),
        ("critic", PoseCritic()),
        ("mask", MaskNetwork()),
    ):
        Trainer(network, tmp_path / name, Schedule(1e-3, 10)).save()
    export.main(["--runs", str(tmp_path), "--output", str(tmp_path), "--no-figures"])
    before = read_manifest(tmp_path)
    torch.manual_seed(4)
    later = tmp_path / "later"
    Trainer(MaskNetwork(), later / "mask", Schedule(1e-3, 10)).save()
    export.main(["--runs", str(later), "--output", str(tmp_path), "--only", "mask"])
    after = read_manifest(tmp_path)
    assert after["decoder"] == before["decoder"]
    assert after["mask"].sha256 != before["mask"].sha256


def test_what_has_learnt_already_takes_smaller_steps(tmp_path):
    network = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3))
    trainer = Trainer(network, tmp_path, Schedule(1e-2, 20, warm_up=1), pretrained=network[0])
    before = [layer.weight.detach().clone() for layer in (network[0], network[1])]
    trainer.update(network(torch.ones(1, 3)).square().sum(), {})
    slow, fast = (float((network[i].weight - before[i]).abs().max().detach()) for i in range(2))
    assert slow == pytest.approx(PRETRAINED_PACE * fast, rel=0.05)
