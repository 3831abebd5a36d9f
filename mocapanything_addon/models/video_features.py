# SPDX-License-Identifier: GPL-3.0-or-later
"""Video features and the coarse 4D mesh: where every joint and surface point of the rig is in a frame.

Two images go in: the subject as filmed, cut out with its mask, and a drawing of the rig under the current
estimate of its pose, coloured by rest position and by normal. A point "finds its own colour, displaced": it
looks at the features where the estimate puts it, and searches the neighbourhood. One network for every rig.

Images are ``IMAGE_SIZE`` pixels a side; places are -1 to 1 across the image, x right, y down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from .attention import AttentionBlock, key_padding_bias
from .convolutions import Residual, convolution

IMAGE_SIZE = 64
MAP_SIZE = IMAGE_SIZE // 4
FRAME_CHANNELS = 4
ESTIMATE_CHANNELS = 7
LOCALITY = 1.5
"""How fast the search map falls off from the estimate's place, per squared half image."""
REFINEMENT = 0.3
"""Half images per unit of the refining head."""


@dataclass(frozen=True, eq=False)
class PointEvidence:
    """What the network says of K points in B frames."""

    places: Tensor
    """(B, K, 2)."""
    log_scale: Tensor
    """(B, K) logarithm of the Laplace scale of a place's distance from the truth, half images."""
    visibility: Tensor
    """(B, K) logit."""
    depth_shift: Tensor
    """(B, K) depth minus the estimate's depth, in body sizes."""
    depth_log_scale: Tensor
    """(B, K) logarithm of its Laplace scale."""
    search_map: Tensor
    """(B, K, MAP_SIZE^2) logarithm of the probability of each cell, row by row."""


