# SPDX-License-Identifier: GPL-3.0-or-later
"""What the network is told of a rig, the same from a training character and from a user's rig."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mocapanything_addon.fit.crop import Crop
from mocapanything_addon.fit.renderer import Light, Rasterizer, Renderer
from mocapanything_addon.ik.camera import Camera
from mocapanything_addon.models.images import MARGIN, standardised_frame, to_places
from mocapanything_addon.models.reference import joint_features
from mocapanything_addon.models.skeleton_graph import hop_distances, relations

from .network import IMAGE_SIZE, RigBatch, Trunk

Array = NDArray[np.float64]
VIEW_YAWS = (0.0, 150.0)
"""Degrees between the reference pictures."""
VIEW_ELEVATION = 15.0
VIEW_FOV = 40.0
FULL_TURN = 360.0


@dataclass(frozen=True, eq=False)
class Seen:
    """Pictures as the frozen part of the trunk sees them."""

    early: NDArray[np.float16]
    """(M, c, h, w)."""
    hints: NDArray[np.float16]
    """(M, 1, h, w)."""


@dataclass(frozen=True, eq=False)
class RigInput:
    """Of one rig; see :class:`.network.RigBatch`."""

    rest: NDArray[np.float32]
    features: NDArray[np.float32]
    parents: NDArray[np.int32]
    is_tail: NDArray[np.bool_]
    views: Seen
    view_points: NDArray[np.float32]


@torch.no_grad()
def see(trunk: Trunk, color: NDArray[np.uint8], mask: NDArray[np.uint8]) -> Seen:
    """Pictures (M, n, n, 3) and masks (M, n, n) through the frozen part of the trunk."""
    frame = standardised_frame(torch.from_numpy(color), torch.from_numpy(mask))
    early = trunk.early(frame[:, :3].contiguous(memory_format=torch.channels_last))
    hints = functional.avg_pool2d(2.0 * frame[:, 3:] - 1.0, frame.shape[-1] // early.shape[-1])
    return Seen(early.half().numpy(), hints.half().numpy())


def rig_input(
    trunk: Trunk,
    rest: Array,
    parents: NDArray[np.int32],
    is_tail: NDArray[np.bool_],
    vertices: Array,
    faces: NDArray[np.int32],
    skin: tuple[NDArray[np.int32], NDArray[np.floating]],
    colors: NDArray[np.floating],
    rasterizer: Rasterizer,
    turn: float,
) -> RigInput:
    """Prepare a rig in normalised space.

    Args:
        trunk: Looks at the reference pictures.
        rest: (J, 3) joints.
        parents, is_tail: (J,).
        vertices: (V, 3).
        faces: (F, 3).
        skin: Joints and weights (V, 4).
        colors: (V, 3) 0 to 1.
        rasterizer: Who draws.
        turn: Degrees about the vertical of the first reference picture; nobody knows where front is.
    """
    shown = [_reference_picture(vertices, faces, colors, rest, rasterizer, turn + yaw) for yaw in VIEW_YAWS]
    return RigInput(
        rest=rest.astype(np.float32),
        features=joint_features(rest, parents, is_tail, *skin),
        parents=parents,
        is_tail=is_tail,
        views=see(trunk, np.stack([s[0] for s in shown]), np.stack([s[1] for s in shown])),
        view_points=np.stack([s[2] for s in shown]).astype(np.float32),
    )


def stack_rigs(rigs: Sequence[RigInput]) -> RigBatch:
    """Padded to the most joints."""
    joints = max(len(rig.parents) for rig in rigs)
    own = np.arange(joints)
    parents = [np.concatenate([np.maximum(r.parents, 0), own[len(r.parents) :]]) for r in rigs]
    return RigBatch(
        rest=_stacked([_padded(r.rest, joints) for r in rigs]),
        features=_stacked([_padded(r.features, joints) for r in rigs]),
        valid=_stacked([own < len(r.parents) for r in rigs]),
        hops=_stacked([_square(hop_distances(r.parents), joints) for r in rigs]),
        relations=_stacked([_square(relations(r.parents), joints) for r in rigs]),
        ancestors=_stacked([_square(_ancestors(r.parents), joints) for r in rigs]),
        parents=_stacked(parents).long(),
        views=_stacked([r.views.early for r in rigs]).float(),
        view_hints=_stacked([r.views.hints for r in rigs]).float(),
        view_points=_stacked(
            [_padded(r.view_points.transpose(1, 0, 2), joints).transpose(1, 0, 2) for r in rigs]
        ),
    )


def _reference_picture(
    vertices: Array,
    faces: NDArray[np.int32],
    colors: NDArray[np.floating],
    joints: Array,
    rasterizer: Rasterizer,
    yaw: float,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], Array]:
    """Colour (n, n, 3), mask (n, n) of the rest pose, and the joints' places in it (J, 2)."""
    turn, tilt = np.radians([yaw % FULL_TURN, VIEW_ELEVATION])
    back = np.array([np.cos(turn) * np.cos(tilt), np.sin(turn) * np.cos(tilt), np.sin(tilt)])
    right = np.array([-np.sin(turn), np.cos(turn), 0.0])
    axes = np.stack([right, -np.cross(back, right), -back])
    middle = 0.5 * (vertices.max(0) + vertices.min(0))
    away = 1.6 * float(np.linalg.norm(np.ptp(vertices, axis=0)))
    camera = Camera.from_fov(
        VIEW_FOV, IMAGE_SIZE, IMAGE_SIZE, axes, np.array([0.0, 0.0, away]) - axes @ middle
    )
    pixels = camera.project(vertices)
    low, high = pixels.min(0), pixels.max(0)
    side = MARGIN * float((high - low).max())
    corner = 0.5 * (low + high) - 0.5 * side
    window = Crop(float(corner[0]), float(corner[1]), side, IMAGE_SIZE)
    drawing = Renderer(faces, rasterizer=rasterizer).render(
        vertices, camera, window, colors=colors, light=Light(ambient=0.6, diffuse=0.4)
    )
    assert drawing.color is not None
    mask = np.where(drawing.mask, np.uint8(255), np.uint8(0))
    return drawing.color, mask, to_places(camera.project(joints), window)


def _ancestors(parents: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(J, J) column j is joint i or above it."""
    above = np.eye(len(parents), dtype=bool)
    for joint in range(1, len(parents)):
        above[joint] |= above[parents[joint]]
    return above


def _padded(values: NDArray, length: int) -> NDArray:
    return np.concatenate([values, np.zeros((length - len(values), *values.shape[1:]), values.dtype)])


def _square(table: NDArray, length: int) -> NDArray:
    gap = length - len(table)
    return np.pad(table, ((0, gap), (0, gap)))


def _stacked(arrays: Sequence[NDArray]) -> Tensor:
    return torch.from_numpy(np.stack(arrays))
