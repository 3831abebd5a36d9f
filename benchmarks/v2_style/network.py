# SPDX-License-Identifier: GPL-3.0-or-later
"""MoCapAnything V2's design (arXiv 2604.28130): video to joint positions, positions to rotations, all learnt.

Written from the paper, not from its code, and smaller: EfficientNet-Lite0 gives the dense tokens in place of
DINOv2 ViT-L/14, the decoders are narrower and not as deep. What differs otherwise is to its advantage: joint
places come from a soft-argmax over the tokens rather than from a linear layer, rotations are raw 3 x 3
matrices rather than six numbers, the second half sees positions in the body's own axes and adds to the
rotation that brings the rest pose nearest to them (all three learn from far fewer samples; without the last
the heading was still unknown after 17 minutes), the lens and the vertical are told, and a joint of the
reference picture is looked up where it really is.

A rig that a user brings has no frame of known rotations besides its rest pose: the reference frame (the
"anchor") is the rest pose and identity rotations.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from mocapanything_addon.models.attention import Fourier
from mocapanything_addon.models.image_trunk import WIDTHS, ImageTrunk
from mocapanything_addon.models.reference import JOINT_FEATURES

from .attention import Attention, FeedForward, GlobalLocalBias, TemporalAttention
from .geometry import VIEW_FEATURES

IMAGE_SIZE = 80
"""Pixels a side of the network's window."""
EARLY_STAGES = 2
"""Of the trunk: frozen, as published."""
LATE_STAGES = 3
"""Trained; features at an eighth and a sixteenth of the window come out."""
TOKEN_WIDTH = WIDTHS[2] + WIDTHS[3]
TRUNK_BLOCKS = EARLY_STAGES + LATE_STAGES
TYPICAL_SCALE = 0.6
"""Body sizes a half window, mostly."""
FRAME_RATE = 24.0
"""Time is counted in frames of this rate."""
UPRIGHT = 0.03
"""How firmly up stays up, of the joints' say, where they are brought from rest to where they are."""


@dataclass(frozen=True)
class Sizes:
    """How large the two decoders are."""

    width: int = 128
    heads: int = 4
    reference_layers: int = 2
    position_layers: int = 4
    rest_layers: int = 1
    anchor_layers: int = 1
    pose_layers: int = 1
    rotation_layers: int = 3
    cross_layers: int = 2
    """Of the rotation layers, those that look at the anchor."""


PUBLISHED = Sizes(256, 8, 4, 8, 4, 4, 4, 8, 6)


@dataclass(frozen=True, eq=False)
class RigBatch:
    """B rigs, padded to J joints, in normalised space (z up, root at the origin, one unit long)."""

    rest: Tensor
    """(B, J, 3)."""
    features: Tensor
    """(B, J, JOINT_FEATURES) see models/reference.py."""
    valid: Tensor
    """(B, J) False for padding."""
    hops: Tensor
    """(B, J, J)."""
    relations: Tensor
    """(B, J, J)."""
    ancestors: Tensor
    """(B, J, J) column j is joint i or above it."""
    parents: Tensor
    """(B, J) the root and padding are their own."""
    views: Tensor
    """(B, N, c, h, w) early features of pictures of the rest pose."""
    view_hints: Tensor
    """(B, N, 1, h, w) its mask, -1 to 1."""
    view_points: Tensor
    """(B, N, J, 2) where the joints are in them, -1 to 1."""


@dataclass(frozen=True, eq=False)
class VideoBatch:
    """B windows of T frames."""

    early: Tensor
    """(B, T, c, h, w) early features."""
    hints: Tensor
    """(B, T, 1, h, w)."""
    views: Tensor
    """(B, T, VIEW_FEATURES) see geometry.py."""
    rays: Tensor
    """(B, T, 3, 3) see geometry.py."""
    spread: Tensor
    """(B, T) half the window's side over the focal length."""
    times: Tensor
    """(B, T) seconds."""
    seen: Tensor
    """(B, T) False for padding."""


@dataclass(frozen=True, eq=False)
class FoundPositions:
    """Level axes (geometry.py), body sizes."""

    places: Tensor
    """(B, T, J, 2) -1 to 1 across the window."""
    depths: Tensor
    """(B, T, J) behind the root, along the camera's axis."""
    log_scale: Tensor
    """(B, T) logarithm of the body sizes a half window at the root's depth."""
    positions: Tensor
    """(B, T, J, 3) from the root."""


