# SPDX-License-Identifier: GPL-3.0-or-later
"""EfficientNet-Lite0 without its classifier: features of an image at half to a thirty-second of its size.

Tan and Le 2019, "EfficientNet"; the Lite variant (no squeeze-and-excitation, ReLU6) as Google published it.
Laid out here so that the published weights fit; ``weights/CARD.md`` says where they come from.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

STEM = 32
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
)
"""Blocks, kernel, stride of the first, expansion, channels. The last stage and the head of the classifier are
left out."""
WIDTHS = (16, 24, 40, 112, 192)
"""Channels that come out at 1/2, 1/4, 1/8, 1/16, 1/32 of the image's size."""
GENERAL_STAGES = 2
"""Edges and textures, at 1/2 and 1/4: they stay as published. Training them costs as much as all the rest."""
PUBLISHED_EPSILON = 1e-3


class SameConv(nn.Conv2d):
    """A convolution padded the way the weights were trained: the odd pixel of padding right and below."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        lopsided = stride > 1
        super().__init__(inputs, outputs, kernel, stride, 0 if lopsided else kernel // 2, groups=groups)
        total = kernel - stride
        self.edge = (total // 2, total - total // 2) * 2 if lopsided else None

    def forward(self, image: Tensor) -> Tensor:
        """(B, c, h, w), sides even."""
        return super().forward(functional.pad(image, self.edge) if self.edge else image)


class InvertedBlock(nn.Module):
    """Widen, filter each channel alone, narrow; the input is added where the shapes agree."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        layers: list[nn.Module] = []
        if expansion > 1:
            layers += [SameConv(inputs, wide, 1), nn.ReLU6(inplace=True)]
        layers += [SameConv(wide, wide, kernel, stride, wide), nn.ReLU6(inplace=True)]
        layers += [SameConv(wide, outputs, 1)]
        self.layers = nn.Sequential(*layers)
        self.adds = inputs == outputs and stride == 1

    def forward(self, image: Tensor) -> Tensor:
        out = self.layers(image)
        return image + out if self.adds else out


class AddHint(nn.Module):
    """Adds what the hint says at the features' size; nothing before training."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(width, 1, 1))

    def forward(self, features: Tensor, hint: Tensor) -> Tensor:
        factor = hint.shape[-1] // features.shape[-1]
        return features + functional.avg_pool2d(hint, factor) * self.weight


class ImageTrunk(nn.Module):
    """RGB and a hint in, features at five sizes out.

    The published normalisation layers are part of the convolutions: their statistics would stay as they are
    anyway, for batches of a few windows only blur them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv(3, STEM, 3, 2)
        width = STEM
        self.stages = nn.ModuleList()
        self.hints = nn.ModuleList()
        for number, (blocks, kernel, stride, expansion, outputs) in enumerate(STAGES):
            stage = [InvertedBlock(width, outputs, kernel, stride, expansion)]
            stage += [InvertedBlock(outputs, outputs, kernel, 1, expansion) for _ in range(blocks - 1)]
            self.stages.append(nn.Sequential(*stage))
            if number >= GENERAL_STAGES:
                self.hints.append(AddHint(width))
            width = outputs
        for general in (self.stem, *self.stages[:GENERAL_STAGES]):
            general.requires_grad_(False)

    def forward(self, image: Tensor, hint: Tensor) -> list[Tensor]:
        """Image (B, 3, n, n) about -1 to 1, hint (B, 1, n, n) -1 to 1, n a multiple of 32. Features at 1/2 to
        1/32 of n, of ``WIDTHS`` channels."""
        x = functional.relu6(self.stem(image))
        found: list[Tensor] = []
        for number, stage in enumerate(self.stages):
            if number >= GENERAL_STAGES:
                x = self.hints[number - GENERAL_STAGES](x, hint)
            x = stage(x)
            if found and found[-1].shape[-1] == x.shape[-1]:
                found[-1] = x
            else:
                found.append(x)
        return found

    def load_published(self, published: dict[str, Tensor]) -> None:
        """Take the weights of the published classifier, under the names of its usual PyTorch port; each
        normalisation goes into the convolution before it.

        Raises:
            ValueError: they are of another network.
        """
        theirs = [
            value
            for name, value in published.items()
            if name.startswith(("_conv_stem", "_bn0", "_blocks"))
            and not name.startswith("_blocks.15.")
            and not name.endswith("num_batches_tracked")
        ]
        own = [module for module in self.modules() if isinstance(module, SameConv)]
        if len(theirs) != 5 * len(own):
            raise ValueError("These are not the weights of EfficientNet-Lite0.")
        with torch.no_grad():
            for number, conv in enumerate(own):
                kernel, scale, shift, mean, variance = theirs[5 * number : 5 * number + 5]
                if conv.weight.shape != kernel.shape or conv.bias is None:
                    raise ValueError("These are not the weights of EfficientNet-Lite0.")
                factor = scale / (variance + PUBLISHED_EPSILON).sqrt()
                conv.weight.copy_(kernel * factor[:, None, None, None])
                conv.bias.copy_(shift - mean * factor)
