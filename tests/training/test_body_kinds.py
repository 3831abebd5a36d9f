# SPDX-License-Identifier: GPL-3.0-or-later
"""The network of kinds of bodies: what trains is what the package computes, and it learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mocapanything_addon.fit import body_kinds
from mocapanything_addon.fit.body_kinds import KINDS, kind_probabilities
from mocapanything_addon.fit.outlines import SIDE
from training.body_kinds import Drawings, KindNetwork, draw, draw_all, spoiled, train


def test_numpy_and_torch_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    network = KindNetwork().eval()
    network.save(tmp_path / "weights.npz")
    monkeypatch.setattr(body_kinds, "WEIGHTS", tmp_path / "weights.npz")
    body_kinds._weights.cache_clear()
    masks = np.random.default_rng(2).random((7, SIDE * SIDE)) > 0.6
    with torch.no_grad():
        expected = network(torch.from_numpy(body_kinds.shrunk(masks))).softmax(1).numpy()
    assert kind_probabilities(masks) == pytest.approx(expected, abs=2e-3)
    body_kinds._weights.cache_clear()


def test_it_learns_to_tell_bars_that_lie_from_bars_that_stand() -> None:
    rng = np.random.default_rng(3)
    images = np.zeros((200, SIDE, SIDE), bool)
    for k, image in enumerate(images):
        middle, half = int(rng.integers(20, 36)), int(rng.integers(3, 7))
        part = slice(middle - half, middle + half)
        if k % 2:
            image[part] = True
        else:
            image[:, part] = True
    bits = np.packbits(images.reshape(200, -1), axis=1)
    network = train(Drawings(bits, np.arange(200) % 2, np.arange(200)), 60)
    masks = torch.from_numpy(body_kinds.shrunk(images.reshape(200, -1)))
    with torch.no_grad():
        told = network(masks).argmax(1).numpy()
    assert np.mean(told == np.arange(200) % 2) > 0.95


def test_a_creature_is_drawn_always_alike_and_not_twice(tmp_path: Path) -> None:
    seed, kind, bits = draw(4)
    assert seed == 4
    assert 0 <= kind < len(KINDS)
    assert np.array_equal(bits, draw(4)[2])
    filled = np.unpackbits(bits, axis=1).mean(axis=1)
    assert np.median(filled) > 0.02
    kept = tmp_path / "drawings.npz"
    np.savez(kept, bits=bits, kinds=np.full(len(bits), kind), seeds=np.zeros(len(bits), int))
    drawings = draw_all(1, 1, kept)
    assert np.array_equal(drawings.bits, bits)


def test_a_spoiled_mask_is_still_much_of_the_mask() -> None:
    mask = np.zeros((80, 80), bool)
    mask[20:60, 10:70] = True
    rng = np.random.default_rng(5)
    shares = [(mask & (s := spoiled(mask, rng))).sum() / (mask | s).sum() for _ in range(200)]
    assert min(shares) > 0.5
    assert 0.3 < np.mean(np.equal(shares, 1.0)) < 0.6
