# SPDX-License-Identifier: GPL-3.0-or-later
"""Light checkpoints are small, and a run goes on from them as from whole ones."""

from __future__ import annotations

import pytest
import torch

from mocapanything_addon.models.registry import ARCHITECTURES
from training.checkpoint import CHECKPOINT, OPTIMIZER, load_checkpoint, steps_done
from training.loop import Schedule, Trainer

MOST = 16e6


def learn(trainer: Trainer, network: torch.nn.Module, steps: int) -> None:
    for _ in range(steps):
        torch.manual_seed(trainer.step)
        x = torch.randn(8, 4)
        trainer.update(((network(x) - x.flip(1)) ** 2).mean(), {})


@pytest.mark.parametrize("name", ["decoder", "critic", "correspondence", "mask"])
def test_light_checkpoints_of_all_networks_are_small(name, tmp_path):
    network = ARCHITECTURES[name]()
    trainer = Trainer(network, tmp_path, Schedule(1e-3, 10), light=True)
    trainer.update(sum(p.square().sum() for p in network.parameters()), {})
    trainer.save()
    sizes = {path.name: path.stat().st_size for path in tmp_path.glob("*.pt")}
    assert set(sizes) == {CHECKPOINT, OPTIMIZER}
    assert max(sizes.values()) < MOST


def test_a_run_goes_on_from_a_light_checkpoint_almost_as_from_a_whole_one(tmp_path):
    ends = {}
    for light in (False, True):
        torch.manual_seed(0)
        first = torch.nn.Linear(4, 4)
        trainer = Trainer(first, tmp_path / str(light), Schedule(1e-2, 100), light=light)
        learn(trainer, first, 30)
        trainer.save()
        later = torch.nn.Linear(4, 4)
        trainer = Trainer(later, tmp_path / str(light), Schedule(1e-2, 100), light=light)
        assert trainer.step == steps_done(tmp_path / str(light)) == 30
        begun = later.weight.detach().clone()
        learn(trainer, later, 30)
        ends[light] = later.weight.detach()
    way = float((ends[False] - begun).abs().max())
    assert way > 0.05
    assert float((ends[True] - ends[False]).abs().max()) < 0.02 * way


def test_small_squared_gradients_survive(tmp_path):
    network = torch.nn.Linear(4, 4)
    trainer = Trainer(network, tmp_path, Schedule(1e-2, 100), light=True)
    trainer.update(1e-5 * network(torch.ones(1, 4)).sum(), {})
    trainer.save()
    state = load_checkpoint(tmp_path)
    assert state is not None
    assert float(state["optimizer"]["state"][0]["exp_avg_sq"].min()) > 0.0


def test_without_the_optimiser_a_run_goes_on_and_says_so(tmp_path, capsys):
    network = torch.nn.Linear(4, 4)
    trainer = Trainer(network, tmp_path, Schedule(1e-2, 100), light=True)
    learn(trainer, network, 3)
    trainer.save()
    (tmp_path / OPTIMIZER).unlink()
    assert Trainer(torch.nn.Linear(4, 4), tmp_path, Schedule(1e-2, 100)).step == 3
    assert "optimiser" in capsys.readouterr().out