class Trunk(nn.Module):
    """EfficientNet-Lite0 down to a sixteenth; its early part is frozen, so its features can be kept."""

    def __init__(self, published: dict[str, Tensor] | None = None) -> None:
        super().__init__()
        whole = ImageTrunk()
        if published is not None:
            whole.load_published(published)
        self.stem = whole.stem
        self.early_stages = nn.Sequential(*list(whole.stages)[:EARLY_STAGES])
        self.late_stages = nn.ModuleList(list(whole.stages)[EARLY_STAGES:TRUNK_BLOCKS])
        self.hints = nn.ModuleList(list(whole.hints)[:LATE_STAGES])

    @torch.no_grad()
    def early(self, image: Tensor) -> Tensor:
        """(B, 3, n, n) about -1 to 1 -> (B, c, n / 4, n / 4)."""
        return self.early_stages(functional.relu6(self.stem(image)))

    def forward(self, early: Tensor, hint: Tensor) -> Tensor:
        """Early features (B, c, h, w), hint (B, 1, h, w) -> token map (B, TOKEN_WIDTH, h / 2, w / 2)."""
        x, fine = early, early
        for number, (add, stage) in enumerate(zip(self.hints, self.late_stages, strict=True)):
            x = stage(add(x, hint))
            if number == 0:
                fine = x
        coarse = functional.interpolate(x, size=fine.shape[-2:], mode="bilinear", align_corners=False)
        return torch.cat([fine, coarse], 1)


