# SPDX-License-Identifier: GPL-3.0-or-later
"""Four-legged animals, from dogs to horses."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ..parts import chain, numbered, row, standing
from ..plan import BodyPlan, Coat, Kind, Lobe, Ornament, Part, ball, direction, hinge

HOUND_COAT = Coat(
    palette={
        "base": (226, 212, 190),
        "belly": (246, 240, 230),
        "pattern": (122, 68, 34),
        "ear": (92, 50, 28),
        "nose": (28, 24, 24),
        "eye": (20, 14, 10),
        "claw": (50, 42, 38),
    },
    pattern="patches",
    pattern_scale=0.24,
    countershade=0.7,
    mottle=0.12,
    regions=(("ear", "ear"),),
)


@dataclass(frozen=True)
class QuadrupedShape:
    """Proportions in units of the height at the hips; ``height`` is that, in metres."""

    name: str = "hound"
    height: float = 0.62
    trunk: float = 0.94
    trunk_bones: int = 4
    depth: float = 0.225
    """Half height of the chest."""
    width: float = 0.72
    """Width of the trunk relative to its depth."""
    tuck: float = 0.72
    """Depth of the loins relative to the chest."""
    neck: float = 0.46
    neck_bones: int = 2
    neck_pitch: float = 42.0
    neck_thickness: float = 0.112
    head: float = 0.20
    snout: float = 0.20
    head_pitch: float = -14.0
    ear: float = 0.17
    ear_pitch: float = 35.0
    tail: float = 0.62
    tail_bones: int = 4
    tail_pitches: tuple[float, ...] = (150.0, 120.0, 110.0)
    """180 is straight backwards, 90 up, 270 down."""
    tail_thickness: float = 0.04
    leg_thickness: float = 0.054
    stance: float = 0.62
    """Distance of the feet from the middle, relative to the trunk's half width."""
    hoofed: bool = False
    coat: Coat = field(default_factory=lambda: HOUND_COAT)


def quadruped(shape: QuadrupedShape = QuadrupedShape()) -> BodyPlan:
    """A plan in metres."""
    h = shape.height
    chest, wide = shape.depth * h, shape.depth * shape.width * h
    loin, loin_wide = chest * shape.tuck, wide * 0.9
    bones = shape.trunk_bones
    lengths = np.full(bones, shape.trunk * h / bones)
    trunk = row(
        Kind.TRUNK,
        ["hips", *numbered("spine", bones - 2), "chest"],
        list(lengths),
        list(np.linspace(6.0, -5.0, bones)),
        [
            (0.75 * loin_wide, 0.75 * loin),
            *[
                (
                    float(np.interp(t, [0, 0.45, 1], [loin_wide, 0.98 * wide, 0.8 * wide])),
                    float(np.interp(t, [0, 0.35, 0.8, 1], [loin, 0.98 * loin, chest, 0.82 * chest])),
                )
                for t in np.linspace(1 / bones, 1, bones)
            ],
        ],
        [ball(180.0, 180.0), *[ball(18.0, 12.0)] * (bones - 1)],
        curved=True,
    )
    neck_radius = shape.neck_thickness * h
    neck = chain(
        Kind.NECK,
        "neck",
        shape.neck_bones,
        shape.neck * h,
        [shape.neck_pitch - 6, shape.neck_pitch + 6],
        [(0.95 * neck_radius, 1.45 * neck_radius), (0.8 * neck_radius, 0.95 * neck_radius)],
        40.0,
        parent="chest",
        offset=(-0.02 * h, 0.0, 0.045 * h),
        blend=0.14 * h,
    )
    parts = [trunk, neck, *_head(shape)]
    parts.append(
        chain(
            Kind.TAIL,
            "tail",
            shape.tail_bones,
            shape.tail * h,
            shape.tail_pitches,
            [(shape.tail_thickness * h,) * 2, (0.85 * shape.tail_thickness * h,) * 2, (0.014 * h,) * 2],
            40.0,
            parent="hips",
            from_head=True,
            offset=(-0.07 * h, 0.0, 0.06 * h),
            blend=0.05 * h,
        )
    )
    parts += [_hind_leg(shape), _front_leg(shape, trunk)]
    return BodyPlan(shape.name, tuple(parts), shape.coat, _ornaments(shape))


