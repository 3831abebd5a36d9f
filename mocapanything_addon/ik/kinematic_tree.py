# SPDX-License-Identifier: GPL-3.0-or-later
"""Which joint hangs from which, and where they are in rest pose."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import rotations

Array = NDArray[np.float64]


class KinematicTree:
    """J joints in one tree or several, in armature space.

    Args:
        names: (J,) for messages only; they need not differ.
        parents: (J,) index of each joint's parent, -1 for a root. Any order.
        rest_positions: (J, 3).
        rest_rotations: (J, 4) quaternions (w, x, y, z): the bone's own axes in armature space.

    Raises:
        ValueError: the arrays describe no tree; the message names the joint.
    """

    def __init__(
        self, names: Sequence[str], parents: ArrayLike, rest_positions: ArrayLike, rest_rotations: ArrayLike
    ) -> None:
        self.names = tuple(names)
        count = len(self.names)
        if count == 0:
            raise ValueError("a skeleton needs at least one joint")
        self.parents = read_only("parents", parents, (count,), np.int64)
        self.rest_positions = read_only("rest_positions", rest_positions, (count, 3))
        self.rest_rotations = read_only("rest_rotations", rest_rotations, (count, 4))
        for name in ("rest_positions", "rest_rotations"):
            bad = ~np.isfinite(getattr(self, name)).all(axis=1)
            if bad.any():
                raise ValueError(f"{name} of joint {self.label(bad)} is not finite")
        zero = np.linalg.norm(self.rest_rotations, axis=1) == 0.0
        if zero.any():
            raise ValueError(f"rest_rotations of joint {self.label(zero)} has length 0")
        if (self.parents >= 0).all():
            raise ValueError("at least one joint must have parent -1; found none")
        beyond = self.parents >= count
        if beyond.any():
            raise ValueError(f"the parent of joint {self.label(beyond)} does not exist")
        if (self.depths < 0).any():
            raise ValueError(f"joint {self.label(self.depths < 0)} is its own ancestor")

    def label(self, bad: NDArray[np.bool_]) -> str:
        """Number and name of the first joint of a mask (J,), for messages."""
        joint = int(bad.argmax())
        return f"{joint} ({self.names[joint]!r})"

    # ---- the tree

    @property
    def joint_count(self) -> int:
        return len(self.names)

    @cached_property
    def root(self) -> int:
        """The first root, in the order of the joints."""
        return int(self.roots[0])

    @cached_property
    def roots(self) -> NDArray[np.int64]:
        """(R,) joints without a parent, rising."""
        return np.nonzero(self.parents < 0)[0]

    @cached_property
    def depths(self) -> NDArray[np.int64]:
        """(J,) generations below a root; -1 where the chain of parents never reaches one."""
        depths = np.full(self.joint_count, -1)
        depths[self.parents < 0] = 0
        for generation in range(1, self.joint_count):
            children = (depths < 0) & (depths[self.parents] == generation - 1)
            if not children.any():
                break
            depths[children] = generation
        return depths

    @cached_property
    def generations(self) -> tuple[NDArray[np.int64], ...]:
        """Joints of depth 1, 2, ...: all of a generation can be computed at once from the one before."""
        return tuple(np.nonzero(self.depths == d)[0] for d in range(1, int(self.depths.max()) + 1))

    @cached_property
    def children(self) -> tuple[NDArray[np.int64], ...]:
        """Children of every joint."""
        return tuple(np.nonzero(self.parents == j)[0] for j in range(self.joint_count))

    @cached_property
    def is_ancestor(self) -> NDArray[np.bool_]:
        """(J, J) [a, d]: d is a or hangs below a."""
        result = np.eye(self.joint_count, dtype=bool)
        for generation in self.generations:
            result[:, generation] |= result[:, self.parents[generation]]
        return result

    # ---- the rest pose

    @cached_property
    def offsets(self) -> Array:
        """(J, 3) rest offset from the parent, armature axes; zero for a root."""
        offsets = self.rest_positions - self.rest_positions[np.maximum(self.parents, 0)]
        offsets[self.roots] = 0.0
        return offsets

    @cached_property
    def bone_axes(self) -> Array:
        """(J, 3, 3) rest rotations as matrices: the columns are the bone's own axes in armature space."""
        return rotations.matrix_from_quaternion(self.rest_rotations)

    @cached_property
    def size(self) -> float:
        """Longest side of the joints' bounding box, 1 where all joints coincide."""
        return float(np.ptp(self.rest_positions, axis=0).max()) or 1.0

    @cached_property
    def twist_axes(self) -> Array:
        """(J, 3) unit direction, armature axes, about which a joint's rotation is called twist.

        Towards the child with the most joints below it (the longest bone where that is a draw); the bone's
        own y axis for a leaf or where that child coincides with the joint.
        """
        axes = self.bone_axes[:, :, 1].copy()
        below = self.is_ancestor.sum(axis=1)
        lengths = np.linalg.norm(self.offsets, axis=1)
        for joint, children in enumerate(self.children):
            if len(children):
                child = max(children, key=lambda c: (below[c], lengths[c]))
                if lengths[child] > 1e-9 * self.size:
                    axes[joint] = self.offsets[child] / lengths[child]
        return axes


def read_only(name: str, values: ArrayLike, shape: tuple[int, ...], dtype: type = np.float64) -> NDArray:
    """A copy that cannot be written to.

    Raises:
        ValueError: another shape; the message gives the name.
    """
    array: NDArray = np.array(values, dtype=dtype)
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}, expected {shape}")
    array.setflags(write=False)
    return array
