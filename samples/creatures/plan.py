# SPDX-License-Identifier: GPL-3.0-or-later
"""A body plan: the parts a creature is made of, before there are joints or a mesh.

A part is a row of bones with flesh along it (a trunk, a neck, a leg, a wing). It grows out of a bone of an
earlier part; a paired part is stated for the left side and mirrored. Directions and offsets are in the body
frame (forward, left, up); pitch is the angle above the horizontal, yaw the angle from forward to the left,
both in degrees. Lengths are metres.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Vec3 = tuple[float, float, float]
Range = tuple[float, float]
BodyLimits = tuple[Range, Range, Range]

FREE: Range = (-180.0, 180.0)
"""A channel without a limit."""


class Kind(StrEnum):
    """What a part is for; motions look parts up by it."""

    TRUNK = "trunk"
    NECK = "neck"
    HEAD = "head"
    JAW = "jaw"
    EAR = "ear"
    TAIL = "tail"
    LEG = "leg"
    ARM = "arm"
    WING = "wing"
    FIN = "fin"
    FEELER = "feeler"


def ball(bend: float, twist: float = 20.0, side: float | None = None) -> BodyLimits:
    """Limits of a joint that bends all ways by ``bend`` degrees (``side`` ways by that)."""
    sideways = bend if side is None else side
    return ((-bend, bend), (-twist, twist), (-sideways, sideways))


def hinge(low: float, high: float, slack: float = 4.0) -> BodyLimits:
    """Limits of a joint that bends about its x axis from ``low`` to ``high`` degrees and hardly otherwise."""
    return ((low, high), (-slack, slack), (-slack, slack))


def direction(pitch: float, yaw: float = 0.0) -> NDArray[np.float64]:
    """(3,) unit vector (forward, left, up) of two angles in degrees."""
    up, left = np.radians(pitch), np.radians(yaw)
    return np.array([np.cos(up) * np.cos(left), np.cos(up) * np.sin(left), np.sin(up)])


@dataclass(frozen=True)
class Segment:
    """One bone of a part."""

    name: str
    length: float
    pitch: float = 0.0
    yaw: float = 0.0
    radius: tuple[float, float] = (0.02, 0.02)
    """Half width (along the bone's x) and half depth (along its z) of the flesh at the bone's end."""
    bulge: float = 1.0
    """Thickness half-way along the bone, relative to the mean of its ends."""
    limits: BodyLimits = field(default_factory=lambda: ball(30.0))
    """Degrees about the bone's own x, y, z, of the left side."""

    @property
    def direction(self) -> NDArray[np.float64]:
        """(3,) unit vector in the body frame."""
        return direction(self.pitch, self.yaw)


@dataclass(frozen=True)
class Lobe:
    """Flesh beside the bones: a muscle, a feather, a fin. Offsets from the bone's head, body frame."""

    segment: int
    """Which bone of the part moves it."""
    start: Vec3
    end: Vec3
    start_radius: tuple[float, float]
    """Half width (along ``wide``) and half thickness."""
    end_radius: tuple[float, float]
    wide: Vec3
    """The direction of the width; the thickness is across it and the lobe's axis."""


@dataclass(frozen=True)
class Part:
    """A row of bones."""

    kind: Kind
    segments: tuple[Segment, ...]
    start_radius: tuple[float, float]
    parent: str = ""
    """Name of the bone it grows from (without .L/.R); empty for the first part, which holds the body root."""
    offset: Vec3 = (0.0, 0.0, 0.0)
    """From the parent bone's end (its head with ``from_head``) to the part's start."""
    from_head: bool = False
    paired: bool = False
    bend_axis: Vec3 = (0.0, 1.0, 0.0)
    """The x axis of its bones before it is made perpendicular to them."""
    blend: float = 0.03
    """Size of the fillet where it grows out of the body."""
    curved: bool = False
    """The flesh follows a smooth curve through the bones instead of the bones themselves."""
    lobes: tuple[Lobe, ...] = ()


@dataclass(frozen=True)
class Ornament:
    """A closed shell of its own that moves with one bone: an eye, a nose, a claw."""

    bone: str
    offset: Vec3
    """Its centre from the bone's head; with ``on_skin`` a point inside the body that it looks out of."""
    radii: Vec3
    """Half sizes along its direction, to its left, up."""
    color: str
    paired: bool = False
    pitch: float = 0.0
    yaw: float = 0.0
    on_skin: bool = False
    """Move it along its direction until its centre lies on the skin."""
    pointed: bool = False
    """A cone with its tip in its direction instead of an ellipsoid."""

    @property
    def direction(self) -> NDArray[np.float64]:
        """(3,) unit vector in the body frame."""
        return direction(self.pitch, self.yaw)


@dataclass(frozen=True)
class Coat:
    """Colours. Names in ``palette`` are free; ``regions`` says which bones wear which of them."""

    palette: dict[str, tuple[int, int, int]]
    """sRGB 0 to 255; needs "base"; "belly" and "pattern" where used."""
    pattern: str = "plain"
    """plain, stripes (across the trunk), rings (around every part), bands (level), spots, patches, saddle."""
    pattern_scale: float = 0.1
    """Size of one mark, metres."""
    countershade: float = 0.6
    """0 to 1: how far the underside goes over to "belly"."""
    mottle: float = 0.10
    """Strength of the fine noise over everything."""
    regions: tuple[tuple[str, str], ...] = ()
    """(start of bone name, palette name): the bone's skin has that colour, without pattern."""


@dataclass(frozen=True)
class BodyPlan:
    """Everything that makes a creature but the seed of its coat."""

    name: str
    parts: tuple[Part, ...]
    coat: Coat
    ornaments: tuple[Ornament, ...] = ()

    def scaled(self, factor: float) -> BodyPlan:
        """The same creature, larger or smaller."""

        def pair(value: tuple[float, float]) -> tuple[float, float]:
            return (value[0] * factor, value[1] * factor)

        def vector(value: Vec3) -> Vec3:
            return (value[0] * factor, value[1] * factor, value[2] * factor)

        parts = tuple(
            replace(
                part,
                segments=tuple(
                    replace(s, length=s.length * factor, radius=pair(s.radius)) for s in part.segments
                ),
                start_radius=pair(part.start_radius),
                offset=vector(part.offset),
                blend=part.blend * factor,
                lobes=tuple(
                    replace(
                        lobe,
                        start=vector(lobe.start),
                        end=vector(lobe.end),
                        start_radius=pair(lobe.start_radius),
                        end_radius=pair(lobe.end_radius),
                    )
                    for lobe in part.lobes
                ),
            )
            for part in self.parts
        )
        ornaments = tuple(replace(o, offset=vector(o.offset), radii=vector(o.radii)) for o in self.ornaments)
        coat = replace(self.coat, pattern_scale=self.coat.pattern_scale * factor)
        return replace(self, parts=parts, ornaments=ornaments, coat=coat)
