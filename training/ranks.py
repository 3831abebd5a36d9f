# SPDX-License-Identifier: GPL-3.0-or-later
"""Several processes that train one network together (``torchrun``), each on samples of its own.

Gradients are averaged here rather than by DistributedDataParallel: networks leave parts of themselves out of
some steps, batch statistics have to be averaged too, and so do the clocks by which a run in limited time
ends. All of it fits into one vector a step.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together; alone by default."""

    rank: int = 0
    count: int = 1
    local: int = 0
    """Among those of this machine: the number of its GPU."""

    @classmethod
    def of_environment(cls) -> Ranks:
        """As ``torchrun`` says in the environment; alone without it."""
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
        return cls(*(int(os.environ[name]) for name in names)) if names[1] in os.environ else cls()

    @property
    def leads(self) -> bool:
        """The one that measures, records and saves."""
        return self.rank == 0

    def seed(self, *numbers: int) -> list[int]:
        """A source of chance of this rank's own; alone just the numbers."""
        return [*numbers, self.rank] if self.count > 1 else list(numbers)

    def join(self, device: torch.device) -> None:
        """Find the others."""
        if self.count > 1 and not distributed.is_initialized():
            if device.type == "cuda":
                torch.cuda.set_device(device)
            distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")

    def leave(self) -> None:
        """Part from the others once all are done."""
        if self.count > 1 and distributed.is_initialized():
            distributed.barrier()
            distributed.destroy_process_group()

    def same_start(self, network: nn.Module) -> None:
        """Give every rank the weights of the first."""
        if self.count > 1:
            for tensor in network.state_dict().values():
                distributed.broadcast(tensor, 0)

    def average(self, network: nn.Module, numbers: Sequence[float]) -> list[float]:
        """Average gradients, floating-point buffers and some numbers over the ranks.

        A parameter that no rank has a gradient of keeps having none.

        Returns:
            The averaged numbers.
        """
        if self.count == 1:
            return list(numbers)
        parameters = [p for p in network.parameters() if p.requires_grad]
        buffers = [b for b in network.buffers() if b.is_floating_point()]
        device = parameters[0].device
        extra = [*numbers, *(float(p.grad is not None) for p in parameters)]
        parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = torch.cat([t.reshape(-1) for t in (*parts, *buffers)] + [torch.tensor(extra, device=device)])
        distributed.all_reduce(flat)
        flat /= self.count
        told = flat[-len(extra) :].tolist()
        at = 0
        with torch.no_grad():
            for parameter, known in zip(parameters, told[len(numbers) :], strict=True):
                if known > 0.0:
                    parameter.grad = _like(flat, at, parameter)
                at += parameter.numel()
            for buffer in buffers:
                buffer.copy_(_like(flat, at, buffer))
                at += buffer.numel()
        return told[: len(numbers)]

    def check_equal(self, network: nn.Module) -> None:
        """Raise RuntimeError where the ranks' weights are not the same to the last bit."""
        if self.count == 1:
            return
        values = network.state_dict().values()
        own = torch.cat([v.reshape(-1) for v in values if v.is_floating_point()])
        first = own.clone()
        distributed.broadcast(first, 0)
        different = torch.tensor([float((first != own).sum())], device=own.device)
        distributed.all_reduce(different)
        if float(different) > 0.0:
            raise RuntimeError(f"The ranks have parted: {int(different)} weights are not the first rank's.")


def _like(flat: Tensor, at: int, tensor: Tensor) -> Tensor:
    return flat[at : at + tensor.numel()].view_as(tensor).to(tensor.dtype)
