# SPDX-License-Identifier: GPL-3.0-or-later
"""Sprawling lizards and two-legged dinosaurs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ..parts import chain, numbered, row, standing
from ..plan import BodyPlan, Coat, Kind, Lobe, Ornament, Part, ball, direction, hinge

LIZARD_COAT = Coat(
    palette={
        "base": (104, 142, 74),
        "belly": (222, 214, 160),
        "pattern": (52, 78, 46),
        "eye": (24, 20, 10),
    },
    pattern="stripes",
    pattern_scale=0.11,
    countershade=0.8,
    mottle=0.2,
)


@dataclass(frozen=True)
class LizardShape:
    """Proportions in units of the trunk's ``length``, metres."""

    name: str = "lizard"
    length: float = 0.6
    trunk_bones: int = 5
    width: float = 0.16
    depth: float = 0.12
    neck: float = 0.2
    head: float = 0.26
    tail: float = 1.3
    tail_bones: int = 8
    leg: float = 0.26
    """Reach of a leg to the side."""
    height: float = 0.24
    """Of the body above the ground."""
    leg_thickness: float = 0.045
    coat: Coat = field(default_factory=lambda: LIZARD_COAT)


def lizard(shape: LizardShape = LizardShape()) -> BodyPlan:
    """A plan in metres."""
    u, wide, deep = shape.length, shape.width * shape.length, shape.depth * shape.length
    bones = shape.trunk_bones
    trunk = row(
        Kind.TRUNK,
        ["hips", *numbered("spine", bones - 2), "chest"],
        [u / bones] * bones,
        [0.0] * bones,
        [
            (0.66 * wide, 0.8 * deep),
            *[(0.95 * wide, deep)] * (bones - 1),
            (0.66 * wide, 0.78 * deep),
        ],
        [ball(180.0, 180.0), *[ball(14.0, 10.0, 24.0)] * (bones - 1)],
        curved=True,
    )
    neck = chain(
        Kind.NECK,
        "neck",
        2,
        shape.neck * u,
        [12.0, 4.0],
        [(0.62 * wide, 0.72 * deep), (0.5 * wide, 0.58 * deep)],
        35.0,
        parent="chest",
        blend=0.06 * u,
    )
    tail = chain(
        Kind.TAIL,
        "tail",
        shape.tail_bones,
        shape.tail * u,
        [186.0, 180.0],
        [(0.6 * wide, 0.74 * deep), (0.34 * wide, 0.4 * deep), (0.06 * wide, 0.08 * deep)],
        30.0,
        parent="hips",
        from_head=True,
        blend=0.06 * u,
    )
    parts = [trunk, neck, *reptile_head(shape.head * u, 0.5 * wide, 0.55 * deep, "neck_2"), tail]
    for name, parent, ahead, side in (("front", "chest", 0.8, 1.0), ("hind", "hips", 0.3, -1.0)):
        parts.append(_sprawling_leg(shape, name, parent, ahead * u / bones, side))
    return BodyPlan(shape.name, tuple(parts), shape.coat, reptile_eyes(shape.head * u))


def reptile_head(length: float, wide: float, deep: float, parent: str, pitch: float = 0.0) -> list[Part]:
    """A wedge with a jaw."""
    head = row(
        Kind.HEAD,
        ["head"],
        [length],
        [pitch],
        [(wide, deep), (0.45 * wide, 0.38 * deep)],
        [ball(40.0, 30.0)],
        bulges=[1.3],
        parent=parent,
        blend=0.5 * deep,
    )
    jaw = row(
        Kind.JAW,
        ["jaw"],
        [0.86 * length],
        [pitch - 3.0],
        [(0.85 * wide, 0.34 * deep), (0.38 * wide, 0.2 * deep)],
        [hinge(-2.0, 40.0, 2.0)],
        bulges=[1.15],
        parent="head",
        from_head=True,
        offset=(0.12 * length, 0.0, -0.52 * deep),
        blend=0.2 * deep,
    )
    return [head, jaw]


