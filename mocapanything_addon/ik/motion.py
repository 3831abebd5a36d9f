# SPDX-License-Identifier: GPL-3.0-or-later
"""The motion of a skeleton over a clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import rotations

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Motion:
    """T frames of J joints. Treated as immutable: functions return a new motion."""

    root_translation: Array
    """(T, 3) of the root from its rest position, armature space."""
    local_rotations: Array
    """(T, J, 3, 3) L_j = D_parent^-1 D_j, rest-relative, armature axes; the identity is the rest pose."""
    joint_translations: Array | None = None
    """(T, J, 3) of each joint from its rest offset, in armature axes carried by its parent; None: all zero.
    That of the first root is ``root_translation``, and zero here.
    """

    @classmethod
    def rest(cls, joint_count: int, frame_count: int = 1) -> Motion:
        """The rest pose, held."""
        return cls(np.zeros((frame_count, 3)), np.tile(np.eye(3), (frame_count, joint_count, 1, 1)))

    @classmethod
    def from_quaternions(
        cls,
        root_translation: ArrayLike,
        local_rotations: ArrayLike,
        joint_translations: Array | None = None,
    ) -> Motion:
        """From (T, 3), (T, J, 4), (w, x, y, z), and (T, J, 3)."""
        turned = rotations.matrix_from_quaternion(local_rotations)
        return cls(np.array(root_translation, float), turned, joint_translations)

    @property
    def frame_count(self) -> int:
        return len(self.root_translation)

    @property
    def joint_count(self) -> int:
        return self.local_rotations.shape[1]

    def quaternions(self) -> Array:
        """(T, J, 4) local rotations (w, x, y, z), without jumps of sign over time."""
        return rotations.continuous_quaternions(rotations.quaternion_from_matrix(self.local_rotations))

    def copy(self) -> Motion:
        moved = None if self.joint_translations is None else self.joint_translations.copy()
        return Motion(self.root_translation.copy(), self.local_rotations.copy(), moved)

    @property
    def all_joint_translations(self) -> Array:
        """(T, J, 3) a copy of the joint translations, zeros where there are none."""
        if self.joint_translations is None:
            return np.zeros(self.local_rotations.shape[:3])
        return self.joint_translations.copy()

    def __getitem__(self, frames: slice | NDArray) -> Motion:
        """Some of the frames: a slice (shares memory) or an index array."""
        moved = None if self.joint_translations is None else self.joint_translations[frames]
        return Motion(self.root_translation[frames], self.local_rotations[frames], moved)

    def repeat(self, frame_count: int) -> Motion:
        """A single frame, held for ``frame_count`` frames."""
        if self.frame_count != 1:
            raise ValueError(f"repeat needs a motion of one frame, this one has {self.frame_count}")
        return self[np.zeros(frame_count, np.int64)]

    @staticmethod
    def concatenate(motions: Sequence[Motion]) -> Motion:
        """One after the other."""
        still = all(m.joint_translations is None for m in motions)
        return Motion(
            np.concatenate([m.root_translation for m in motions]),
            np.concatenate([m.local_rotations for m in motions]),
            None if still else np.concatenate([m.all_joint_translations for m in motions]),
        )
