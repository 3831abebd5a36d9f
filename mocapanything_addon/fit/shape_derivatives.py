# SPDX-License-Identifier: GPL-3.0-or-later
"""How the posed surface moves when the body's build changes and its pose does not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..ik.kinematics import State
from .shape import BodyParts

Array = NDArray[np.float64]


class ShapeDerivatives:
    """Derivatives by the K parameters of a shape, exact: rest pose and skinning are linear in the stretches.

    Args:
        parts: Of the body as the user built it.
        shape: (K,) where the derivative is taken.
        state: A motion of the body reshaped so.
    """

    def __init__(self, parts: BodyParts, shape: Array, state: State) -> None:
        mesh, skeleton = parts.body.mesh, state.skeleton
        stretches = parts.stretch_derivatives(shape)
        joints = [parts.rest_joints(s, np.zeros(3)) for s in stretches]
        surface = [
            parts.rest_surface(s, j, mesh.vertices, mesh.skin_joints, mesh.skin_weights)
            for s, j in zip(stretches, joints, strict=True)
        ]
        rest = np.stack(joints)
        offsets = rest - rest[:, np.maximum(skeleton.parents, 0)]
        self._mesh = mesh
        self._turned = state.pose.global_rotations
        self._arms = np.stack(surface)[:, :, None] - rest[:, mesh.skin_joints]
        self._moved = np.zeros((state.frame_count, *rest.shape))
        """(T, K, J, 3) of the posed joints."""
        for generation in skeleton.generations:
            parents = skeleton.parents[generation]
            away = np.einsum("tnab,knb->tkna", self._turned[:, parents], offsets[:, generation])
            self._moved[:, :, generation] = self._moved[:, :, parents] + away

    def vertices(self, row: int) -> Array:
        """(K, V, 3) of the posed vertices in a frame of the state, armature units."""
        owners = self._mesh.skin_joints
        carried = np.einsum("vnab,kvnb->kvna", self._turned[row][owners], self._arms)
        carried += self._moved[row][:, owners]
        return np.asarray(np.einsum("vn,kvna->kva", self._mesh.skin_weights, carried))
