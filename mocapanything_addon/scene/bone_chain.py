# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's bone hierarchy as arrays: from the values of pose channels to pose matrices, and back.

The rules are those of Blender's ``BKE_bone_parent_transform_calc_from_matrices`` (armature.cc), which
decides what a bone takes over from its parent. Pure numpy: the same arithmetic for all frames at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..ik import rotations

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Attachment:
    """Where a bone's channels start from, armature space: pose = (rotation R, origin + axes l)."""

    rotation: Array
    """(T, 3, 3) or (3, 3): pose rotation = rotation @ (rotation of the channels)."""
    axes: Array
    """(T, 3, 3) or (3, 3): pose position = origin + axes @ (location channels)."""
    origin: Array
    """(T, 3) or (3,): pose position with the location channels at 0."""


@dataclass(frozen=True, eq=False)
class BoneChain:
    """B bones, parents before children."""

    names: tuple[str, ...]
    parents: NDArray[np.int64]
    """(B,) -1 where a bone has none."""
    rest: Array
    """(B, 4, 4) rest matrices, armature space."""
    tails: Array
    """(B, 3) rest tails, armature space."""
    deforms: NDArray[np.bool_]
    """(B,) the bone may move vertices."""
    connected: NDArray[np.bool_]
    """(B,) the head is tied to the parent's tail: location channels have no effect."""
    inherits_rotation: NDArray[np.bool_]
    inherits_scale: NDArray[np.bool_]
    """(B,) full inheritance of the parent's scale; every other mode is treated as none."""
    local_location: NDArray[np.bool_]
    """(B,) location channels are along the bone's own rest axes, not along its parent's."""

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}

    @property
    def heads(self) -> Array:
        """(B, 3)."""
        return self.rest[:, :3, 3]

    @cached_property
    def _offsets(self) -> Array:
        """(B, 4, 4) rest matrix in the parent's rest space."""
        has_parent = self.parents >= 0
        parent_rest = np.where(has_parent[:, None, None], self.rest[self.parents], np.eye(4))
        return np.linalg.solve(parent_rest, self.rest)

    def ancestors(self, bone: int) -> list[int]:
        """From the parent up to the topmost bone."""
        result = []
        while (bone := int(self.parents[bone])) >= 0:
            result.append(bone)
        return result

    def attachment(self, bone: int, parent_pose: Array | None) -> Attachment:
        """What the bone starts from.

        Args:
            bone: Its index.
            parent_pose: (T, 4, 4) or (4, 4) pose matrix of its parent; None for a bone without one.
        """
        offset = self._offsets[bone]
        if parent_pose is None or self.parents[bone] < 0:
            axes = offset[:3, :3] if self.local_location[bone] else np.eye(3)
            return Attachment(offset[:3, :3], axes, offset[:3, 3])
        linear = parent_pose[..., :3, :3]
        turned = linear if self.inherits_rotation[bone] else self.rest[self.parents[bone], :3, :3]
        if not self.inherits_scale[bone]:
            turned = turned / np.linalg.norm(turned, axis=-2, keepdims=True)
        axes = linear @ offset[:3, :3] if self.local_location[bone] else linear
        origin = (linear @ offset[:3, 3]) + parent_pose[..., :3, 3]
        return Attachment(turned @ offset[:3, :3], axes, origin)

    def poses(self, rotation: Array, location: Array, scale: Array) -> Array:
        """Pose matrices from pose channels.

        Args:
            rotation: (T, B, 3, 3).
            location: (T, B, 3).
            scale: (T, B, 3).

        Returns:
            (T, B, 4, 4), armature space.
        """
        poses = np.zeros((*location.shape[:2], 4, 4))
        poses[..., 3, 3] = 1.0
        for bone in range(len(self)):
            parent = int(self.parents[bone])
            base = self.attachment(bone, poses[:, parent] if parent >= 0 else None)
            poses[:, bone, :3, :3] = base.rotation @ (rotation[:, bone] * scale[:, bone, None, :])
            poses[:, bone, :3, 3] = base.origin
            if not self.connected[bone]:
                poses[:, bone, :3, 3] += np.einsum("...ij,...j->...i", base.axes, location[:, bone])
        return poses

    def rest_relative(self, poses: Array) -> Array:
        """(..., B, 4, 4) pose matrices -> (..., B, 3, 3) D = G G_rest^-1, scale and shear removed."""
        linear = poses[..., :3, :3] @ np.swapaxes(self.rest[:, :3, :3], -1, -2)
        return rotations.nearest_rotation(linear)
