# SPDX-License-Identifier: GPL-3.0-or-later
"""The mask network as the worker uses it: a window and a hint in, log odds out."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from ..jobs.errors import CaptureError
from .mask_network import MaskNetwork, standardised
from .registry import DEFAULT_FOLDER, load_network, read_manifest

NAME = "mask"


class MaskCutter:
    """Cuts the subject out of square windows. Deterministic on a CPU."""

    def __init__(self, network: MaskNetwork, device: torch.device) -> None:
        self._network = network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._device = device

    @classmethod
    def load(cls, folder: Path = DEFAULT_FOLDER, device: str = "cpu") -> Self:
        """Read the weights.

        Raises:
            CaptureError: ``weights_missing`` or ``weights_damaged``.
        """
        entries = read_manifest(folder)
        if NAME not in entries:
            raise CaptureError(
                f"The list of weights in {folder} names no {NAME} network.", code="weights_damaged"
            )
        network = load_network(folder, entries[NAME], torch.device(device))
        assert isinstance(network, MaskNetwork)
        return cls(network, torch.device(device))

    @torch.inference_mode()
    def logit(self, rgb: NDArray[np.uint8], hint: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, n) log odds of the subject that is meant.

        Args:
            rgb: (n, n, 3), n a multiple of 32.
            hint: (n, n) from -1 (surely not the subject) over 0 (no idea) to 1 (surely is).
        """
        image = torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))[None]
        maps = torch.from_numpy(np.ascontiguousarray(hint, np.float32))[None, None]
        found = self._network(standardised(image.to(self._device)), maps.to(self._device))
        return np.asarray(found[0, 0].float().cpu().numpy(), np.float32)
