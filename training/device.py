# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a network is trained: a GPU where there is one, else the CPU."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from mocapanything_addon.jobs.errors import BadInputError

Batch = TypeVar("Batch")
DEVICES = ("auto", "cpu", "cuda", "mps")


def choose_device(name: str, number: int = 0) -> torch.device:
    """The device of a name of ``DEVICES``; ``auto`` is the best there is.

    Args:
        number: Which of several CUDA devices.

    Raises:
        BadInputError: ``device_missing``.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if there[kind])
    if not there[name]:
        raise BadInputError(
            f"PyTorch finds no {name} device on this machine.",
            "Leave --device out for the best there is, or install a PyTorch that was built for it.",
            code="device_missing",
        )
    if name == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
        return torch.device("cuda", number)
    return torch.device(name)


def mixed_precision(device: torch.device) -> AbstractContextManager:
    """bfloat16 to learn in, on CUDA alone; what is measured, without gradients, runs as in captures."""
    return torch.autocast("cuda", torch.bfloat16, enabled=device.type == "cuda" and torch.is_grad_enabled())


def moved(batch: Batch, device: torch.device) -> Batch:
    """A dataclass with all its tensors, also those of dataclasses in it, on a device."""
    if device.type == "cpu":
        return batch
    return _moved(batch, device)


def as_float(batch: Batch) -> Batch:
    """A dataclass with its tensors of lower precision in single precision, for a loss."""
    changes = {}
    for field in fields(batch):  # type: ignore[arg-type]
        value = getattr(batch, field.name)
        if isinstance(value, Tensor) and value.is_floating_point():
            changes[field.name] = value.float()
    return replace(batch, **changes)  # type: ignore[type-var]


def _moved(batch: Any, device: torch.device) -> Any:
    changes: dict[str, Any] = {}
    for field in fields(batch):
        value = getattr(batch, field.name)
        if isinstance(value, Tensor):
            # Out of pinned memory the copy runs beside what the device still works on.
            pinned = value.pin_memory() if device.type == "cuda" and value.numel() else value
            changes[field.name] = pinned.to(device, non_blocking=device.type == "cuda")
        elif is_dataclass(value):
            changes[field.name] = _moved(value, device)
    return replace(batch, **changes)


def fork_or_spawn() -> str:
    """How worker processes start: by a fork on Linux, where they share what has been read already."""
    return "fork" if sys.platform.startswith("linux") else "spawn"
