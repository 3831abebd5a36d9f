# SPDX-License-Identifier: GPL-3.0-or-later
"""From a body plan to bones: names, places, axes and limits, left and right alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .plan import BodyPlan, Kind, Part, Vec3

Array = NDArray[np.float64]
MIRROR = np.array([-1.0, 1.0, 1.0])
"""Reflection that swaps left (+x) and right in armature space."""


def to_armature(vector: Vec3 | Array) -> Array:
    """(forward, left, up) -> armature space, where the creature looks along -y with its left at +x."""
    forward, left, up = np.moveaxis(np.asarray(vector, float), -1, 0)
    return np.stack([left, -forward, up], axis=-1)


@dataclass(frozen=True, eq=False)
class Limb:
    """One grown part: a left leg, the neck. ``bones`` are indices into :class:`Anatomy`."""

    kind: Kind
    side: int
    """+1 left, -1 right, 0 in the middle."""
    bones: tuple[int, ...]
    """From the body outwards."""
    part: int
    """Index of the part in the plan."""


@dataclass(frozen=True, eq=False)
class Anatomy:
    """B bones in armature space; parents before children; bone 0 is the body root."""

    names: tuple[str, ...]
    parents: NDArray[np.int32]
    heads: Array
    """(B, 3)."""
    tails: Array
    """(B, 3)."""
    axes: Array
    """(B, 3, 3) columns are the bone's x, y, z; y points from head to tail."""
    limits: Array
    """(B, 3, 2) radians, infinite where free."""
    limbs: tuple[Limb, ...]


def grow_anatomy(plan: BodyPlan) -> Anatomy:
    """Lay out the bones of a plan. Raises ValueError for a parent that is not there."""
    names: list[str] = []
    parents: list[int] = []
    heads: list[Array] = []
    tails: list[Array] = []
    axes: list[Array] = []
    limits: list[Array] = []
    limbs: list[Limb] = []

    def parent_of(part: Part, suffix: str) -> int:
        for candidate in (part.parent + suffix, part.parent):
            if candidate in names:
                return names.index(candidate)
        raise ValueError(f'part "{part.segments[0].name}" grows from "{part.parent}"; bones so far: {names}')

    for part_index, part in enumerate(plan.parts):
        for side in (1, -1) if part.paired else (0,):
            suffix = {1: ".L", -1: ".R", 0: ""}[side]
            mirror = MIRROR if side < 0 else np.ones(3)
            start = to_armature(part.offset) * mirror
            parent = -1
            if part.parent:
                parent = parent_of(part, suffix)
                start = start + (heads if part.from_head else tails)[parent]
            bones = []
            for segment in part.segments:
                direction = to_armature(segment.direction) * mirror
                names.append(segment.name + suffix)
                parents.append(parent)
                heads.append(start)
                tails.append(start + segment.length * direction)
                axes.append(_bone_axes(direction, to_armature(part.bend_axis), side))
                limits.append(_limits(segment.limits, side))
                parent = len(names) - 1
                start = tails[-1]
                bones.append(parent)
            limbs.append(Limb(part.kind, side, tuple(bones), part_index))
    return Anatomy(
        tuple(names),
        np.array(parents, np.int32),
        np.array(heads),
        np.array(tails),
        np.array(axes),
        np.array(limits),
        tuple(limbs),
    )


def _bone_axes(direction: Array, bend_axis: Array, side: int) -> Array:
    """Columns x, y, z. A right bone's x is the left one's mirrored and negated, as Blender's Symmetrize does,
    so that the same angle about x bends both alike and angles about y and z change sign.
    """
    x = -bend_axis * MIRROR if side < 0 else bend_axis
    x = x - direction * (x @ direction)
    if np.linalg.norm(x) < 1e-6:
        raise ValueError("a bone must not point along its own bend axis")
    x = x / np.linalg.norm(x)
    return np.stack([x, direction, np.cross(x, direction)], axis=1)


def _limits(degrees: object, side: int) -> Array:
    """(3, 2) radians; 180 degrees and more is free. Mirrored for the right side."""
    values = np.array(degrees, float)
    if side < 0:
        values[1:] = -values[1:, ::-1]
    free = np.abs(values) >= 180.0
    return np.where(free, np.copysign(np.inf, values), np.radians(values))
