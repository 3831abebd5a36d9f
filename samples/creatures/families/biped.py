# SPDX-License-Identifier: GPL-3.0-or-later
"""Upright two-legged figures with arms: people and what looks like them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ..parts import numbered, row, standing
from ..plan import BodyPlan, Coat, Kind, Lobe, Ornament, Part, ball, hinge

JOGGER_COAT = Coat(
    palette={
        "base": (196, 62, 48),
        "pattern": (244, 236, 220),
        "trousers": (46, 62, 104),
        "skin": (222, 172, 138),
        "shoe": (240, 240, 240),
        "sole": (60, 60, 66),
        "hair": (58, 38, 26),
        "eye": (24, 20, 22),
        "lip": (176, 98, 88),
    },
    pattern="bands",
    pattern_scale=0.13,
    countershade=0.0,
    mottle=0.08,
    regions=(
        ("hips", "trousers"),
        ("thigh", "trousers"),
        ("shin", "skin"),
        ("neck", "skin"),
        ("head", "skin"),
        ("forearm", "skin"),
        ("hand", "skin"),
        ("thumb", "skin"),
        ("foot", "shoe"),
        ("toe", "shoe"),
    ),
)


@dataclass(frozen=True)
class BipedShape:
    """Proportions in units of the standing ``height`` (metres)."""

    name: str = "jogger"
    height: float = 1.72
    hips: float = 0.53
    """Height of the hip joints."""
    trunk: float = 0.29
    trunk_bones: int = 4
    girth: float = 1.0
    shoulders: float = 0.105
    """Half the distance between the shoulder joints."""
    arm: float = 0.385
    """Shoulder to finger tips."""
    arm_pitch: float = -48.0
    limb_thickness: float = 0.032
    neck: float = 0.05
    head: float = 0.135
    """Chin to crown."""
    stance: float = 0.052
    coat: Coat = field(default_factory=lambda: JOGGER_COAT)


def biped(shape: BipedShape = BipedShape()) -> BodyPlan:
    """A plan in metres."""
    h, g = shape.height, shape.girth * shape.height
    bones = shape.trunk_bones
    profile = [(0.088, 0.060), (0.080, 0.058), (0.074, 0.054), (0.086, 0.062), (0.060, 0.045)]
    positions = [i * (len(profile) - 1) / bones for i in range(bones + 1)]
    radii = [
        tuple(
            (1 - p % 1) * profile[int(p)][k] * g + (p % 1) * profile[min(int(p) + 1, 4)][k] * g
            for k in (0, 1)
        )
        for p in positions
    ]
    trunk = row(
        Kind.TRUNK,
        ["hips", *numbered("spine", bones - 2), "chest"],
        [shape.trunk * h / bones] * bones,
        [93.0, *[90.0] * (bones - 2), 86.0],
        radii,  # type: ignore[arg-type]
        [ball(180.0, 180.0), *[ball(25.0, 20.0, 18.0)] * (bones - 1)],
        curved=True,
    )
    neck = row(
        Kind.NECK,
        ["neck"],
        [shape.neck * h],
        [80.0],
        [(0.036 * g, 0.036 * g), (0.031 * h, 0.033 * h)],
        [ball(35.0, 40.0)],
        parent="chest",
        blend=0.03 * h,
    )
    parts = [trunk, neck, _head(shape), *_arm(shape), *_leg(shape)]
    return BodyPlan(shape.name, tuple(parts), shape.coat, _ornaments(shape))


def _head(shape: BipedShape) -> Part:
    r = 0.5 * shape.head * shape.height
    head = row(
        Kind.HEAD,
        ["head"],
        [1.5 * r],
        [88.0],
        [(0.52 * r, 0.60 * r), (0.72 * r, 0.84 * r)],
        [ball(40.0, 60.0, 30.0)],
        bulges=[1.13],
        parent="neck",
        blend=0.02 * shape.height,
    )
    nose = Lobe(
        0,
        (0.72 * r, 0, 0.62 * r),
        (0.90 * r, 0, 0.42 * r),
        (0.10 * r, 0.10 * r),
        (0.15 * r, 0.13 * r),
        (0, 1, 0),
    )
    chin = Lobe(
        0,
        (0.1 * r, 0, 0.15 * r),
        (0.55 * r, 0, -0.02 * r),
        (0.42 * r, 0.40 * r),
        (0.32 * r, 0.26 * r),
        (0, 1, 0),
    )
    return replace(head, lobes=(nose, chin))


def _arm(shape: BipedShape) -> list[Part]:
    h, thick = shape.height, shape.limb_thickness * shape.height
    clavicle = 0.75 * shape.shoulders * h
    arm = row(
        Kind.ARM,
        ["shoulder", "upper_arm", "forearm", "hand"],
        [clavicle, 0.40 * shape.arm * h, 0.36 * shape.arm * h, 0.24 * shape.arm * h],
        [2.0, shape.arm_pitch, shape.arm_pitch, shape.arm_pitch],
        [
            (0.9 * thick, 0.9 * thick),
            (1.12 * thick, 1.12 * thick),
            (0.80 * thick, 0.84 * thick),
            (0.52 * thick, 0.62 * thick),
            (0.34 * thick, 0.62 * thick),
        ],
        [
            ((-15.0, 15.0), (-12.0, 12.0), (-25.0, 15.0)),
            ((-100.0, 70.0), (-60.0, 60.0), (-110.0, 70.0)),
            ((-140.0, 2.0), (-60.0, 60.0), (-3.0, 3.0)),
            ((-60.0, 60.0), (-15.0, 15.0), (-30.0, 30.0)),
        ],
        yaws=[92.0, 92.0, 84.0, 82.0],
        bulges=[1.0, 1.06, 1.08, 1.3],
        parent="chest",
        offset=(0.0, 0.25 * shape.shoulders * h, -0.028 * h),
        paired=True,
        bend_axis=(0.0, 0.0, 1.0),
        blend=0.035 * h,
    )
    thumb = row(
        Kind.FEELER,
        ["thumb"],
        [0.10 * shape.arm * h],
        [-30.0],
        [(0.24 * thick, 0.24 * thick), (0.2 * thick, 0.2 * thick)],
        [ball(30.0, 10.0)],
        yaws=[30.0],
        parent="hand",
        from_head=True,
        offset=(0.3 * thick, 0.3 * thick, -0.4 * thick),
        paired=True,
        bend_axis=(0.0, 0.0, 1.0),
        blend=0.012 * h,
    )
    return [arm, thumb]


def _leg(shape: BipedShape) -> list[Part]:
    h, thick = shape.height, shape.limb_thickness * shape.height
    leg = row(
        Kind.LEG,
        ["thigh", "shin", "foot", "toe"],
        [0.48, 0.47, 0.135, 0.07],
        [-87.0, -93.0, -27.0, -2.0],
        [
            (1.65 * thick, 1.75 * thick),
            (1.12 * thick, 1.15 * thick),
            (0.72 * thick, 0.80 * thick),
            (0.82 * thick, 0.52 * thick),
            (0.72 * thick, 0.36 * thick),
        ],
        [
            ((-115.0, 45.0), (-35.0, 35.0), (-25.0, 45.0)),
            hinge(-4.0, 140.0, 3.0),
            ((-40.0, 50.0), (-12.0, 12.0), (-18.0, 18.0)),
            hinge(-60.0, 30.0),
        ],
        bulges=[1.0, 1.12, 1.0, 1.05],
        parent="hips",
        from_head=True,
        offset=(0.0, shape.stance * h, 0.0),
        paired=True,
        blend=0.03 * h,
    )
    leg = standing(leg, shape.hips * h - 0.4 * thick)
    heel = Lobe(
        2,
        (0.0, 0.0, -0.45 * thick),
        (-0.75 * thick, 0.0, -1.28 * thick),
        (0.72 * thick, 0.72 * thick),
        (0.66 * thick, 0.60 * thick),
        (0.0, 1.0, 0.0),
    )
    return [replace(leg, lobes=(heel,))]


def _ornaments(shape: BipedShape) -> tuple[Ornament, ...]:
    r = 0.5 * shape.head * shape.height
    ornaments = [
        Ornament(
            "head",
            (0.35 * r, 0.30 * r, 0.78 * r),
            (0.09 * r, 0.13 * r, 0.09 * r),
            "eye",
            paired=True,
            on_skin=True,
        ),
        Ornament("head", (0.35 * r, 0.0, 0.12 * r), (0.06 * r, 0.24 * r, 0.06 * r), "lip", on_skin=True),
    ]
    if "hair" in shape.coat.palette:
        ornaments.append(
            Ornament("head", (-0.14 * r, 0.0, 1.50 * r), (1.00 * r, 0.88 * r, 0.84 * r), "hair", pitch=28.0)
        )
    return tuple(ornaments)
