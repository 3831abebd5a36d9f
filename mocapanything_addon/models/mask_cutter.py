# SPDX-License-Identifier: GPL-3.0-or-later
"""The mask network as the worker uses it: a window and a hint in, log odds out."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from .device import Device, tensor_on
from .manifest import DEFAULT_FOLDER
from .mask_network import MaskNetwork, standardised
from .registry import available_networks, load_network

NAME = "mask"


class MaskCutter:
    """Cuts the subject out of square windows. Deterministic on a CPU.

    Args:
        network: Trained.
        device: What it runs on.
    """

    def __init__(self, network: MaskNetwork, device: Device) -> None:
        self._network = network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._device = device

    @classmethod
    def load(cls, folder: Path = DEFAULT_FOLDER, device: str | Device = "cpu") -> Self:
        """Read the weights.

        Args:
            folder: With ``weights.json`` and the files it lists; without this network, the one that ships.
            device: What to run on, or its name as :class:`.device.Device` has it.

        Raises:
            CaptureError: ``weights_missing`` or ``weights_damaged``.
        """
        network = load_network(available_networks(folder)[NAME])
        assert isinstance(network, MaskNetwork)
        return cls(network, device if isinstance(device, Device) else Device(device))

    @torch.inference_mode()
    def logit(self, rgb: NDArray[np.uint8], hint: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, n) log odds of the subject that is meant.

        Args:
            rgb: (n, n, 3), n a multiple of 32.
            hint: (n, n) from -1 (surely not the subject) over 0 (no idea) to 1 (surely is).
        """

        def work(network: MaskNetwork, on: torch.device) -> NDArray[np.float32]:
            image = tensor_on(on, rgb.transpose(2, 0, 1))[None]
            found = network(standardised(image), tensor_on(on, np.asarray(hint, np.float32))[None, None])
            return np.asarray(found[0, 0].float().cpu().numpy(), np.float32)

        return self._device.run(self._network, work)
