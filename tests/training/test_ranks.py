# SPDX-License-Identifier: GPL-3.0-or-later
"""Several processes train one network: the same weights everywhere, other samples, one folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import distributed, nn
from training_packs import write_tube_packs

from training import ranks as ranks_module
from training import train_decoder
from training.checkpoint import CHECKPOINT
from training.ranks import Ranks

PROJECT = Path(__file__).resolve().parents[2]


class Parts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used, self.left_out = nn.Linear(2, 1, bias=False), nn.Linear(2, 1, bias=False)
        self.register_buffer("mean", torch.tensor([2.0]))


def with_other(monkeypatch: pytest.MonkeyPatch, other: torch.Tensor) -> None:
    monkeypatch.setattr(ranks_module.distributed, "all_reduce", lambda flat: flat.add_(other))


def test_gradients_buffers_and_numbers_become_those_of_all_ranks(monkeypatch):
    network = Parts()
    network.used.weight.grad = torch.tensor([[1.0, 2.0]])
    # gradients of both parts, the buffer, two numbers, and whether the parts have gradients
    with_other(monkeypatch, torch.tensor([3.0, 4.0, 0.0, 0.0, 6.0, 0.5, 1.0, 1.0, 0.0]))
    numbers = Ranks(0, 2).average(network, [0.1, 0.0])
    assert numbers == pytest.approx([0.3, 0.5])
    assert network.used.weight.grad.tolist() == [[2.0, 3.0]]
    assert float(network.mean) == 4.0
    assert network.left_out.weight.grad is None


def test_a_part_that_only_another_rank_used_gets_its_share(monkeypatch):
    network = Parts()
    network.used.weight.grad = torch.tensor([[1.0, 2.0]])
    with_other(monkeypatch, torch.tensor([1.0, 2.0, 4.0, 8.0, 2.0, 1.0, 1.0]))
    assert Ranks(1, 2).average(network, []) == []
    assert network.left_out.weight.grad.tolist() == [[2.0, 4.0]]


def test_alone_nothing_changes():
    network = Parts()
    assert Ranks().average(network, [0.25]) == [0.25]
    assert network.used.weight.grad is None
    assert Ranks().seed(1, 2) == [1, 2]
    assert Ranks(1, 2).seed(1, 2) != Ranks(0, 2).seed(1, 2)


@pytest.mark.skipif(
    not (distributed.is_available() and distributed.is_gloo_available()), reason="this PyTorch has no gloo"
)
def test_two_processes_go_on_with_a_run_and_keep_the_same_weights(tmp_path, monkeypatch):
    """They end by comparing their weights with the first one's, bit by bit, and fail where they differ."""
    packs, run = tmp_path / "packs", tmp_path / "run"
    write_tube_packs(packs)
    monkeypatch.setattr(train_decoder, "VALIDATION_WINDOWS", 16)
    options = ["--packs", str(packs), "--run", str(run), "--device", "cpu", "--batch", "2"]
    train_decoder.main([*options, "--steps", "1"])
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "--"]
    answer = subprocess.run(
        [sys.executable, "-m", *launcher, "training", "decoder", *options, "--steps", "4"],
        cwd=PROJECT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.count("2 processes") == 1, "one of them speaks"
    state = torch.load(run / CHECKPOINT, weights_only=True)
    assert state["step"] == 4
    assert state["samples"] == 2 + 3 * 2 * 2


class Alone:
    """The collective calls as the first rank sees them while another has other weights."""

    @staticmethod
    def broadcast(tensor: torch.Tensor, _: int) -> None:
        tensor[0] += 1e-3

    @staticmethod
    def all_reduce(_: torch.Tensor) -> None:
        pass


def test_ranks_that_have_parted_are_found(monkeypatch):
    monkeypatch.setattr(ranks_module, "distributed", Alone)
    with pytest.raises(RuntimeError, match="parted: 1 weights"):
        Ranks(1, 2).check_equal(Parts())
