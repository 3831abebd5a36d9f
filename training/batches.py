# SPDX-License-Identifier: GPL-3.0-or-later
"""Stack groups of samples into the tensors the correspondence network reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mocapanything_addon.models.images import standardised_frame
from mocapanything_addon.models.reference_encoder import ReferenceBatch

from .scenes import FRAMES_PER_GROUP, Group


@dataclass(frozen=True, eq=False)
class CorrespondenceBatch:
    """R groups of M frames; R x M = B. Points are R padded joint lists followed by the surface points."""

    reference: ReferenceBatch
    group_of_frame: Tensor
    """(B,)."""
    frame: Tensor
    estimate: Tensor
    estimated_places: Tensor
    estimated_depths: Tensor
    places: Tensor
    depth_shift: Tensor
    visible: Tensor
    valid: Tensor
    """(B, K)."""
    body_per_place: Tensor
    joint_count: int
    """Padded: the first points of each frame."""


def stack_groups(
    groups: list[Group], *, views: bool, rng: np.random.Generator | None = None
) -> CorrespondenceBatch:
    """Stack groups, padded to the most joints; with a source of chance, colours are disturbed."""
    joints = max(len(g.joint_positions) for g in groups)
    frame = standardised_frame(
        torch.from_numpy(np.concatenate([g.color for g in groups])),
        torch.from_numpy(np.concatenate([g.mask for g in groups])),
    )
    if rng is not None:
        frame = _recoloured(frame, rng)
    valid = np.stack([_padded_points(np.ones(_points(g), bool)[None], g, joints)[0] for g in groups])
    points = {
        name: torch.from_numpy(np.concatenate([_padded_points(getattr(g, name), g, joints) for g in groups]))
        for name in ("estimated_places", "estimated_depths", "places", "depth_shift", "visible")
    }
    return CorrespondenceBatch(
        reference=stack_references(groups, joints, views=views),
        group_of_frame=torch.arange(len(groups)).repeat_interleave(FRAMES_PER_GROUP),
        frame=frame.contiguous(memory_format=torch.channels_last),
        estimate=torch.from_numpy(np.concatenate([g.estimate for g in groups]))
        .float()
        .contiguous(memory_format=torch.channels_last),
        valid=torch.from_numpy(valid).repeat_interleave(FRAMES_PER_GROUP, 0),
        body_per_place=torch.from_numpy(np.concatenate([g.body_per_place for g in groups])),
        joint_count=joints,
        **points,
    )


def stack_references(groups: list[Group], joints: int, *, views: bool) -> ReferenceBatch:
    """The reference inputs of groups, padded to ``joints``."""
    shown = groups if views else [None] * len(groups)
    return ReferenceBatch(
        joint_positions=_stack([g.joint_positions for g in groups], joints),
        joint_features=_stack([g.joint_features for g in groups], joints),
        valid=_stack([np.ones(len(g.joint_positions), bool) for g in groups], joints),
        hops=_stack([_pad(g.hops.T, joints).T for g in groups], joints),
        relations=_stack([_pad(g.relations.T, joints).T for g in groups], joints),
        surface_positions=torch.from_numpy(np.stack([g.surface_positions for g in groups])),
        surface_normals=torch.from_numpy(np.stack([g.surface_normals for g in groups])),
        surface_joints=torch.from_numpy(np.stack([g.surface_joints for g in groups])),
        surface_weights=torch.from_numpy(np.stack([g.surface_weights for g in groups])),
        views=torch.from_numpy(
            np.stack([g.views[: 0 if s is None else None] for g, s in zip(groups, shown, strict=True)])
        ).float()
        / 255.0,
        view_points=torch.from_numpy(
            np.stack(
                [
                    _pad(g.view_points.transpose(1, 0, 2), joints).transpose(1, 0, 2)[
                        : 0 if s is None else None
                    ]
                    for g, s in zip(groups, shown, strict=True)
                ]
            )
        ),
    )


def _points(group: Group) -> int:
    return group.places.shape[1]


def _padded_points(values: NDArray, group: Group, joints: int) -> NDArray:
    """(M, K, ...) -> (M, joints + S, ...): zeros between the joints and the surface points."""
    own = len(group.joint_positions)
    gap = np.zeros((values.shape[0], joints - own, *values.shape[2:]), values.dtype)
    return np.concatenate([values[:, :own], gap, values[:, own:]], 1)


def _pad(values: NDArray, length: int) -> NDArray:
    return np.concatenate([values, np.zeros((length - len(values), *values.shape[1:]), values.dtype)])


def _stack(arrays: list[NDArray], length: int) -> Tensor:
    return torch.from_numpy(np.stack([_pad(a, length) for a in arrays]))


def _recoloured(frame: Tensor, rng: np.random.Generator) -> Tensor:
    count = len(frame)
    gain = torch.from_numpy(rng.uniform(0.8, 1.2, (count, 1, 1, 1)).astype(np.float32))
    shift = torch.from_numpy(rng.uniform(-0.15, 0.15, (count, 3, 1, 1)).astype(np.float32))
    keep = torch.from_numpy((rng.random((count, 1, 1, 1)) > 0.05).astype(np.float32))
    color = (frame[:, :3] * gain + frame[:, 3:] * shift) * keep
    return torch.cat([color, frame[:, 3:]], 1)
