# SPDX-License-Identifier: GPL-3.0-or-later
"""Attention as MoCapAnything V2 uses it: over the skeleton's graph, to a memory, over neighbouring frames."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mocapanything_addon.models.attention import MASKED, CrossAttention, GraphBias, key_padding_bias

REACH = 2
"""Frames before and after that a frame attends to: a window of five."""
SLOWEST = 100.0
"""Longest wave of the rotary encoding over the shortest."""


class Attention(CrossAttention):
    """Pre-norm attention from tokens to a memory, or to themselves, added to the tokens."""

    def forward(
        self,
        tokens: Tensor,
        memory: Tensor | None = None,
        bias: Tensor | None = None,
        turn: Tensor | None = None,
    ) -> Tensor:
        """Tokens (B, N, width), memory (B, M, width) -> (B, N, width).

        Args:
            tokens: Who asks.
            memory: Who is asked; the tokens themselves when None.
            bias: Added to the logits, broadcastable to (B, heads, N, M).
            turn: (B, N, width / heads / 2) angles that turn queries and keys (rotary encoding); only without
                a memory.
        """
        batch, count, width = tokens.shape
        asked = self.norm_tokens(tokens)
        known = asked if memory is None else self.norm_memory(memory)
        query = self.query(asked).view(batch, count, self.heads, -1).transpose(1, 2)
        pairs = self.key_value(known).view(batch, known.shape[1], 2, self.heads, -1)
        key, value = pairs.permute(2, 0, 3, 1, 4)
        if turn is not None:
            query, key = _turned(query, turn), _turned(key, turn)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        return tokens + self.project(mixed.transpose(1, 2).reshape(batch, count, width))


class FeedForward(nn.Module):
    """Pre-norm, added to the tokens."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens + self.layers(tokens)


class GlobalLocalBias(nn.Module):
    """The two biases of graph attention: to a joint's ancestors alone, and to all joints (V2, GL-GMHA)."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.graph = GraphBias(heads)

    def forward(
        self, hops: Tensor, relations: Tensor, ancestors: Tensor, valid: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Hops, relations, ancestors (B, J, J), valid (B, J) -> local and global bias (B, heads, J, J).

        Layers with even numbers take the first, the others the second.
        """
        everywhere = self.graph(hops, relations, valid)
        return everywhere.masked_fill(~ancestors[:, None], MASKED), everywhere


class TemporalAttention(nn.Module):
    """Attention of each joint over the frames around, with rotary encoding of the true time."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = Attention(width, heads)
        pairs = width // heads // 2
        waves = SLOWEST ** (-torch.arange(pairs).float() / pairs)
        self.register_buffer("waves", waves, persistent=False)

    waves: Tensor

    def forward(self, tokens: Tensor, frames: Tensor, seen: Tensor) -> Tensor:
        """Tokens (B, T, J, width), times (B, T) counted in frames, seen (B, T) False for padding."""
        batch, length, joints, width = tokens.shape
        order = torch.arange(length, device=tokens.device)
        far = (order[:, None] - order).abs() > REACH
        bias = key_padding_bias(seen) + torch.zeros(length, length, device=tokens.device).masked_fill(
            far, MASKED
        )
        turn = frames[..., None] * self.waves
        rows = tokens.transpose(1, 2).reshape(batch * joints, length, width)
        mixed = self.attention(
            rows, bias=bias.repeat_interleave(joints, 0), turn=turn.repeat_interleave(joints, 0)
        )
        return mixed.view(batch, joints, length, width).transpose(1, 2)


def _turned(vectors: Tensor, angles: Tensor) -> Tensor:
    """(B, heads, N, d) each pair of channels turned by (B, N, d / 2)."""
    cos, sin = angles.cos()[:, None], angles.sin()[:, None]
    first, second = vectors.chunk(2, -1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)
