# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pixels of a window are the subject that a hint points at."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .image_trunk import WIDTHS, AddHint, ImageTrunk

WINDOW_SIZE = 256
"""Pixels a side of the window that the network is used with; any multiple of 32 will do."""


class MaskNetwork(nn.Module):
    """A U-shaped network over a small pretrained trunk.

    One network tells creatures apart, follows them and leaves shadows out, because what is meant comes in as
    a hint: last frame's mask, what moves, a box, a click, or nothing (then what stands out is meant).

    Args:
        widths: Channels of the decoder at 1/16, 1/8, 1/4 and 1/2 of the window.
    """

    def __init__(self, widths: tuple[int, int, int, int] = (96, 64, 40, 24)) -> None:
        super().__init__()
        self.trunk = ImageTrunk()
        self.whole = nn.Linear(WIDTHS[-1], WIDTHS[-1])
        self.pixels = nn.Conv2d(16, WIDTHS[0], 1)
        below = (WIDTHS[-1], *widths[:3])
        beside = (WIDTHS[3], WIDTHS[2], WIDTHS[1], WIDTHS[0])
        self.joins = nn.ModuleList(_Join(b, s, w) for b, s, w in zip(below, beside, widths, strict=True))
        self.head = nn.Conv2d(widths[-1], 4, 3, padding=1)

    def forward(self, image: Tensor, hint: Tensor) -> Tensor:
        """Log odds (B, 1, n, n) of the subject.

        Args:
            image: (B, 3, n, n) about -1 to 1.
            hint: (B, 1, n, n) from -1 (surely not the subject) over 0 (no idea) to 1 (surely is).
        """
        half, quarter, eighth, sixteenth, x = self.trunk(image, hint)
        x = x + self.whole(x.mean((2, 3)))[:, :, None, None]
        # Every pixel's own colour reaches the last layers, though they work at half the size.
        half = half + self.pixels(functional.pixel_unshuffle(torch.cat([image, hint], 1), 2))
        for join, beside in zip(self.joins, (sixteenth, eighth, quarter, half), strict=True):
            x = join(x, beside, hint)
        return functional.pixel_shuffle(self.head(x), 2)


def standardised(image: Tensor) -> Tensor:
    """RGB (B, 3, n, n) 0 to 255 -> the range that the trunk was trained with."""
    return (image.float() - 127.0) / 128.0


class _Join(nn.Module):
    """Coarse features brought up to the size of finer ones, both mixed with the hint."""

    def __init__(self, below: int, beside: int, width: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(below, width, 1)
        self.side = nn.Conv2d(beside, width, 1)
        self.hint = AddHint(width)
        self.mix = nn.Sequential(_Mix(width), _Mix(width))

    def forward(self, coarse: Tensor, fine: Tensor, hint: Tensor) -> Tensor:
        up = functional.interpolate(self.down(coarse), scale_factor=2.0, mode="bilinear", align_corners=False)
        return self.mix(self.hint(up + self.side(fine), hint))


class _Mix(nn.Module):
    """Each channel filtered alone, then all mixed, added to the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.filter = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.mix = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.mix(functional.relu6(self.filter(x)))
