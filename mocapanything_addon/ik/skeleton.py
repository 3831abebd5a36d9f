# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinematic tree: rest pose, what may move and how far."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import rotations

if TYPE_CHECKING:
    from ..jobs.rig import Rig

Array = NDArray[np.float64]
FULL_TURN = 2.0 * np.pi - 1e-9


class Skeleton:
    """J joints in one tree, in armature space.

    Args:
        names: (J,) for messages only; they need not differ.
        parents: (J,) index of each joint's parent, -1 for exactly one joint, the root. Any order.
        rest_positions: (J, 3).
        rest_rotations: (J, 4) quaternions (w, x, y, z): the bone's own axes in armature space.
        limits: (J, 3, 2) lowest and highest angle, radians, about the bone's own x, y, z, relative to rest,
            read as Blender reads a Limit Rotation constraint: the rotation is split into Euler angles, x
            applied first, then y, then z. -inf and inf where free; a range of a full turn or more is free.
        locks: (J, 3) True where the Euler angle stays at rest. A joint with three locks turns with its
            parent.
        can_translate: (J,) joints whose distance from their parent is unknown too. None: the root only; all
            bones then keep their length.

    Raises:
        ValueError: the arrays do not describe one tree; the message names the joint.
    """

    def __init__(
        self,
        names: Sequence[str],
        parents: ArrayLike,
        rest_positions: ArrayLike,
        rest_rotations: ArrayLike,
        limits: ArrayLike | None = None,
        locks: ArrayLike | None = None,
        can_translate: ArrayLike | None = None,
    ) -> None:
        self.names = tuple(names)
        count = len(self.names)
        if count == 0:
            raise ValueError("a skeleton needs at least one joint")
        self.parents = _array("parents", parents, (count,), np.int64)
        self.rest_positions = _array("rest_positions", rest_positions, (count, 3))
        self.rest_rotations = _array("rest_rotations", rest_rotations, (count, 4))
        unlimited = np.broadcast_to([-np.inf, np.inf], (count, 3, 2))
        self.limits = _array("limits", unlimited if limits is None else limits, (count, 3, 2))
        self.locks = _array("locks", np.zeros((count, 3)) if locks is None else locks, (count, 3), np.bool_)
        if can_translate is None:
            can_translate = self.parents < 0
        self.can_translate = _array("can_translate", can_translate, (count,), np.bool_)
        self._check()

    @classmethod
    def from_rig(cls, rig: Rig, translating: Sequence[int] = ()) -> Skeleton:
        """The rig's joints with the artist's limits and locks; a tail joint turns with its bone.

        Args:
            rig: as read.
            translating: joints that may move away from their parent, where the rig allows it. Rigs have many
                unconnected bones that should keep their place all the same, so by default roots only.
        """
        asked = rig.parents < 0
        asked[list(translating)] = True
        return cls(
            rig.joint_names,
            rig.parents,
            rig.rest_positions,
            rig.rest_rotations,
            limits=rig.limits,
            locks=rig.locked_rotation | rig.is_tail[:, None],
            can_translate=rig.can_translate & asked,
        )

    def _check(self) -> None:
        for name in ("rest_positions", "rest_rotations"):
            bad = ~np.isfinite(getattr(self, name)).all(axis=1)
            if bad.any():
                raise ValueError(f"{name} of joint {self._label(int(bad.argmax()))} is not finite")
        roots = np.nonzero(self.parents < 0)[0]
        if len(roots) != 1:
            found = ", ".join(self._label(int(j)) for j in roots[:5]) or "none"
            raise ValueError(f"exactly one joint must have parent -1; found {len(roots)}: {found}")
        beyond = self.parents >= self.joint_count
        if beyond.any():
            raise ValueError(f"the parent of joint {self._label(int(beyond.argmax()))} does not exist")
        if (self.depths < 0).any():
            raise ValueError(f"joint {self._label(int((self.depths < 0).argmax()))} is its own ancestor")
        if np.isnan(self.limits).any() or (self.limits[..., 0] > self.limits[..., 1]).any():
            bad = ~(self.limits[..., 0] <= self.limits[..., 1]).all(axis=1)
            raise ValueError(
                f"limits of joint {self._label(int(bad.argmax()))}: the lowest angle exceeds the highest"
            )
        zero = np.linalg.norm(self.rest_rotations, axis=1) == 0.0
        if zero.any():
            raise ValueError(f"rest_rotations of joint {self._label(int(zero.argmax()))} has length 0")

    def _label(self, joint: int) -> str:
        return f"{joint} ({self.names[joint]!r})"

    # ---- the tree

    @property
    def joint_count(self) -> int:
        return len(self.names)

    @cached_property
    def root(self) -> int:
        return int(self.parents.argmin())

    @cached_property
    def depths(self) -> NDArray[np.int64]:
        """(J,) generations below the root; -1 where the chain of parents never reaches it."""
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
        """(J, 3) rest offset from the parent, armature axes; zero for the root."""
        offsets = self.rest_positions - self.rest_positions[np.maximum(self.parents, 0)]
        offsets[self.root] = 0.0
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

    # ---- what may move

    @cached_property
    def lowest_angles(self) -> Array:
        """(J, 3) Euler angles of the bone's own axes, locks included; -inf where free."""
        return self._angle_bounds[0]

    @cached_property
    def highest_angles(self) -> Array:
        """(J, 3) see :attr:`lowest_angles`."""
        return self._angle_bounds[1]

    @cached_property
    def _angle_bounds(self) -> tuple[Array, Array]:
        lowest, highest = self.limits[..., 0].copy(), self.limits[..., 1].copy()
        free = highest - lowest >= FULL_TURN
        lowest[free], highest[free] = -np.inf, np.inf
        held = np.clip(0.0, lowest, highest)
        return np.where(self.locks, held, lowest), np.where(self.locks, held, highest)

    @cached_property
    def is_limited(self) -> NDArray[np.bool_]:
        """(J,) some angle is bounded or locked: the joint's unknowns are Euler angles, see parameters.py."""
        return (np.isfinite(self.lowest_angles) | np.isfinite(self.highest_angles)).any(axis=1)

    @cached_property
    def moving(self) -> NDArray[np.int64]:
        """(M,) joints that have parameters: the root first, then all with an angle that is not locked."""
        turns = (self.lowest_angles < self.highest_angles).any(axis=1)
        turns[self.root] = False
        return np.concatenate([[self.root], np.nonzero(turns)[0]])

    # ---- the unknowns: B blocks of three

    @cached_property
    def translating(self) -> NDArray[np.int64]:
        """(N,) joints other than the root that change their distance from their parent."""
        translates = self.can_translate.copy()
        translates[self.root] = False
        return np.nonzero(translates)[0]

    @cached_property
    def block_joints(self) -> NDArray[np.int64]:
        """(B,) the joint of each block: the root (its translation), the M of :attr:`moving` (their
        rotations), then the N of :attr:`translating` (their translations). B = 1 + M + N.
        """
        return np.concatenate([[self.root], self.moving, self.translating])

    @cached_property
    def block_translates(self) -> NDArray[np.bool_]:
        """(B,) the block's unknowns move its joint; otherwise they turn it."""
        translates = np.ones(self.block_count, bool)
        translates[self.rotation_blocks] = False
        return translates

    @cached_property
    def block_carries(self) -> NDArray[np.bool_]:
        """(B, J) the block moves body j: its joint's own and all below."""
        return self.is_ancestor[self.block_joints]

    @property
    def block_count(self) -> int:
        return len(self.block_joints)

    @property
    def rotation_blocks(self) -> slice:
        """Those of the M moving joints."""
        return slice(1, 1 + len(self.moving))

    @property
    def parameter_count(self) -> int:
        """P = 3 B."""
        return 3 * self.block_count

    @property
    def rotation_parameters(self) -> slice:
        """Those of the M moving joints."""
        return slice(3, 3 + 3 * len(self.moving))

    @cached_property
    def first_parameter(self) -> NDArray[np.int64]:
        """(J,) index of a joint's first of three rotation parameters, -1 where it has none; the root's is
        3.
        """
        result = np.full(self.joint_count, -1)
        result[self.moving] = 3 + 3 * np.arange(len(self.moving))
        return result

    @cached_property
    def first_translation_parameter(self) -> NDArray[np.int64]:
        """(J,) index of a joint's first of three translation parameters, -1 where it has none; the root's
        is 0.
        """
        result = np.full(self.joint_count, -1)
        result[self.root] = 0
        result[self.translating] = 3 * (1 + len(self.moving) + np.arange(len(self.translating)))
        return result

    @cached_property
    def locked_parameters(self) -> NDArray[np.bool_]:
        """(P,) parameters that never change: locked angles of joints that move about another axis, the
        translation of a root that may not move.
        """
        locked = np.zeros((self.block_count, 3), bool)
        locked[0] = not self.can_translate[self.root]
        locked[self.rotation_blocks] = (self.lowest_angles == self.highest_angles)[self.moving]
        return locked.reshape(-1)


def _array(name: str, values: ArrayLike, shape: tuple[int, ...], dtype: type = np.float64) -> NDArray:
    array: NDArray = np.array(values, dtype=dtype)
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}, expected {shape}")
    array.setflags(write=False)
    return array
