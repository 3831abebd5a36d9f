# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rig's description is worth to the motion decoder: train one without a part, beside one with all.

``python -m training decoder --without graph --run runs/without_graph --steps 300``; figures of such a run are
on windows that lack the input too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from mocapanything_addon.models.motion_decoder import DecodedMotion, MotionDecoder
from mocapanything_addon.models.reference_encoder import ReferenceBatch


def _blank(reference: ReferenceBatch, *names: str) -> ReferenceBatch:
    """With zeros in these fields."""
    return replace(reference, **{name: torch.zeros_like(getattr(reference, name)) for name in names})


def _without_graph(reference: ReferenceBatch) -> ReferenceBatch:
    """Every two joints look equally far apart and unrelated."""
    return _blank(reference, "hops", "relations")


def _without_mesh(reference: ReferenceBatch) -> ReferenceBatch:
    """Every surface point is the same one."""
    return _blank(reference, "surface_positions", "surface_normals")


HIDE: dict[str, Callable[[ReferenceBatch], ReferenceBatch]] = {
    "graph": _without_graph,
    "mesh": _without_mesh,
}


class Ablated(MotionDecoder):
    """A motion decoder that is not given something.

    Args:
        hidden: A key of ``HIDE``.
    """

    def __init__(self, hidden: str) -> None:
        super().__init__()
        self.hidden = hidden

    def forward(
        self, reference: ReferenceBatch, joints: Tensor, frames: Tensor, times: Tensor, seen: Tensor
    ) -> DecodedMotion:
        """See :meth:`MotionDecoder.forward`."""
        return super().forward(HIDE[self.hidden](reference), joints, frames, times, seen)
