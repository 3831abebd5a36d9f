# SPDX-License-Identifier: GPL-3.0-or-later
"""A creature being posed over a clip: turn its bones, move its body, put its feet where they should be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mocapanything_addon.ik.kinematics import Pose, forward
from mocapanything_addon.ik.limits.ranges import inside_limits
from mocapanything_addon.ik.motion import Motion
from mocapanything_addon.ik.rotations import exp
from mocapanything_addon.ik.skeleton import Skeleton

from ..creatures.anatomy import Limb, to_armature
from ..creatures.creature import Creature
from ..creatures.plan import Vec3
from .limb_ik import Goal, reach

Array = NDArray[np.float64]
SLIP = 0.004
"""Body sizes that a planted foot may stray."""


@dataclass(frozen=True, eq=False)
class Clip:
    """A motion of one creature, T frames."""

    name: str
    times: Array
    """(T,) seconds, from 0."""
    motion: Motion
    """Of the creature's rig: rest-relative local rotations (T, J, 3, 3) and the root's translation (T, 3)."""
    feet: tuple[int, ...]
    """Joints that stand on the ground at times."""
    contacts: NDArray[np.bool_]
    """(T, number of feet) where they do."""

    def slip(self, creature: Creature) -> float:
        """How far any planted foot strays from its mean place while it stands, in body sizes."""
        places = forward(Skeleton.from_rig(creature.rig), self.motion).positions
        worst = 0.0
        for k, joint in enumerate(self.feet):
            down = np.concatenate([[0], self.contacts[:, k].astype(int), [0]])
            starts, ends = np.flatnonzero(np.diff(down) > 0), np.flatnonzero(np.diff(down) < 0)
            for start, end in zip(starts, ends, strict=True):
                standing = places[start:end, joint]
                away = np.linalg.norm(standing - standing.mean(axis=0), axis=1)
                worst = max(worst, float(away.max()))
        return worst / creature.rig.size


def gentlest(creature: Creature, perform: Callable[[float], Clip]) -> Clip:
    """``perform(amount)`` with the largest amount, 1 or less, that keeps planted feet in reach."""
    for amount in (1.0, 0.8, 0.6, 0.4, 0.2):
        clip = perform(amount)
        if clip.slip(creature) < SLIP:
            break
    return clip


class Animator:
    """Poses a creature; every method acts on all T frames at once.

    Args:
        creature: Whom.
        times: (T,) seconds.
    """

    def __init__(self, creature: Creature, times: ArrayLike) -> None:
        self.creature = creature
        self.times = np.asarray(times, float)
        self.skeleton = Skeleton.from_rig(creature.rig)
        self._motion = Motion.rest(creature.rig.joint_count, len(self.times))
        self._feet: list[int] = []
        self._contacts: list[NDArray[np.bool_]] = []

    @property
    def frame_count(self) -> int:
        return len(self.times)

    @cached_property
    def leg_length(self) -> float:
        """Mean height of the first joints of the legs; the body's size without legs."""
        legs = self.creature.legs
        if not legs:
            return 0.3 * self.creature.rig.size
        return float(np.mean([self.creature.anatomy.heads[leg.bones[0]][2] for leg in legs]))

    @property
    def pose(self) -> Pose:
        """Where all joints are now."""
        return forward(self.skeleton, self._motion)

    def place_body(self, translation: ArrayLike, rotation: Array) -> None:
        """Set the root's translation (T, 3) from rest and its rotation (T, 3, 3), armature space."""
        local = self._motion.local_rotations.copy()
        local[:, 0] = rotation
        self._motion = Motion(np.broadcast_to(translation, (self.frame_count, 3)).astype(float), local)

    def turn(self, bone: int, axis: Vec3, angle: ArrayLike) -> None:
        """Turn a bone about an axis (forward, left, up) of its parent's rest frame; ``angle`` (T,) radians.

        Mirrored for bones named .R, so that left and right are given alike.
        """
        direction = to_armature(axis)
        if self.creature.anatomy.names[bone].endswith(".R"):
            # A mirrored rotation: the axis is reflected and the sense reversed.
            direction = direction * [1.0, -1.0, -1.0]
        vectors = np.broadcast_to(np.asarray(angle, float), (self.frame_count,))[:, None] * direction
        self._motion.local_rotations[:, bone] = exp(vectors) @ self._motion.local_rotations[:, bone]

    def flex(self, bone: int, angle: ArrayLike) -> None:
        """Turn a bone about its own x axis, its hinge; the same sign bends left and right alike."""
        axis = self.creature.anatomy.axes[bone][:, 0]
        vectors = np.broadcast_to(np.asarray(angle, float), (self.frame_count,))[:, None] * axis
        self._motion.local_rotations[:, bone] = self._motion.local_rotations[:, bone] @ exp(vectors)

    def aim(self, bone: int, direction: ArrayLike) -> None:
        """Turn a bone the shortest way so that it points in a direction.

        (forward, left, up) of its parent's frame, (3,) or (T, 3); mirrored for bones named .R.
        """
        wanted = np.broadcast_to(to_armature(np.asarray(direction, float)), (self.frame_count, 3)).copy()
        if self.creature.anatomy.names[bone].endswith(".R"):
            wanted *= [-1.0, 1.0, 1.0]
        wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
        now = self._motion.local_rotations[:, bone] @ self.creature.anatomy.axes[bone][:, 1]
        axis = np.cross(now, wanted)
        sine = np.linalg.norm(axis, axis=1, keepdims=True)
        angle = np.arctan2(sine[:, 0], (now * wanted).sum(axis=1))
        vectors = axis / np.maximum(sine, 1e-9) * angle[:, None]
        self._motion.local_rotations[:, bone] = exp(vectors) @ self._motion.local_rotations[:, bone]

    def limit(self) -> None:
        """Put every bone inside its limits."""
        self._motion = inside_limits(self.skeleton, self._motion)

    def reach(self, limb: Limb, goals: list[Goal], *, hold: float = 0.02) -> None:
        """Bend a limb so that its joints meet their goals; what is left free stays near the present pose."""
        self._motion = reach(self.skeleton, self._motion, limb.bones, goals, hold=hold)

    def mark_contact(self, joint: int, on_ground: NDArray[np.bool_]) -> None:
        """Note that a joint stands still on the ground in these frames (T,)."""
        self._feet.append(joint)
        self._contacts.append(on_ground)

    def finish(self, name: str) -> Clip:
        """The clip, within limits."""
        self.limit()
        contacts = (
            np.stack(self._contacts, axis=1) if self._contacts else np.zeros((self.frame_count, 0), bool)
        )
        return Clip(name, self.times, self._motion, tuple(self._feet), contacts)
