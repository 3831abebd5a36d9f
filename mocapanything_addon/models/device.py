# SPDX-License-Identifier: GPL-3.0-or-later
"""What the networks run on, and what happens when that fails."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..jobs.settings import NetworkDevice

log = logging.getLogger(__name__)
FAILURES = (RuntimeError, AssertionError)
"""What PyTorch raises for a device that has too little memory, lacks an operation, or is not there."""

Network = TypeVar("Network", bound=nn.Module)
Answer = TypeVar("Answer")


class Device:
    """The device that all networks of a capture run on: the CPU from the moment on that it fails.

    Networks stay on the CPU; copies of them go to the device when they are first asked. So nothing has to be
    fetched back from a device that no longer answers.

    Args:
        name: ``auto`` for the best there is, ``cpu``, ``cuda``, ``mps``.
    """

    def __init__(self, name: str = NetworkDevice.AUTO) -> None:
        self.current = _best() if name == NetworkDevice.AUTO else torch.device(name)
        self.warnings: list[str] = []
        """What the user should know of it."""
        self._copies: dict[nn.Module, nn.Module] = {}

    def __str__(self) -> str:
        return str(self.current)

    def run(self, network: Network, work: Callable[[Network, torch.device], Answer]) -> Answer:
        """What ``work`` answers, done on the device; anew on the CPU if the device fails on the way.

        Args:
            network: On the CPU.
            work: Called with the network to ask and the device that it is on. Its answer must not lie on the
                device, for some devices say only when it is fetched that they failed.
        """
        if self.current.type != "cpu":
            try:
                return work(self._there(network), self.current)
            except FAILURES as error:
                self._give_up(error)
        return work(network, self.current)

    def _there(self, network: Network) -> Network:
        """The copy of a network on the device."""
        if network not in self._copies:
            self._copies[network] = copy.deepcopy(network).to(self.current)
        return self._copies[network]  # type: ignore[return-value]

    def _give_up(self, error: Exception) -> None:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        log.warning("networks on %s failed", self.current, exc_info=error)
        self.warnings.append(
            f"The networks could not run on {self.current} ({reason}); they went on on the CPU, slower. To "
            "begin with the CPU, choose it in the add-on's preferences, or with --device cpu."
        )
        self._copies.clear()
        self.current = torch.device("cpu")


def tensor_on(device: torch.device, array: NDArray) -> Tensor:
    """An array as a tensor on a device."""
    return torch.from_numpy(np.ascontiguousarray(array)).to(device)


def _best() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")
