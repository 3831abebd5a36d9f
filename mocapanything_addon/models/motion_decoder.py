# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion decoder: from an estimate and what the video shows of the joints, over time, to a pose prior.

Geometry comes first (:mod:`.motion_features`); attention over the joints of a frame, biased by the tree,
alternates with attention over time, biased by the true time between frames. Rotations come out as raw 3 x 3
matrices, trained with squared error and made rotations by SVD afterwards: unlike 6D outputs with a geodesic
loss this learns from the first thousand samples on.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .attention import AttentionBlock, GraphBias, key_padding_bias
from .motion_features import FRAME_FEATURES, JOINT_FEATURES
from .reference_encoder import ReferenceBatch, ReferenceEncoder

WINDOW = 12
"""Frames the decoder sees at a time."""
OUTPUTS = 9 + 1 + 1 + 1 + 3
GAP_FEATURES = 8


@dataclass(frozen=True, eq=False)
class DecodedMotion:
    """B windows of T frames."""

    rotations: Tensor
    """(B, T, J, 3, 3) raw matrices near the local rotation L_j. The root's is the turn from the estimated
    body to the true one: D_0 = D_0^estimate x this."""
    log_sigma: Tensor
    """(B, T, J) logarithm of the standard deviation a rotation axis, radians."""
    root_shift: Tensor
    """(B, T, 3) from the estimated root to the true one, in the estimated body's axes, body sizes."""
    place_shift: Tensor
    """(B, T, J, 3) from the estimated joint to the true one, relative to the root, same axes."""
    contact: Tensor
    """(B, T, J) logit: the joint rests on the ground."""


class MotionDecoder(nn.Module):
    """See the module's docstring.

    Args:
        width: Channels of a token.
        layers: Pairs of attention over joints and over time.
        heads: Of every attention.
    """

    def __init__(self, width: int = 80, layers: int = 3, heads: int = 4) -> None:
        super().__init__()
        self.encoder = ReferenceEncoder(width, layers=1, heads=heads)
        self.joint = nn.Sequential(
            nn.Linear(JOINT_FEATURES + FRAME_FEATURES, width), nn.GELU(), nn.Linear(width, width)
        )
        self.reference = nn.Linear(width, width)
        self.bias = GraphBias(heads)
        self.over_joints = nn.ModuleList([AttentionBlock(width, heads) for _ in range(layers)])
        self.over_time = nn.ModuleList([AttentionBlock(width, heads) for _ in range(layers)])
        self.gap = nn.Sequential(nn.Linear(GAP_FEATURES, 32), nn.GELU(), nn.Linear(32, heads))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, OUTPUTS)
        self.root = nn.Linear(width, 3)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)
        nn.init.zeros_(self.root.weight)
        nn.init.zeros_(self.root.bias)

    def forward(
        self, reference: ReferenceBatch, joints: Tensor, frames: Tensor, times: Tensor, seen: Tensor
    ) -> DecodedMotion:
        """Decode windows.

        Args:
            reference: Of B rigs, one a window.
            joints: (B, T, J, JOINT_FEATURES).
            frames: (B, T, FRAME_FEATURES).
            times: (B, T) seconds.
            seen: (B, T) False for padding frames.
        """
        batch, length, count, _ = joints.shape
        queries, _ = self.encoder(reference)
        together = torch.cat([joints, frames[:, :, None].expand(-1, -1, count, -1)], -1)
        tokens = self.joint(together) + self.reference(queries)[:, None]
        graph = self.bias(reference.hops, reference.relations, reference.valid)
        graph = graph.repeat_interleave(length, 0)
        clock = self.gap(_gap_features(times)).permute(0, 3, 1, 2) + key_padding_bias(seen)
        clock = clock.repeat_interleave(count, 0)
        for over_joints, over_time in zip(self.over_joints, self.over_time, strict=True):
            tokens = over_joints(tokens.flatten(0, 1), graph).unflatten(0, (batch, length))
            tokens = tokens.transpose(1, 2)
            tokens = over_time(tokens.flatten(0, 1), clock).unflatten(0, (batch, count))
            tokens = tokens.transpose(1, 2)
        tokens = self.norm(tokens)
        out = self.head(tokens)
        share = torch.sigmoid(out[..., 9])[..., None, None]
        identity = torch.eye(3, device=out.device)
        estimated = joints[..., :9].unflatten(-1, (3, 3))  # L_j of the estimate less the identity
        return DecodedMotion(
            rotations=identity + share * estimated + out[..., :9].unflatten(-1, (3, 3)),
            log_sigma=(out[..., 10] - 1.5).clamp(-4.0, 1.0),
            root_shift=self.root(tokens[:, :, 0]),
            place_shift=out[..., 12:15],
            contact=out[..., 11],
        )


def _gap_features(times: Tensor) -> Tensor:
    """(B, T, T, GAP_FEATURES) of the time between two frames."""
    gap = times[:, None, :] - times[:, :, None]
    waves = [wave(gap * speed) for speed in (3.0, 10.0, 30.0) for wave in (torch.sin, torch.cos)]
    return torch.stack([gap.clamp(-2.0, 2.0), gap.abs().clamp_max(2.0), *waves], -1)
