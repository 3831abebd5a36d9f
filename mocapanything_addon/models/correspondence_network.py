# SPDX-License-Identifier: GPL-3.0-or-later
"""Reference encoder and video features as one network, the way they are trained and shipped."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .reference_encoder import ReferenceBatch, ReferenceEncoder
from .video_features import PointEvidence, VideoFeatures


class CorrespondenceNetwork(nn.Module):
    """Where the joints and surface points of R rigs are in B frames.

    Args:
        width: Channels of queries and tokens.
        widths: See :class:`.video_features.VideoFeatures`.
        encoder_layers, layers: Attention blocks of the encoder and after the search.
    """

    def __init__(
        self,
        width: int = 96,
        widths: tuple[int, int, int, int] = (24, 40, 80, 144),
        encoder_layers: int = 2,
        layers: int = 2,
    ) -> None:
        super().__init__()
        self.encoder = ReferenceEncoder(width, encoder_layers)
        self.video = VideoFeatures(width, (widths[0], widths[1], widths[2], widths[3]), width, layers)

    def forward(
        self,
        reference: ReferenceBatch,
        rig_of_frame: Tensor,
        frame: Tensor,
        estimate: Tensor,
        places: Tensor,
        depths: Tensor,
        valid: Tensor,
    ) -> PointEvidence:
        """See :meth:`.video_features.VideoFeatures.forward`; ``rig_of_frame`` (B,): the rig a frame shows.

        Points are the joints (padded) followed by the surface points.
        """
        queries = self.queries(reference)
        return self.video(frame, estimate, queries[rig_of_frame], places, depths, valid)

    def queries(self, reference: ReferenceBatch) -> Tensor:
        """(R, J + S, width)."""
        joints, surface = self.encoder(reference)
        return torch.cat([joints, surface], 1)
