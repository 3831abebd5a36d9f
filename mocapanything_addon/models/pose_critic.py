# SPDX-License-Identifier: GPL-3.0-or-later
"""Pose critic: which of several poses that look alike in outline is the one that was filmed?

Seen from the side a body looks the same with near and far legs traded; from the front it looks as from
behind. The outline does not tell such twins apart, what is inside of it does: a face, a leg that hides the
belly, light, the pattern of the coat. The critic compares the picture with a drawing of the rig in each pose,
coloured by rest place, by normal and with the rig's own colours. It knows nothing of any rig, so one
network serves them all.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .convolutions import Residual, convolution
from .video_features import ESTIMATE_CHANNELS, FRAME_CHANNELS

CANDIDATE_CHANNELS = ESTIMATE_CHANNELS + 3
"""As the correspondence network's estimate, and the rig's own colours (standardised, 0 where it has none)."""


class PoseCritic(nn.Module):
    """See the module's docstring.

    Args:
        widths: Channels at 1/2, 1/2 (merged), 1/4, 1/8 and 1/16 of the image.
        hidden: Of the last layer but one.
    """

    def __init__(
        self, widths: tuple[int, int, int, int, int] = (24, 40, 80, 144, 192), hidden: int = 128
    ) -> None:
        super().__init__()
        first, half, quarter, eighth, sixteenth = widths
        self.frame_stem = convolution(FRAME_CHANNELS, first, 2)
        self.candidate_stem = nn.Sequential(
            convolution(CANDIDATE_CHANNELS, first, 2), convolution(first, first)
        )
        self.merge = convolution(2 * first, half)
        self.down_quarter = nn.Sequential(convolution(half, quarter, 2), Residual(quarter), Residual(quarter))
        self.down_eighth = nn.Sequential(convolution(quarter, eighth, 2), Residual(eighth), Residual(eighth))
        self.down_sixteenth = nn.Sequential(convolution(eighth, sixteenth, 2), Residual(sixteenth))
        self.head = nn.Sequential(
            nn.Linear(2 * sixteenth, hidden), nn.GELU(), nn.Dropout(0.1), nn.Linear(hidden, 1)
        )

    def forward(self, frame: Tensor, candidates: Tensor) -> Tensor:
        """Score poses.

        Args:
            frame: (B, 4, n, n) from :func:`.images.standardised_frame`.
            candidates: (B, K, CANDIDATE_CHANNELS, n, n) from :func:`candidate_image`.

        Returns:
            (B, K): differences within a frame are logarithms of odds.
        """
        batch, count = candidates.shape[:2]
        filmed = self.frame_stem(frame).repeat_interleave(count, 0)
        drawn = self.candidate_stem(candidates.flatten(0, 1).contiguous(memory_format=torch.channels_last))
        found = self.down_quarter(self.merge(torch.cat([filmed, drawn], 1)))
        found = self.down_sixteenth(self.down_eighth(found))
        pooled = torch.cat([found.mean((2, 3)), found.amax((2, 3))], -1)
        return self.head(pooled)[:, 0].unflatten(0, (batch, count))


def candidate_image(drawn: Tensor, colors: Tensor) -> Tensor:
    """Drawings (..., 7, n, n) and standardised colours (..., 3, n, n) -> (..., CANDIDATE_CHANNELS, n, n)."""
    return torch.cat([drawn, colors], -3)
