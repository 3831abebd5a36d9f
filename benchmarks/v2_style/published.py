# SPDX-License-Identifier: GPL-3.0-or-later
"""MoCapAnything V2 at the size that was published, with random weights: for its time and memory alone.

DINOv2 ViT-L/14 on frames of 224 pixels, then both decoders at width 256, eight heads, eight layers, on clips
of 48 frames and joints padded to 150 (field figures of arXiv 2604.28130 and of its configuration file).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mocapanything_addon.models.reference import JOINT_FEATURES

from .attention import Attention
from .geometry import VIEW_FEATURES
from .network import PUBLISHED, PoseToRotation, RigBatch, VideoBatch, VideoToPose

IMAGE, PATCH = 224, 14
WIDTH, LAYERS, HEADS, WIDENING = 1024, 24, 16, 4
FRAMES = 48
JOINTS = 150
VIEWS = 1
"""Reference pictures."""


class VisionTransformer(nn.Module):
    """The layout of ViT-L/14: 304 million parameters."""

    def __init__(self) -> None:
        super().__init__()
        tokens = (IMAGE // PATCH) ** 2 + 1
        self.patches = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.first = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.places = nn.Parameter(torch.zeros(1, tokens, WIDTH))
        self.layers = nn.ModuleList(_Layer() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, IMAGE, IMAGE) -> dense tokens (B, WIDTH, 16, 16)."""
        found = self.patches(image)
        tokens = found.flatten(2).transpose(1, 2)
        x = torch.cat([self.first.expand(len(image), -1, -1), tokens], 1) + self.places
        for layer in self.layers:
            x = layer(x)
        return self.norm(x)[:, 1:].transpose(1, 2).reshape(found.shape)


class _Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention(WIDTH, HEADS)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(WIDTH),
            nn.Linear(WIDTH, WIDENING * WIDTH),
            nn.GELU(),
            nn.Linear(WIDENING * WIDTH, WIDTH),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = self.attention(tokens)
        return tokens + self.feed_forward(tokens)


class Decoders(nn.Module):
    """Video to pose and pose to rotation at the published size."""

    def __init__(self) -> None:
        super().__init__()
        self.video_to_pose = VideoToPose(PUBLISHED, WIDTH)
        self.pose_to_rotation = PoseToRotation(PUBLISHED)

    def forward(self, rig: RigBatch, video: VideoBatch, views: Tensor, frames: Tensor) -> Tensor:
        """Raw rotations; token maps as :class:`.network.VideoToPose` takes them."""
        found = self.video_to_pose(rig, video, views, frames)
        return self.pose_to_rotation(rig, found.positions, video.times, video.seen)


def any_clip() -> tuple[RigBatch, VideoBatch, Tensor, Tensor]:
    """A rig, a clip and the token maps of pictures and frames, all zero: the time is the same."""
    side, pictures = IMAGE // PATCH, torch.zeros(1, VIEWS, 1, 1, 1)
    table = torch.zeros(1, JOINTS, JOINTS, dtype=torch.long)
    rig = RigBatch(
        rest=torch.zeros(1, JOINTS, 3),
        features=torch.zeros(1, JOINTS, JOINT_FEATURES),
        valid=torch.ones(1, JOINTS, dtype=torch.bool),
        hops=table,
        relations=table,
        ancestors=torch.eye(JOINTS, dtype=torch.bool)[None],
        parents=torch.zeros(1, JOINTS, dtype=torch.long),
        views=pictures,
        view_hints=pictures,
        view_points=torch.zeros(1, VIEWS, JOINTS, 2),
    )
    frames = torch.zeros(1, FRAMES, 1, 1, 1)
    video = VideoBatch(
        early=frames,
        hints=frames,
        views=torch.zeros(1, FRAMES, VIEW_FEATURES),
        rays=torch.eye(3).expand(1, FRAMES, 3, 3),
        spread=torch.ones(1, FRAMES),
        times=torch.arange(FRAMES)[None] / 24.0,
        seen=torch.ones(1, FRAMES, dtype=torch.bool),
    )
    return rig, video, torch.zeros(1, VIEWS, WIDTH, side, side), torch.zeros(1, FRAMES, WIDTH, side, side)
