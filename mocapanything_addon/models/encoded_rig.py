# SPDX-License-Identifier: GPL-3.0-or-later
"""A rig as the networks are told of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..fit.decimate import FitMesh
from ..ik.kinematics import Pose
from ..jobs.rig import Rig
from .device import tensor_on
from .reference import ReferenceInput, to_normalised
from .reference_encoder import ReferenceBatch
from .skinning import skinned

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Reference:
    """A rig, prepared. Points are its J joints followed by S surface points; K = J + S."""

    rig: Rig
    mesh: FitMesh
    inputs: ReferenceInput

    @property
    def point_count(self) -> int:
        return self.rig.joint_count + len(self.inputs.surface_positions)

    def posed_points(self, pose: Pose) -> tuple[Array, Array]:
        """The mesh's vertices (T, V, 3) and the points (T, K, 3) under a pose, armature space."""
        vertices = skinned(
            self.mesh.vertices,
            self.mesh.skin_joints,
            self.mesh.skin_weights,
            self.rig.rest_positions,
            pose.global_rotations,
            pose.positions,
        )
        surface = vertices[:, self.inputs.surface_vertices]
        return vertices, np.concatenate([pose.positions, surface], 1)


def normalised(rig: Rig, points: NDArray[np.floating]) -> Array:
    """(..., 3) armature space -> normalised space."""
    return (points - rig.rest_positions[0]) @ to_normalised(rig.up).T / rig.size


def reference_batch(inputs: ReferenceInput, device: torch.device, *, views: bool = True) -> ReferenceBatch:
    """One rig as a batch.

    Args:
        inputs: The rig.
        device: Where to.
        views: With its reference views; the motion decoder was trained without any.
    """
    shown = slice(None if views else 0)

    def one(array: NDArray) -> Tensor:
        return tensor_on(device, array)[None]

    return ReferenceBatch(
        joint_positions=one(inputs.joint_positions),
        joint_features=one(inputs.joint_features),
        valid=torch.ones(1, len(inputs.joint_positions), dtype=torch.bool, device=device),
        hops=one(inputs.hops),
        relations=one(inputs.relations),
        surface_positions=one(inputs.surface_positions),
        surface_normals=one(inputs.surface_normals),
        surface_joints=one(inputs.surface_joints),
        surface_weights=one(inputs.surface_weights),
        views=one(inputs.views[shown]),
        view_points=one(inputs.view_points[shown]),
    )


def repeated(batch: ReferenceBatch, count: int) -> ReferenceBatch:
    """The one rig of a batch, ``count`` times."""
    return ReferenceBatch(
        **{name: value.expand(count, *value.shape[1:]) for name, value in vars(batch).items()}
    )
