# SPDX-License-Identifier: GPL-3.0-or-later
"""What each input of the motion decoder is worth: train one without it, beside one that has all.

``python -m training decoder --without graph --run runs/without_graph --steps 300``; figures of such a run are
on windows that lack the input too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mocapanything_addon.models.motion_decoder import DecodedMotion, MotionDecoder
from mocapanything_addon.models.motion_features import TOLD_FEATURE
from mocapanything_addon.models.reference_encoder import ReferenceBatch


@dataclass(frozen=True, eq=False)
class Inputs:
    """What the decoder is given; see :meth:`MotionDecoder.forward`."""

    reference: ReferenceBatch
    joints: Tensor
    frames: Tensor
    times: Tensor
    seen: Tensor


def _blank(inputs: Inputs, *names: str) -> Inputs:
    """With zeros in these fields of the reference."""
    blank = {name: torch.zeros_like(getattr(inputs.reference, name)) for name in names}
    return replace(inputs, reference=replace(inputs.reference, **blank))


def _without_graph(inputs: Inputs) -> Inputs:
    """Every two joints look equally far apart and unrelated."""
    return _blank(inputs, "hops", "relations")


def _without_mesh(inputs: Inputs) -> Inputs:
    """Every surface point is the same one."""
    return _blank(inputs, "surface_positions", "surface_normals")


def _without_told(inputs: Inputs) -> Inputs:
    """It is not said which of the estimate's rotations come from pixels."""
    joints = inputs.joints.clone()
    joints[..., TOLD_FEATURE] = 0.0
    return replace(inputs, joints=joints)


HIDE: dict[str, Callable[[Inputs], Inputs]] = {
    "graph": _without_graph,
    "mesh": _without_mesh,
    "told": _without_told,
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
        given = HIDE[self.hidden](Inputs(reference, joints, frames, times, seen))
        return super().forward(given.reference, given.joints, given.frames, given.times, given.seen)
