# SPDX-License-Identifier: GPL-3.0-or-later
"""What cuts the subject out of a window: the network that ships, or a segmenter that the user brings."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .device import Device
from .hinted_segmenter import HintedSegmenter
from .manifest import DEFAULT_FOLDER
from .mask_cutter import MaskCutter
from .onnx_segmenter import OnnxSegmenter


class Cutter(Protocol):
    """Cuts out of square windows the subject that is meant."""

    def logit(self, rgb: NDArray[np.uint8], hint: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, n) log odds of the subject that is meant.

        Args:
            rgb: (n, n, 3), n a multiple of 32.
            hint: (n, n) from -1 (surely not the subject) over 0 (no idea) to 1 (surely is).
        """


def load_cutter(segmenter: str | None, device: Device, weights: Path = DEFAULT_FOLDER) -> Cutter:
    """What cuts the subject out.

    Args:
        segmenter: Path of an ONNX model, which runs on the CPU; None: the mask network.
        device: What the mask network runs on.
        weights: Folder with its weights.

    Raises:
        BadInputError: As ``OnnxSegmenter.load``.
        CaptureError: ``weights_missing`` or ``weights_damaged``.
    """
    if segmenter is None:
        return MaskCutter.load(weights, device)
    return HintedSegmenter(OnnxSegmenter.load(Path(segmenter)))
