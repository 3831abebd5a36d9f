# SPDX-License-Identifier: GPL-3.0-or-later
"""Reference prompt encoder: a query for every joint and every sampled surface point of a rig.

After the reference prompt encoder of MoCapAnything (arXiv 2512.10881), with the graph bias of AnyTop and
without joint names: rest place and offset, tree by graph attention, mesh through the skin weights, views by
sampling where the joint projects and by cross-attention.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from .attention import AttentionBlock, CrossAttention, Fourier, GraphBias
from .reference import JOINT_FEATURES


@dataclass(frozen=True, eq=False)
class ReferenceBatch:
    """:class:`.reference.ReferenceInput` of R rigs, joints padded, stacked."""

    joint_positions: Tensor
    """(R, J, 3)."""
    joint_features: Tensor
    """(R, J, JOINT_FEATURES)."""
    valid: Tensor
    """(R, J) False for padding."""
    hops: Tensor
    """(R, J, J)."""
    relations: Tensor
    """(R, J, J)."""
    surface_positions: Tensor
    """(R, S, 3)."""
    surface_normals: Tensor
    """(R, S, 3)."""
    surface_joints: Tensor
    """(R, S, 4)."""
    surface_weights: Tensor
    """(R, S, 4)."""
    views: Tensor
    """(R, N, 4, h, w); N = 0 without views."""
    view_points: Tensor
    """(R, N, J, 2)."""


class ReferenceEncoder(nn.Module):
    """Queries of width ``width`` for joints and surface points."""

    def __init__(self, width: int = 96, layers: int = 2, heads: int = 4) -> None:
        super().__init__()
        self.fourier = Fourier()
        place = self.fourier.width(3)
        self.joint = nn.Sequential(
            nn.Linear(place + JOINT_FEATURES, width), nn.GELU(), nn.Linear(width, width)
        )
        self.surface = nn.Sequential(nn.Linear(place + 3, width), nn.GELU(), nn.Linear(width, width))
        self.pool = nn.Linear(width, width)
        self.bias = GraphBias(heads)
        self.blocks = nn.ModuleList([AttentionBlock(width, heads) for _ in range(layers)])
        self.view_trunk = nn.Sequential(
            _convolution(4, 16), _convolution(16, 32), _convolution(32, 48), nn.Conv2d(48, width, 1)
        )
        self.view_sample = nn.Linear(width, width)
        self.view_attention = CrossAttention(width, heads)
        self.surface_from_joints = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, batch: ReferenceBatch) -> tuple[Tensor, Tensor]:
        """Joint queries (R, J, width) and surface queries (R, S, width)."""
        joints = self.joint(torch.cat([self.fourier(batch.joint_positions), batch.joint_features], -1))
        surface = self.surface(torch.cat([self.fourier(batch.surface_positions), batch.surface_normals], -1))
        skin = _skin_matrix(batch)
        joints = joints + self.pool(_mean_by_weight(skin, surface))
        bias = self.bias(batch.hops, batch.relations, batch.valid)
        for index, block in enumerate(self.blocks):
            joints = block(joints, bias)
            if index == 0 and batch.views.shape[1]:
                joints = self._with_views(joints, batch)
        joints = self.norm(joints)
        return joints, surface + self.surface_from_joints(skin @ joints)

    def _with_views(self, joints: Tensor, batch: ReferenceBatch) -> Tensor:
        rigs, views = batch.views.shape[:2]
        features = self.view_trunk(batch.views.flatten(0, 1) - 0.5)
        points = batch.view_points.flatten(0, 1)[:, :, None]
        sampled = functional.grid_sample(features, points, align_corners=False, padding_mode="border")
        sampled = sampled[..., 0].transpose(1, 2).unflatten(0, (rigs, views)).mean(1)
        memory = features.flatten(2).transpose(1, 2).unflatten(0, (rigs, views)).flatten(1, 2)
        return self.view_attention(joints + self.view_sample(sampled), memory)


def _convolution(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inside, outside, 3, 2, 1, bias=False), nn.BatchNorm2d(outside), nn.ReLU())


def _skin_matrix(batch: ReferenceBatch) -> Tensor:
    """(R, S, J) skin weights, dense."""
    rigs, points, _ = batch.surface_weights.shape
    dense = batch.surface_weights.new_zeros(rigs, points, batch.valid.shape[1])
    return dense.scatter_add(2, batch.surface_joints.long(), batch.surface_weights)


def _mean_by_weight(skin: Tensor, surface: Tensor) -> Tensor:
    """(R, J, width) the mean of the surface tokens a joint moves; zero for a joint that moves none."""
    total = skin.sum(1)[..., None]
    return skin.transpose(1, 2) @ surface / total.clamp_min(1e-3)
