# SPDX-License-Identifier: GPL-3.0-or-later
"""The curve as TensorBoard reads it, where TensorBoard is installed."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

EVENTS = "events"


class Events:
    """Event files in ``events`` below a run's folder; nothing where TensorBoard is missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / EVENTS
        self._writer: Any = None

    def record(self, step: int, figures: dict[str, float]) -> None:
        """Add figures of a step, each a curve of its own."""
        writers = _writers()
        if writers is None:
            return
        if self._writer is None:
            self._writer = writers(str(self._folder))
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        """End the event file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


@functools.cache
def _writers() -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        print("TensorBoard is not installed: the curve is in curve.csv alone.", flush=True)
        return None
    return SummaryWriter