class VideoToPose(nn.Module):
    """Where the joints are: reference encoder, then a decoder over joints, image tokens and time."""

    def __init__(self, sizes: Sizes, token_width: int) -> None:
        super().__init__()
        width, heads = sizes.width, sizes.heads
        self.fourier = Fourier()
        self.token = nn.Linear(token_width, width)
        self.token_place = nn.Linear(self.fourier.width(2), width)
        self.joint = _encoder(self.fourier.width(3) + JOINT_FEATURES, width)
        self.looks = nn.Linear(width, width)
        self.graph = GlobalLocalBias(heads)
        self.reference = nn.ModuleList(_ReferenceBlock(width, heads) for _ in range(sizes.reference_layers))
        self.view = nn.Linear(VIEW_FEATURES, width)
        self.decoder = nn.ModuleList(_PositionBlock(width, heads) for _ in range(sizes.position_layers))
        self.norm = nn.LayerNorm(width)
        self.search = nn.Linear(width, width)
        self.searched = nn.Linear(width, width)
        self.place = nn.Linear(width, 2)
        self.depth = nn.Linear(width, 1)
        self.scale = nn.Linear(width, 1)
        for layer in (self.place, self.depth, self.scale):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, rig: RigBatch, video: VideoBatch, view_maps: Tensor, maps: Tensor) -> FoundPositions:
        """Token maps of the reference pictures (B, N, c, h, w) and of the frames (B, T, c, h, w)."""
        biases = self.graph(rig.hops, rig.relations, rig.ancestors, rig.valid)
        joints = self._queries(rig, view_maps, biases)
        tokens, grid = self._tokens(maps)
        batch, length = maps.shape[:2]
        x = joints[:, None] + self.view(video.views)[:, :, None]
        tokens = tokens + self.view(video.views).flatten(0, 1)[:, None]
        each = [bias.repeat_interleave(length, 0) for bias in biases]
        for number, block in enumerate(self.decoder):
            x = block(x, tokens, each[number % 2], FRAME_RATE * video.times, video.seen)
        x = self.norm(x)
        logits = self.search(x) @ self.searched(tokens).view(batch, length, -1, x.shape[-1]).transpose(-1, -2)
        places = (logits / x.shape[-1] ** 0.5).softmax(-1) @ grid + self.place(x)
        depths = self.depth(x)[..., 0]
        depths = depths - depths[..., :1]
        weight = rig.valid[:, None, :, None].float()
        middle = (x * weight).sum(2) / weight.sum(2)
        log_scale = self.scale(middle)[..., 0] + torch.log(torch.tensor(TYPICAL_SCALE))
        positions = lifted(places, depths, log_scale, video.rays, video.spread)
        return FoundPositions(places, depths, log_scale, positions)

    def _queries(self, rig: RigBatch, maps: Tensor, biases: tuple[Tensor, Tensor]) -> Tensor:
        """(B, J, width) what each joint looks like and where it belongs."""
        joints = self.joint(torch.cat([self.fourier(rig.rest), rig.features], -1))
        batch, views = maps.shape[:2]
        tokens, _ = self._tokens(maps)
        shown = tokens.transpose(1, 2).unflatten(-1, maps.shape[-2:])
        points = rig.view_points.flatten(0, 1)[:, :, None]
        looks = functional.grid_sample(shown, points, align_corners=False, padding_mode="border")[..., 0]
        joints = joints + self.looks(looks.transpose(1, 2).unflatten(0, (batch, views)).mean(1))
        memory = tokens.unflatten(0, (batch, views)).flatten(1, 2)
        for number, block in enumerate(self.reference):
            joints = block(joints, memory, biases[number % 2], biases[1])
        return joints

    def _tokens(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, c, h, w) -> tokens (B T, h w, width) and their places (h w, 2)."""
        side = maps.shape[-1]
        along = (torch.arange(side, device=maps.device) + 0.5) / side * 2.0 - 1.0
        grid = torch.stack(torch.meshgrid(along, along, indexing="xy"), -1).flatten(0, 1)
        flat = maps.flatten(0, 1).flatten(2).transpose(1, 2)
        return self.token(flat) + self.token_place(self.fourier(grid)), grid


class PoseToRotation(nn.Module):
    """How each joint is turned, from where all are: rest, anchor and pose encoders, rotation decoder."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width, heads = sizes.width, sizes.heads
        self.fourier = Fourier()
        place = self.fourier.width(3)
        self.graph = GlobalLocalBias(heads)
        self.rest = _encoder(place + JOINT_FEATURES, width)
        self.rest_blocks = nn.ModuleList(_GraphBlock(width, heads) for _ in range(sizes.rest_layers))
        self.anchor = _encoder(place + 9, width)
        self.film = nn.Linear(width, 2 * width)
        self.anchor_blocks = nn.ModuleList(_GraphBlock(width, heads) for _ in range(sizes.anchor_layers))
        self.pose = _encoder(place + 9, width)
        self.pose_blocks = nn.ModuleList(_GraphBlock(width, heads) for _ in range(sizes.pose_layers))
        self.decoder = nn.ModuleList(
            _RotationBlock(width, heads, looks=number < sizes.cross_layers)
            for number in range(sizes.rotation_layers)
        )
        self.norm = nn.LayerNorm(width)
        self.turn = nn.Linear(width, 9)
        self.root_turn = nn.Linear(width, 9)
        for layer in (self.turn, self.root_turn):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, rig: RigBatch, positions: Tensor, times: Tensor, seen: Tensor) -> Tensor:
        """Positions (B, T, J, 3) from the root, level axes -> raw matrices (B, T, J, 3, 3) near the local
        rotations; the root's is its global rotation, in level axes."""
        length = positions.shape[1]
        biases = self.graph(rig.hops, rig.relations, rig.ancestors, rig.valid)
        rest = self.rest(torch.cat([self.fourier(rig.rest), rig.features], -1))
        for number, block in enumerate(self.rest_blocks):
            rest = block(rest, biases[number % 2])
        identity = torch.eye(3, device=rest.device).flatten().expand(*rig.rest.shape[:2], 9)
        factor, shift = self.film(rest).chunk(2, -1)
        anchor = self.anchor(torch.cat([self.fourier(rig.rest), identity], -1)) * (1.0 + factor) + shift
        for number, block in enumerate(self.anchor_blocks):
            anchor = block(anchor, biases[number % 2])
        each = [bias.repeat_interleave(length, 0) for bias in biases]
        body = facing(rig.rest, positions)
        inside = positions @ body
        x = self.pose(torch.cat([self.fourier(inside), *_bones(rig, inside)], -1)) + rest[:, None]
        for number, block in enumerate(self.pose_blocks):
            x = block(x.flatten(0, 1), each[number % 2]).view(x.shape)
        memory = anchor.repeat_interleave(length, 0)
        for number, block in enumerate(self.decoder):
            # First and last to all joints: ancestors alone would leave the root to itself.
            x = block(x, memory, each[(number + 1) % 2], each[1], FRAME_RATE * times, seen)
        x = self.norm(x)
        turns = self.turn(x).unflatten(-1, (3, 3)) + torch.eye(3, device=x.device)
        root = body[:, :, None] @ (
            self.root_turn(x[:, :, :1]).unflatten(-1, (3, 3)) + torch.eye(3, device=x.device)
        )
        return torch.cat([root, turns[:, :, 1:]], 2)


class V2Style(nn.Module):
    """Both halves on one trunk, trained together."""

    def __init__(self, sizes: Sizes = Sizes(), published: dict[str, Tensor] | None = None) -> None:
        super().__init__()
        self.trunk = Trunk(published)
        self.video_to_pose = VideoToPose(sizes, TOKEN_WIDTH)
        self.pose_to_rotation = PoseToRotation(sizes)

    def forward(
        self, rig: RigBatch, video: VideoBatch, instead: Tensor | None = None
    ) -> tuple[FoundPositions, Tensor]:
        """Positions and raw rotations (B, T, J, 3, 3).

        Args:
            rig: Whom the video shows.
            video: The windows.
            instead: (B, T, J, 3) positions that the rotations are found from; NaN where those found count.
        """
        shape = video.early.shape[:2], rig.views.shape[:2]
        pictures = torch.cat([video.early.flatten(0, 1), rig.views.flatten(0, 1)])
        hints = torch.cat([video.hints.flatten(0, 1), rig.view_hints.flatten(0, 1)])
        maps = self.trunk(pictures.contiguous(memory_format=torch.channels_last), hints)
        frames, views = maps.split([shape[0].numel(), shape[1].numel()])
        found = self.video_to_pose(rig, video, views.unflatten(0, shape[1]), frames.unflatten(0, shape[0]))
        positions = found.positions
        if instead is not None:
            positions = torch.where(instead.isnan(), positions, instead.nan_to_num())
        return found, self.pose_to_rotation(rig, positions, video.times, video.seen)