class VideoFeatures(nn.Module):
    """The correspondence network.

    Args:
        query_width: Channels of the reference encoder's queries.
        widths: Channels at 1/2, 1/2 (merged), 1/4 and 1/8 of the image.
        token_width: Channels of a point's token.
        layers: Attention blocks over the points after the search.
    """

    def __init__(
        self,
        query_width: int = 96,
        widths: tuple[int, int, int, int] = (24, 40, 80, 144),
        token_width: int = 96,
        layers: int = 2,
    ) -> None:
        super().__init__()
        first, half, quarter, eighth = widths
        self.frame_stem = convolution(FRAME_CHANNELS, first, 2)
        self.estimate_stem = nn.Sequential(
            convolution(ESTIMATE_CHANNELS, first, 2), convolution(first, first)
        )
        self.merge = convolution(2 * first, half)
        self.down_quarter = nn.Sequential(convolution(half, quarter, 2), Residual(quarter), Residual(quarter))
        self.down_eighth = nn.Sequential(convolution(quarter, eighth, 2), Residual(eighth), Residual(eighth))
        self.up_quarter = nn.Conv2d(eighth, quarter, 1)
        self.smooth_quarter = Residual(quarter)
        self.up_half = nn.Conv2d(quarter, half, 1)
        self.smooth_half = convolution(half, half)

        seen = half + quarter
        self.query = nn.Linear(query_width, token_width)
        self.estimate_place = nn.Sequential(
            nn.Linear(3, token_width), nn.GELU(), nn.Linear(token_width, token_width)
        )
        self.seen_at_estimate = nn.Linear(seen, token_width)
        self.before_search = AttentionBlock(token_width)
        self.search_query = nn.Linear(token_width, token_width)
        self.search_key = nn.Conv2d(quarter, token_width, 1)
        self.seen_at_found = nn.Linear(seen, token_width)
        self.found_place = nn.Linear(6, token_width)
        self.whole = nn.Linear(eighth, token_width)
        self.blocks = nn.ModuleList([AttentionBlock(token_width) for _ in range(layers)])
        self.norm = nn.LayerNorm(token_width)
        self.head = nn.Linear(token_width, 6)
        nn.init.zeros_(self.head.weight)
        self.head.bias.data = torch.tensor([0.0, 0.0, -2.0, 0.0, 0.0, -2.0])
        cells = (torch.arange(MAP_SIZE) + 0.5) / MAP_SIZE * 2.0 - 1.0
        self.register_buffer("cells", cells, persistent=False)

    cells: Tensor

    def forward(
        self, frame: Tensor, estimate: Tensor, queries: Tensor, places: Tensor, depths: Tensor, valid: Tensor
    ) -> PointEvidence:
        """Find the points.

        Args:
            frame: (B, 4, n, n) from :func:`.images.standardised_frame`.
            estimate: (B, 7, n, n) from :func:`.images.draw_estimate`.
            queries: (B, K, query_width) from the reference encoder.
            places: (B, K, 2) where the estimate puts the points.
            depths: (B, K) their depth under the estimate relative to the root joint, body sizes.
            valid: (B, K) False for padding.
        """
        half, quarter, eighth = self._trunk(frame, estimate)
        padding = key_padding_bias(valid)
        tokens = self.query(queries) + self.seen_at_estimate(_sampled(half, quarter, places))
        tokens = tokens + self.estimate_place(torch.cat([places, depths[..., None]], -1))
        tokens = self.before_search(tokens, padding)
        search_map, found, spread = self._search(tokens, quarter, places)
        around = search_map.exp() @ quarter.flatten(2).transpose(1, 2)
        sharp = functional.grid_sample(
            half, found.detach()[:, :, None], align_corners=False, padding_mode="border"
        )[..., 0].transpose(1, 2)
        tokens = tokens + self.seen_at_found(torch.cat([sharp, around], -1))
        tokens = tokens + self.found_place(torch.cat([found, spread, places - found], -1))
        tokens = tokens + self.whole(eighth.mean((2, 3)))[:, None]
        for block in self.blocks:
            tokens = block(tokens, padding)
        out = self.head(self.norm(tokens))
        return PointEvidence(
            places=found + REFINEMENT * out[..., :2],
            log_scale=out[..., 2].clamp(-5.5, 1.0),
            visibility=out[..., 3],
            depth_shift=out[..., 4],
            depth_log_scale=out[..., 5].clamp(-5.5, 1.0),
            search_map=search_map,
        )

    def _trunk(self, frame: Tensor, estimate: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        half = self.merge(torch.cat([self.frame_stem(frame), self.estimate_stem(estimate)], 1))
        quarter = self.down_quarter(half)
        eighth = self.down_eighth(quarter)
        quarter = self.smooth_quarter(
            quarter + functional.interpolate(self.up_quarter(eighth), scale_factor=2.0)
        )
        half = self.smooth_half(half + functional.interpolate(self.up_half(quarter), scale_factor=2.0))
        return half.contiguous(), quarter.contiguous(), eighth

    def _search(self, tokens: Tensor, quarter: Tensor, places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Soft-argmax over the map of 1/4 resolution: log map (B, K, cells), place and spread (B, K, 2)."""
        keys = self.search_key(quarter).flatten(2)
        logits = self.search_query(tokens) @ keys / math.sqrt(tokens.shape[-1])
        far_x = (self.cells - places[..., 0, None]) ** 2
        far_y = (self.cells - places[..., 1, None]) ** 2
        far = far_y[..., :, None] + far_x[..., None, :]
        log_map = functional.log_softmax(logits - LOCALITY * far.flatten(2), -1)
        grid = log_map.exp().unflatten(-1, (MAP_SIZE, MAP_SIZE))
        margins = torch.stack([grid.sum(2), grid.sum(3)], 2)  # (B, K, 2, cells): along x, along y
        found = (margins * self.cells).sum(-1)
        variance = (margins * self.cells**2).sum(-1) - found**2
        return log_map, found, variance.clamp_min(1e-6).sqrt()


def _sampled(half: Tensor, quarter: Tensor, places: Tensor) -> Tensor:
    """(B, K, channels of both maps) features at places, which are pulled to the border when outside."""
    grid = places.clamp(-1.2, 1.2)[:, :, None]
    samples = [
        functional.grid_sample(image, grid, align_corners=False, padding_mode="border")[..., 0].transpose(
            1, 2
        )
        for image in (half, quarter)
    ]
    return torch.cat(samples, -1)
