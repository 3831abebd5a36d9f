# SPDX-License-Identifier: GPL-3.0-or-later
"""Batches as fast as a network takes them: made in this process, or by worker processes ahead of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Generic, Protocol, TypeVar

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from .device import fork_or_spawn

Batch = TypeVar("Batch")
BatchOut_co = TypeVar("BatchOut_co", covariant=True)
AHEAD = 3
"""Batches that every worker process has ready."""


class Samples(Protocol[BatchOut_co]):
    """What a network is trained on; plain settings, so that it can be sent to another process."""

    def load(self) -> str:
        """Read what all makers share, once, before they part. Returns what it is, in words."""

    def batches(self, rng: np.random.Generator, makers: int) -> Iterator[BatchOut_co]:
        """Batches without end; one of so many makers that work beside each other."""


class Supply(Generic[Batch]):
    """Hands out batches.

    Args:
        samples: What to make.
        seed: Source of chance; every worker process adds its own number.
        workers: Processes that make batches ahead; 0 makes each when it is asked for, in this process.
            They start here: before anything is drawn and before a GPU is touched, neither of which survives
            a fork.
    """

    def __init__(self, samples: Samples[Batch], seed: Sequence[int], workers: int) -> None:
        self.waited = 0.0
        """Seconds that were spent waiting for batches."""
        self.described = samples.load()
        """What the batches are made of."""
        self._batches: Iterator[Batch]
        if workers == 0:
            self._batches = samples.batches(np.random.default_rng(list(seed)), 1)
            return
        _allow_open_files()
        # Before the fork: OpenCV's threads do not come along, and who tries to end them waits forever.
        cv2.setNumThreads(1)
        loader: DataLoader[Batch] = DataLoader(
            _Made(samples, list(seed)),
            batch_size=None,
            num_workers=workers,
            prefetch_factor=AHEAD,
            multiprocessing_context=fork_or_spawn(),
            in_order=False,  # a slow one must not keep the others waiting
        )
        self._batches = iter(loader)

    def next(self) -> Batch:
        """The next batch."""
        start = time.monotonic()
        batch = next(self._batches)
        self.waited += time.monotonic() - start
        return batch


class _Made(IterableDataset):
    """The batches of one worker process."""

    def __init__(self, samples: Samples, seed: list[int]) -> None:
        self.samples, self.seed = samples, seed

    def __iter__(self) -> Iterator:
        worker = get_worker_info()
        assert worker is not None
        if cv2.getNumThreads() != 1:  # not forked
            cv2.setNumThreads(1)
        torch.set_num_threads(1)
        rng = np.random.default_rng([*self.seed, worker.id + 1])
        return self.samples.batches(rng, worker.num_workers)


def _allow_open_files() -> None:
    """Every tensor under way between two processes is an open file: allow as many as the system lets us."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