def _head(shape: QuadrupedShape) -> list[Part]:
    h = shape.height
    skull, snout = shape.head * h, shape.snout * h
    out = direction(shape.head_pitch)
    brow, tip = 0.75 * skull * out, (skull + snout) * direction(shape.head_pitch - 4.0)
    muzzle = Lobe(
        0,
        (brow[0], 0.0, brow[2] - 0.08 * skull),
        (tip[0], 0.0, tip[2]),
        (0.36 * skull, 0.30 * skull),
        (0.19 * skull, 0.16 * skull),
        (0.0, 1.0, 0.0),
    )
    head = row(
        Kind.HEAD,
        ["head"],
        [skull],
        [shape.head_pitch],
        [(0.40 * skull, 0.42 * skull), (0.42 * skull, 0.38 * skull)],
        [ball(45.0, 35.0)],
        bulges=[1.2],
        parent=f"neck_{shape.neck_bones}" if shape.neck_bones > 1 else "neck",
        blend=0.06 * h,
    )
    head = replace(head, lobes=(muzzle,))
    jaw = row(
        Kind.JAW,
        ["jaw"],
        [0.95 * snout],
        [shape.head_pitch - 8],
        [(0.24 * skull, 0.13 * skull), (0.15 * skull, 0.08 * skull)],
        [hinge(-2.0, 40.0, 3.0)],
        parent="head",
        offset=(-0.12 * skull, 0.0, -0.27 * skull),
        blend=0.02 * h,
    )
    ear = row(
        Kind.EAR,
        ["ear"],
        [shape.ear * h],
        [shape.ear_pitch],
        [(0.26 * skull, 0.11 * skull), (0.09 * skull, 0.05 * skull)],
        [ball(35.0, 20.0)],
        yaws=[128.0],
        bulges=[1.5],
        parent="head",
        from_head=True,
        offset=(0.22 * skull, 0.27 * skull, 0.36 * skull),
        paired=True,
        bend_axis=(0.9, 0.4, 0.0),
        blend=0.02 * h,
    )
    return [head, jaw, ear]


def _hind_leg(shape: QuadrupedShape) -> Part:
    h, thick = shape.height, shape.leg_thickness * shape.height
    spread = shape.stance * shape.depth * shape.width * h
    leg = row(
        Kind.LEG,
        ["thigh", "shin", "hock", "hind_toe"],
        [0.36, 0.36, 0.26, 0.10],
        [-66.0, -122.0, -86.0, -12.0],
        [
            (1.7 * thick, 2.7 * thick),
            (1.15 * thick, 1.45 * thick),
            (0.62 * thick, 0.72 * thick),
            (0.62 * thick, 0.62 * thick),
            (0.60 * thick, 0.48 * thick),
        ],
        [
            ((-55.0, 60.0), (-15.0, 15.0), (-15.0, 30.0)),
            hinge(-45.0, 75.0),
            hinge(-70.0, 34.0),
            hinge(-65.0, 70.0),
        ],
        bulges=[1.05, 1.18, 1.0, 1.12],
        parent="hips",
        from_head=True,
        offset=(0.05 * h, spread, -0.05 * h),
        paired=True,
        blend=0.07 * h,
    )
    return standing(leg, 0.95 * h - 0.5 * thick)


def _front_leg(shape: QuadrupedShape, trunk: Part) -> Part:
    h, thick = shape.height, shape.leg_thickness * shape.height
    spread = shape.stance * shape.depth * shape.width * h
    rise = sum(s.length * s.direction[2] for s in trunk.segments[:-1])
    leg = row(
        Kind.LEG,
        ["shoulder", "upper_arm", "forearm", "pastern", "front_toe"],
        [0.22, 0.27, 0.36, 0.15, 0.09],
        [-58.0, -122.0, -91.0, -80.0, -10.0],
        [
            (1.0 * thick, 1.8 * thick),
            (1.3 * thick, 1.9 * thick),
            (0.9 * thick, 1.15 * thick),
            (0.60 * thick, 0.62 * thick),
            (0.62 * thick, 0.60 * thick),
            (0.62 * thick, 0.48 * thick),
        ],
        [
            ((-25.0, 25.0), (-6.0, 6.0), (-8.0, 12.0)),
            ((-55.0, 60.0), (-15.0, 15.0), (-15.0, 25.0)),
            hinge(-100.0, 30.0),
            hinge(-30.0, 95.0),
            hinge(-70.0, 65.0),
        ],
        bulges=[1.0, 1.08, 1.12, 1.0, 1.12],
        parent="chest",
        from_head=True,
        offset=(0.5 * trunk.segments[-1].length, spread, 0.09 * h),
        paired=True,
        blend=0.07 * h,
    )
    return standing(leg, (1.0 + 0.09) * h + rise - 0.5 * thick)


def _ornaments(shape: QuadrupedShape) -> tuple[Ornament, ...]:
    skull, snout = shape.head * shape.height, shape.snout * shape.height
    eye, nose = 0.10 * skull, 0.11 * skull
    brow = 0.80 * skull * direction(shape.head_pitch)
    tip = (skull + snout) * direction(shape.head_pitch - 4.0)
    ornaments = [
        Ornament(
            "head",
            (brow[0], 0.05 * skull, brow[2] + 0.05 * skull),
            (0.6 * eye, eye, eye),
            "eye",
            paired=True,
            pitch=28.0,
            yaw=58.0,
            on_skin=True,
        ),
        Ornament(
            "head",
            (tip[0], 0.0, tip[2] + 0.03 * skull),
            (0.6 * nose, nose, 0.8 * nose),
            "nose",
            pitch=shape.head_pitch + 20.0,
            on_skin=True,
        ),
    ]
    if shape.hoofed:
        foot = shape.leg_thickness * shape.height
        ornaments += [
            Ornament(
                toe,
                (0.6 * foot, 0.0, -0.15 * foot),
                (1.2 * foot, 0.75 * foot, 0.55 * foot),
                "claw",
                paired=True,
            )
            for toe in ("front_toe", "hind_toe")
        ]
    return tuple(ornaments)