def lifted(places: Tensor, depths: Tensor, log_scale: Tensor, rays: Tensor, spread: Tensor) -> Tensor:
    """(B, T, J, 3) positions from the root in level axes; see :class:`FoundPositions` and geometry.py."""
    root_depth = log_scale.exp() / spread
    ray = torch.cat([places, torch.ones_like(places[..., :1])], -1)
    points = torch.einsum("btij,btkj->btki", rays, ray * (root_depth[..., None] + depths)[..., None])
    return points - points[:, :, :1]


@torch.no_grad()
def facing(rest: Tensor, positions: Tensor) -> Tensor:
    """(B, T, 3, 3) the rotation that brings joints at rest (B, J, 3) nearest to their positions (B, T, J, 3);
    both from the root, padded joints at the origin at rest (Kabsch 1976)."""
    covariance = torch.einsum("btja,bjc->btac", positions, rest)
    size = covariance.diagonal(dim1=-2, dim2=-1).abs().sum(-1).clamp_min(1e-6)
    # A body on one line does not say how it is rolled: then up stays up.
    covariance[..., 2, 2] += UPRIGHT * size
    left, _, right = torch.linalg.svd(covariance)
    signs = torch.ones_like(covariance[..., 0])
    signs[..., 2] = torch.linalg.det(left @ right).sign()
    return (left * signs[..., None, :]) @ right


class _GraphBlock(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.graph = Attention(width, heads)
        self.feed_forward = FeedForward(width)

    def forward(self, joints: Tensor, bias: Tensor) -> Tensor:
        return self.feed_forward(self.graph(joints, bias=bias))


class _ReferenceBlock(nn.Module):
    """Graph attention, attention among all joints, then to the reference pictures."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.graph = Attention(width, heads)
        self.all = Attention(width, heads)
        self.image = Attention(width, heads)
        self.feed_forward = FeedForward(width)

    def forward(self, joints: Tensor, memory: Tensor, bias: Tensor, everywhere: Tensor) -> Tensor:
        joints = self.all(self.graph(joints, bias=bias), bias=everywhere)
        return self.feed_forward(self.image(joints, memory))


class _PositionBlock(nn.Module):
    """Graph attention in the frame, to the frame's tokens, and of each joint over time."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.graph = Attention(width, heads)
        self.image = Attention(width, heads)
        self.time = TemporalAttention(width, heads)
        self.feed_forward = FeedForward(width)

    def forward(self, x: Tensor, tokens: Tensor, bias: Tensor, frames: Tensor, seen: Tensor) -> Tensor:
        flat = self.image(self.graph(x.flatten(0, 1), bias=bias), tokens)
        return self.feed_forward(self.time(flat.view(x.shape), frames, seen))


class _RotationBlock(nn.Module):
    """Graph attention in the frame, over time, and to the anchor."""

    def __init__(self, width: int, heads: int, *, looks: bool) -> None:
        super().__init__()
        self.graph = Attention(width, heads)
        self.time = TemporalAttention(width, heads)
        self.anchor = Attention(width, heads) if looks else None
        self.feed_forward = FeedForward(width)

    def forward(
        self, x: Tensor, memory: Tensor, bias: Tensor, everywhere: Tensor, frames: Tensor, seen: Tensor
    ) -> Tensor:
        x = self.time(self.graph(x.flatten(0, 1), bias=bias).view(x.shape), frames, seen)
        if self.anchor is not None:
            # Padded joints of the anchor are hidden just as those of the pose are.
            x = self.anchor(x.flatten(0, 1), memory, bias=everywhere).view(x.shape)
        return self.feed_forward(x)


def _encoder(inputs: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, width), nn.GELU(), nn.Linear(width, width))


def _bones(rig: RigBatch, positions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """From the parent, now and at rest (B, T, J, 3), and the parent's own way from its parent now."""
    index = rig.parents[:, None, :, None].expand(positions.shape)
    bone = positions - positions.gather(2, index)
    rest = rig.rest - rig.rest.gather(1, rig.parents[..., None].expand(rig.rest.shape))
    return bone, rest[:, None].expand(positions.shape), bone.gather(2, index)
