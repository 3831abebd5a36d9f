# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinematic tree with what may move and how far."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .kinematic_tree import KinematicTree, read_only
from .linear.block_tree import BlockTree

if TYPE_CHECKING:
    from ..jobs.rig import Rig

Array = NDArray[np.float64]
FULL_TURN = 2.0 * np.pi - 1e-9
LEAST_SWING = 1e-6
"""Radians; a swing that is allowed less is locked."""


class Skeleton(KinematicTree):
    """J joints in one tree or several, in armature space.

    Args:
        names: (J,) for messages only; they need not differ.
        parents: (J,) index of each joint's parent, -1 for a root. Any order. The first root is the body's.
        rest_positions: (J, 3).
        rest_rotations: (J, 4) quaternions (w, x, y, z): the bone's own axes in armature space.
        limits: (J, 3, 2) lowest and highest angle, radians, about the bone's own x, y, z, relative to rest,
            read as Blender reads a Limit Rotation constraint: the rotation is split into Euler angles, x
            applied first, then y, then z. -inf and inf where free; a range of a full turn or more is free.
        locks: (J, 3) True where the Euler angle stays at rest. A joint with three locks turns with its
            parent.
        can_translate: (J,) joints whose distance from their parent is unknown too, and roots that are not
            held in place. None: the roots only; all bones then keep their length.
        swing_limits: (J, 2) of ball joints: how far the bone may swing about its own x and about its own z
            axis, radians, an ellipse for swings about both (limits/cone.py). inf where free.
        twist_limits: (J, 2) of ball joints: lowest and highest turn about the bone's own y axis, its length,
            before the swing, radians. -inf and inf where free.
        translation_limits: (J, 3, 2) lowest and highest translation from rest along the bone's own axes, as
            they are carried by its parent, of joints that can translate. -inf and inf where free.
        translation_locks: (J, 3) True where that translation stays at rest.

    Raises:
        ValueError: the arrays describe no tree, or the limits of a joint contradict each other; the message
            names the joint.
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
        *,
        swing_limits: ArrayLike | None = None,
        twist_limits: ArrayLike | None = None,
        translation_limits: ArrayLike | None = None,
        translation_locks: ArrayLike | None = None,
    ) -> None:
        super().__init__(names, parents, rest_positions, rest_rotations)
        count = self.joint_count
        free = np.array([-np.inf, np.inf])

        def given(name: str, values: ArrayLike | None, default: ArrayLike, *shape: int) -> NDArray:
            filled = np.broadcast_to(default, (count, *shape)) if values is None else values
            return read_only(name, filled, (count, *shape), np.asarray(default).dtype.type)

        self.limits = given("limits", limits, free, 3, 2)
        self.locks = given("locks", locks, np.False_, 3)
        self.can_translate = given("can_translate", can_translate, np.False_)
        if can_translate is None:
            self.can_translate = read_only("can_translate", self.parents < 0, (count,), np.bool_)
        self.swing_limits = given("swing_limits", swing_limits, np.inf, 2)
        self.twist_limits = given("twist_limits", twist_limits, free, 2)
        self.translation_limits = given("translation_limits", translation_limits, free, 3, 2)
        self.translation_locks = given("translation_locks", translation_locks, np.False_, 3)
        self._check_limits()

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

    def _check_limits(self) -> None:
        for name in ("limits", "twist_limits", "translation_limits"):
            ranges = getattr(self, name)
            bad = ~(ranges[..., 0] <= ranges[..., 1]).reshape(self.joint_count, -1).all(axis=1)
            if bad.any():
                raise ValueError(f"{name} of joint {self.label(bad)}: the lowest exceeds the highest")
        bad = ~(self.swing_limits >= 0.0).all(axis=1)
        if bad.any():
            raise ValueError(f"swing_limits of joint {self.label(bad)}: a swing is not negative")
        both = self.is_cone & self.is_limited
        if both.any():
            raise ValueError(
                f"joint {self.label(both)} has limits or locks of Euler angles and of swing and twist: "
                "it can have one kind only"
            )

    # ---- how far joints may turn

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
    def swing_widths(self) -> Array:
        """(J, 2) half axes of the ellipse of swings about x and z; inf where free, 0 where locked."""
        widths = np.where(self.swing_limits >= np.pi, np.inf, self.swing_limits)
        return np.where(widths < LEAST_SWING, 0.0, widths)

    @cached_property
    def twist_ranges(self) -> Array:
        """(J, 2) lowest and highest twist; -inf and inf where free."""
        free = self.twist_limits[:, 1] - self.twist_limits[:, 0] >= FULL_TURN
        return np.where(free[:, None], [-np.inf, np.inf], self.twist_limits)

    @cached_property
    def is_cone(self) -> NDArray[np.bool_]:
        """(J,) swing or twist is bounded: the joint's unknowns are swing and twist, see parameters.py."""
        return np.isfinite(self.swing_widths).any(axis=1) | np.isfinite(self.twist_ranges).any(axis=1)

    @cached_property
    def moving(self) -> NDArray[np.int64]:
        """(M,) joints that have rotation parameters: the root first, then all with an angle that is not
        locked.
        """
        turns = ~self._locked_turns.all(axis=1)
        turns[self.root] = False
        return np.concatenate([[self.root], np.nonzero(turns)[0]])

    @cached_property
    def _locked_turns(self) -> NDArray[np.bool_]:
        """(J, 3) rotation unknowns that never change."""
        locked = self.lowest_angles == self.highest_angles
        swings = self.swing_widths == 0.0
        twist = self.twist_ranges[:, 0] == self.twist_ranges[:, 1]
        return locked | np.stack([swings[:, 0], twist, swings[:, 1]], axis=1)

    # ---- how far they may move

    @cached_property
    def translation_ranges(self) -> Array:
        """(J, 3, 2) lowest and highest translation along the bone's own axes, locks included; 0 for joints
        that cannot translate.
        """
        held = np.clip(0.0, self.translation_limits[..., 0], self.translation_limits[..., 1])
        ranges = np.where(self.translation_locks[..., None], held[..., None], self.translation_limits)
        return np.where(self.can_translate[:, None, None], ranges, 0.0)

    @cached_property
    def moves_in_ranges(self) -> NDArray[np.bool_]:
        """(J,) the joint can translate, and some of its translation is bounded or locked."""
        return self.can_translate & np.isfinite(self.translation_ranges).any(axis=(1, 2))

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

    @cached_property
    def block_tree(self) -> BlockTree:
        """Which block moves with which."""
        return BlockTree(self.block_carries)

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
        """(P,) parameters that never change: locked angles of joints that move about another axis, locked
        translations.
        """
        ranges = self.translation_ranges
        locked = (ranges[..., 0] == ranges[..., 1])[self.block_joints]
        locked[self.rotation_blocks] = self._locked_turns[self.moving]
        return locked.reshape(-1)

    def held_but(self, joints: NDArray[np.intp]) -> NDArray[np.bool_]:
        """(P,) unknowns that keep their value where only some joints may turn, and the root keeps still."""
        free = np.zeros(self.joint_count, bool)
        free[joints] = True
        free[self.root] = False
        held = np.ones(self.parameter_count, bool)
        held[self.rotation_parameters] = np.repeat(~free[self.moving], 3)
        return held
