# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run goes on from: one whole file, or two light ones that are easily carried elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

CHECKPOINT = "checkpoint.pt"
OPTIMIZER = "optimizer.pt"
"""Beside a light checkpoint. Without it a run goes on with an optimiser that starts anew."""

State = dict[str, Any]


def save_checkpoint(folder: Path, state: State, *, light: bool = False) -> None:
    """Write a checkpoint; the old one stands until the new one is whole.

    Args:
        folder: Of the run.
        state: ``network``, ``average``, ``optimizer`` and numbers.
        light: Averaged weights as they are exported and the optimiser's moments in bfloat16, in two files.
    """
    if light:
        state = dict(state)
        _write({"optimizer": _short_moments(state.pop("optimizer"))}, folder / OPTIMIZER)
        state["average"] = compact(state["average"])
    _write(state, folder / CHECKPOINT)


def load_checkpoint(folder: Path) -> State | None:
    """What :func:`save_checkpoint` wrote, None where there is nothing yet; ``optimizer`` may be missing."""
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    state = torch.load(path, map_location="cpu", weights_only=True)
    if "optimizer" not in state and (folder / OPTIMIZER).exists():
        state |= torch.load(folder / OPTIMIZER, map_location="cpu", weights_only=True)
    return state


def steps_done(folder: Path) -> int:
    """How far the run in a folder has come."""
    path = folder / CHECKPOINT
    if not path.exists():
        return 0
    return int(torch.load(path, map_location="cpu", mmap=True, weights_only=True)["step"])


def compact(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Matrices in half precision; vectors (biases, statistics) as they are; counters left out."""
    return {
        name: (value.half() if value.ndim > 1 else value.float()).contiguous()
        for name, value in state.items()
        if not name.endswith("num_batches_tracked")
    }


def _short_moments(optimizer: State) -> State:
    # Half precision would not do: squared gradients are smaller than its smallest number.
    moments = {
        number: {
            name: value.bfloat16() if isinstance(value, Tensor) and value.ndim else value
            for name, value in of_parameter.items()
        }
        for number, of_parameter in optimizer["state"].items()
    }
    return {**optimizer, "state": moments}


def _write(state: State, path: Path) -> None:
    partial = path.with_name(path.name + ".part")
    torch.save(state, partial)
    partial.replace(path)
