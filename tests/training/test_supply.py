# SPDX-License-Identifier: GPL-3.0-or-later
"""Worker processes make batches ahead, each other ones."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
import torch
from training_packs import write_tube_packs

from training.supply import Supply
from training.train_decoder import DecoderSamples


@dataclass(frozen=True)
class Numbered:
    """A batch that says who made it."""

    process: int
    values: torch.Tensor


class Numbers:
    def load(self) -> str:
        return "numbers"

    def batches(self, rng: np.random.Generator, makers: int) -> Iterator[Numbered]:
        while True:
            yield Numbered(os.getpid(), torch.from_numpy(rng.random(4)))


def test_workers_make_other_batches_than_each_other():
    supply = Supply(Numbers(), [3, 0], workers=2)
    batches = [supply.next() for _ in range(40)]
    processes = {batch.process for batch in batches}
    assert len(processes) == 2
    assert os.getpid() not in processes
    assert len({float(batch.values[0]) for batch in batches}) == 40
    assert supply.described == "numbers"
    assert supply.waited > 0.0


@pytest.mark.timeout(60)
def test_workers_start_where_opencv_has_threads():
    """Regression: they waited forever for threads that had not come along with them."""
    cv2.setNumThreads(2)
    picture = np.zeros((1500, 1500, 3), np.float32)
    for _ in range(3):
        cv2.resize(picture, (900, 900), interpolation=cv2.INTER_AREA)
    assert Supply(Numbers(), [3, 0], workers=1).next().process != os.getpid()


def test_without_workers_the_batches_are_those_of_the_seed():
    supply = Supply(Numbers(), [3, 7], workers=0)
    expected = np.random.default_rng([3, 7]).random(4)
    batch = supply.next()
    assert batch.process == os.getpid()
    np.testing.assert_array_equal(batch.values.numpy(), expected)


def test_windows_are_used_more_than_once_where_asked(tmp_path):
    write_tube_packs(tmp_path)
    batches = DecoderSamples(tmp_path, batch=8, uses=4).batches(np.random.default_rng(0), 1)
    drawn = [tuple(times.tolist()) for _ in range(12) for times in next(batches).times]
    assert len(drawn) == 96
    assert 96 / 8 <= len(set(drawn)) <= 96 / 3
