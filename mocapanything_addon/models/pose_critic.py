# SPDX-License-Identifier: GPL-3.0-or-later
"""Pose critic: which of several poses that look alike in outline is the one that was filmed?

Seen from the side a body looks the same with near and far legs traded; from the front it looks as from
behind. The outline does not tell such twins apart, what is inside of it does: a face, a leg that hides the
belly, light, the pattern of the coat. The critic compares the picture with a drawing of the rig in each pose,
coloured by rest place, by normal and with the rig's own colours. It knows nothing of any rig, so one
network serves them all. It looks at the picture with a few convolutions of its own, or through a larger trunk
that others have trained (:mod:`.trunks`).
"""

from __future__ import annotations

from itertools import zip_longest

import torch
from torch import Tensor, nn

from .convolutions import Residual, convolution
from .trunks import Trunk, TrunkStages
from .video_features import ESTIMATE_CHANNELS, FRAME_CHANNELS, IMAGE_SIZE

CANDIDATE_CHANNELS = ESTIMATE_CHANNELS + 3
"""As the correspondence network's estimate, and the rig's own colours (standardised, 0 where it has none)."""


class PoseCritic(nn.Module):
    """See the module's docstring.

    Args:
        widths: Channels at 1/2, 1/2 (merged), 1/4, 1/8 and 1/16 of the drawing.
        hidden: Of the last layer but one.
        trunk: What the frame is looked at with; None: own convolutions.
    """

    def __init__(
        self,
        widths: tuple[int, int, int, int, int] = (24, 40, 80, 144, 192),
        hidden: int = 128,
        *,
        trunk: Trunk | None = None,
    ) -> None:
        super().__init__()
        first, half, quarter, eighth, sixteenth = widths
        self.frame_size = IMAGE_SIZE if trunk is None else trunk.side
        """Pixels a side of the frame; drawings have ``IMAGE_SIZE``."""
        self.frame_stem: nn.Module = convolution(FRAME_CHANNELS, first, 2)
        if trunk is not None:
            sides = [IMAGE_SIZE // stride for stride in (2, 4, 8, 16)]
            self.frame_stem = TrunkStages(trunk, sides, (first, quarter, eighth, sixteenth))
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
            frame: (B, 4, m, m) from :func:`.images.standardised_frame`, m = ``frame_size``.
            candidates: (B, K, CANDIDATE_CHANNELS, n, n) from :func:`candidate_image`.

        Returns:
            (B, K): differences within a frame are logarithms of odds.
        """
        batch, count = candidates.shape[:2]
        filmed, *deeper = (seen.repeat_interleave(count, 0) for seen in self._filmed(frame))
        drawn = self.candidate_stem(candidates.flatten(0, 1).contiguous(memory_format=torch.channels_last))
        found = self.merge(torch.cat([filmed, drawn], 1))
        stages = (self.down_quarter, self.down_eighth, self.down_sixteenth)
        for stage, seen in zip_longest(stages, deeper):
            found = stage(found) if seen is None else stage(found) + seen
        pooled = torch.cat([found.mean((2, 3)), found.amax((2, 3))], -1)
        return self.head(pooled)[:, 0].unflatten(0, (batch, count))

    def _filmed(self, frame: Tensor) -> list[Tensor]:
        """What is seen in the frame, at 1/2 of the drawing; through a trunk also at 1/4, 1/8 and 1/16."""
        seen = self.frame_stem(frame)
        return seen if isinstance(seen, list) else [seen]


def candidate_image(drawn: Tensor, colors: Tensor) -> Tensor:
    """Drawings (..., 7, n, n) and standardised colours (..., 3, n, n) -> (..., CANDIDATE_CHANNELS, n, n)."""
    return torch.cat([drawn, colors], -3)