def reptile_eyes(length: float, pitch: float = 0.0) -> tuple[Ornament, ...]:
    """One each side, high on the head."""
    at = 0.5 * length * direction(pitch)
    size = 0.075 * length
    return (
        Ornament(
            "head",
            (at[0], 0.0, at[2] + 0.03 * length),
            (0.7 * size, size, size),
            "eye",
            paired=True,
            yaw=62.0,
            pitch=34.0,
            on_skin=True,
        ),
    )


def _sprawling_leg(shape: LizardShape, name: str, parent: str, ahead: float, side: float) -> Part:
    u, thick = shape.length, shape.leg_thickness * shape.length
    leg = row(
        Kind.LEG,
        [f"{name}_upper", f"{name}_lower", f"{name}_foot"],
        [0.55 * shape.leg * u, 0.5 * shape.leg * u, 0.36 * shape.leg * u],
        [-4.0, -72.0, -3.0],
        [
            (1.3 * thick, 1.5 * thick),
            (thick, 1.1 * thick),
            (0.75 * thick, 0.75 * thick),
            (0.9 * thick, 0.4 * thick),
        ],
        [
            ((-50.0, 50.0), (-45.0, 45.0), (-45.0, 45.0)),
            ((-60.0, 60.0), (-45.0, 45.0), (-30.0, 30.0)),
            ((-60.0, 60.0), (-30.0, 30.0), (-40.0, 40.0)),
        ],
        yaws=[90.0 - 14.0 * side, 76.0, 34.0],
        bulges=[1.1, 1.1, 1.1],
        parent=parent,
        from_head=True,
        offset=(ahead, 0.6 * shape.width * u, -0.15 * shape.depth * u),
        paired=True,
        bend_axis=(-1.0, 0.0, 0.0),
        blend=0.05 * u,
    )
    drop = (shape.height - 0.15 * shape.depth) * u
    lower = standing(replace(leg, segments=leg.segments[1:2]), max(drop - 0.5 * thick, 0.05 * u))
    return replace(leg, segments=(leg.segments[0], lower.segments[0], leg.segments[2]))


RAPTOR_COAT = Coat(
    palette={
        "base": (150, 104, 66),
        "belly": (226, 206, 168),
        "pattern": (66, 50, 46),
        "eye": (220, 170, 30),
        "claw": (40, 36, 34),
    },
    pattern="stripes",
    pattern_scale=0.15,
    countershade=0.8,
    mottle=0.18,
)


@dataclass(frozen=True)
class RaptorShape:
    """Proportions in units of the ``height`` of the hips, metres."""

    name: str = "raptor"
    height: float = 0.9
    trunk: float = 0.66
    trunk_bones: int = 4
    trunk_pitch: float = 12.0
    depth: float = 0.17
    width: float = 0.13
    neck: float = 0.46
    neck_bones: int = 3
    neck_pitch: float = 58.0
    head: float = 0.34
    tail: float = 1.25
    tail_bones: int = 7
    arm: float = 0.42
    leg_thickness: float = 0.06
    stance: float = 0.11
    coat: Coat = field(default_factory=lambda: RAPTOR_COAT)


