# SPDX-License-Identifier: GPL-3.0-or-later
"""Attention blocks over tokens: plain, biased by the skeleton's graph, and towards other tokens."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .skeleton_graph import FARTHEST_HOP, Relation

MASKED = -1e4


class AttentionBlock(nn.Module):
    """Pre-norm self-attention and feed-forward; an optional bias is added to the attention logits."""

    def __init__(self, width: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.norm_feed_forward = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, tokens: Tensor, bias: Tensor | None = None) -> Tensor:
        """Tokens (B, N, width); bias broadcastable to (B, heads, N, N). Returns (B, N, width)."""
        batch, count, width = tokens.shape
        split = self.query_key_value(self.norm_attention(tokens))
        query, key, value = split.view(batch, count, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        tokens = tokens + self.project(mixed.transpose(1, 2).reshape(batch, count, width))
        return tokens + self.feed_forward(self.norm_feed_forward(tokens))


class CrossAttention(nn.Module):
    """Pre-norm attention from tokens to a memory, added to the tokens."""

    def __init__(self, width: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm_tokens = nn.LayerNorm(width)
        self.norm_memory = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.project = nn.Linear(width, width)

    def forward(self, tokens: Tensor, memory: Tensor) -> Tensor:
        """Tokens (B, N, width), memory (B, M, width) -> (B, N, width)."""
        batch, count, width = tokens.shape
        query = self.query(self.norm_tokens(tokens)).view(batch, count, self.heads, -1).transpose(1, 2)
        pairs = self.key_value(self.norm_memory(memory)).view(batch, memory.shape[1], 2, self.heads, -1)
        key, value = pairs.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return tokens + self.project(mixed.transpose(1, 2).reshape(batch, count, width))


class GraphBias(nn.Module):
    """A learned attention bias a head from the hop distance and the relation of two joints."""

    def __init__(self, heads: int = 4) -> None:
        super().__init__()
        self.hop = nn.Embedding(FARTHEST_HOP + 1, heads)
        self.relation = nn.Embedding(len(Relation), heads)
        nn.init.zeros_(self.hop.weight)
        nn.init.zeros_(self.relation.weight)

    def forward(self, hops: Tensor, relations: Tensor, valid: Tensor) -> Tensor:
        """Hops and relations (B, J, J), valid (B, J) -> (B, heads, J, J); padding gets no attention."""
        bias = (self.hop(hops.long()) + self.relation(relations.long())).permute(0, 3, 1, 2)
        return bias.masked_fill(~valid[:, None, None, :], MASKED)


def key_padding_bias(valid: Tensor) -> Tensor:
    """(B, N) -> (B, 1, 1, N) attention bias that hides padding."""
    return torch.zeros(valid.shape, device=valid.device).masked_fill(~valid, MASKED)[:, None, None, :]


class Fourier(nn.Module):
    """Sines and cosines of a place at octaves, with the place itself."""

    def __init__(self, octaves: int = 4) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.pi * 2.0 ** torch.arange(octaves).float(), persistent=False)

    frequencies: Tensor

    def forward(self, places: Tensor) -> Tensor:
        """(..., k) -> (..., k (1 + 2 octaves))."""
        phase = (places[..., None] * self.frequencies).flatten(-2)
        return torch.cat([places, phase.sin(), phase.cos()], -1)

    def width(self, dimensions: int) -> int:
        """Channels that come out for ``dimensions`` that go in."""
        return dimensions * (1 + 2 * len(self.frequencies))