def raptor(shape: RaptorShape = RaptorShape()) -> BodyPlan:
    """A plan in metres."""
    h, wide, deep = shape.height, shape.width * shape.height, shape.depth * shape.height
    bones, pitch = shape.trunk_bones, shape.trunk_pitch
    trunk = row(
        Kind.TRUNK,
        ["hips", *numbered("spine", bones - 2), "chest"],
        [shape.trunk * h / bones] * bones,
        [pitch - 4.0, *[pitch] * (bones - 2), pitch + 10.0],
        [(0.8 * wide, 0.86 * deep), *[(0.95 * wide, deep)] * (bones - 1), (0.66 * wide, 0.62 * deep)],
        [ball(180.0, 180.0), *[ball(15.0, 10.0)] * (bones - 1)],
        curved=True,
    )
    neck = chain(
        Kind.NECK,
        "neck",
        shape.neck_bones,
        shape.neck * h,
        [shape.neck_pitch, shape.neck_pitch - 8.0],
        [(0.62 * wide, 0.6 * deep), (0.42 * wide, 0.36 * deep)],
        35.0,
        parent="chest",
        blend=0.09 * h,
    )
    tail = chain(
        Kind.TAIL,
        "tail",
        shape.tail_bones,
        shape.tail * h,
        [184.0, 178.0],
        [(0.72 * wide, 0.74 * deep), (0.4 * wide, 0.4 * deep), (0.08 * wide, 0.08 * deep)],
        22.0,
        parent="hips",
        from_head=True,
        blend=0.08 * h,
    )
    top = f"neck_{shape.neck_bones}" if shape.neck_bones > 1 else "neck"
    parts = [trunk, neck, *reptile_head(shape.head * h, 0.5 * wide, 0.46 * deep, top, -10.0), tail]
    parts += [_striding_leg(shape), *_small_arm(shape)]
    return BodyPlan(shape.name, tuple(parts), shape.coat, reptile_eyes(shape.head * h, -10.0))


def _striding_leg(shape: RaptorShape) -> Part:
    h, thick = shape.height, shape.leg_thickness * shape.height
    leg = row(
        Kind.LEG,
        ["thigh", "shin", "shank", "toe"],
        [0.36, 0.42, 0.32, 0.20],
        [-58.0, -118.0, -70.0, -6.0],
        [
            (1.5 * thick, 2.4 * thick),
            (1.1 * thick, 1.5 * thick),
            (0.62 * thick,) * 2,
            (0.62 * thick,) * 2,
            (0.5 * thick, 0.34 * thick),
        ],
        [
            ((-60.0, 60.0), (-15.0, 15.0), (-15.0, 30.0)),
            hinge(-55.0, 70.0),
            hinge(-75.0, 45.0),
            hinge(-60.0, 80.0),
        ],
        bulges=[1.1, 1.15, 1.0, 1.1],
        parent="hips",
        from_head=True,
        offset=(0.06 * h, shape.stance * h, -0.04 * h),
        paired=True,
        blend=0.07 * h,
    )
    leg = standing(leg, 0.96 * h - 0.6 * thick)
    toe = leg.segments[-1].length
    toes = tuple(
        Lobe(
            3,
            (0.0, 0.0, 0.0),
            tuple(float(x) for x in 0.85 * toe * direction(-6.0, yaw)),  # type: ignore[arg-type]
            (0.5 * thick, 0.45 * thick),
            (0.34 * thick, 0.3 * thick),
            (0.0, 1.0, 0.0),
        )
        for yaw in (32.0, -32.0)
    )
    return replace(leg, lobes=toes)


def _small_arm(shape: RaptorShape) -> list[Part]:
    h, thick = shape.height, 0.45 * shape.leg_thickness * shape.height
    if shape.arm <= 0.05:
        return []
    return [
        row(
            Kind.ARM,
            ["upper_arm", "forearm", "hand"],
            [0.4 * shape.arm * h, 0.36 * shape.arm * h, 0.24 * shape.arm * h],
            [-112.0, -40.0, -52.0],
            [(1.4 * thick,) * 2, (thick,) * 2, (0.8 * thick,) * 2, (0.7 * thick, 0.4 * thick)],
            [ball(60.0, 20.0, 35.0), hinge(-70.0, 70.0), ball(50.0, 20.0)],
            parent="chest",
            from_head=True,
            offset=(
                0.7 * shape.trunk * h / shape.trunk_bones,
                0.85 * shape.width * h,
                -0.45 * shape.depth * h,
            ),
            paired=True,
            blend=0.04 * h,
        )
    ]
