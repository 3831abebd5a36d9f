# SPDX-License-Identifier: GPL-3.0-or-later
"""Birds and other winged two-legged creatures."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ..parts import chain, row, standing
from ..plan import BodyPlan, Coat, Kind, Lobe, Ornament, Part, ball, direction, hinge

GULL_COAT = Coat(
    palette={
        "base": (226, 228, 232),
        "belly": (246, 246, 242),
        "pattern": (120, 132, 150),
        "tip": (34, 34, 40),
        "leg": (226, 150, 60),
        "beak": (236, 176, 52),
        "eye": (20, 18, 22),
    },
    pattern="saddle",
    pattern_scale=0.10,
    countershade=0.9,
    mottle=0.12,
    regions=(("shank", "leg"), ("toe", "leg"), ("wing_tip", "tip")),
)


@dataclass(frozen=True)
class BirdShape:
    """Proportions in units of ``length``, breast to rump in metres."""

    name: str = "gull"
    length: float = 0.42
    trunk_pitch: float = 14.0
    girth: float = 0.25
    """Half width of the body at its thickest."""
    neck: float = 0.30
    neck_bones: int = 2
    head: float = 0.115
    """Radius of the skull."""
    beak: float = 0.24
    wing: float = 1.30
    """Length of one wing."""
    wing_bones: int = 4
    chord: float = 0.46
    """Depth of the wing."""
    tail: float = 0.46
    tail_fan: float = 24.0
    """Half angle of the fan, degrees."""
    leg: float = 0.52
    """Height of the hips above the ground."""
    stance: float = 0.12
    coat: Coat = field(default_factory=lambda: GULL_COAT)


def bird(shape: BirdShape = BirdShape()) -> BodyPlan:
    """A plan in metres."""
    u, girth, pitch = shape.length, shape.girth * shape.length, shape.trunk_pitch
    trunk = row(
        Kind.TRUNK,
        ["hips", "spine", "chest"],
        [0.30 * u, 0.30 * u, 0.30 * u],
        [pitch, pitch + 3, pitch + 10],
        [
            (0.55 * girth, 0.50 * girth),
            (0.95 * girth, 0.92 * girth),
            (girth, 1.02 * girth),
            (0.66 * girth,) * 2,
        ],
        [ball(180.0, 180.0), ball(12.0, 10.0), ball(12.0, 10.0)],
        curved=True,
    )
    neck = chain(
        Kind.NECK,
        "neck",
        shape.neck_bones,
        shape.neck * u,
        [pitch + 30, pitch + 44, pitch + 10],
        [(0.62 * girth, 0.64 * girth), (0.42 * girth, 0.46 * girth), (0.36 * girth, 0.38 * girth)],
        60.0,
        parent="chest",
        offset=(-0.03 * u, 0.0, 0.02 * u),
        blend=0.12 * u,
    )
    skull = shape.head * u
    head = row(
        Kind.HEAD,
        ["head"],
        [1.5 * skull],
        [0.0],
        [(0.80 * skull, 0.80 * skull), (0.58 * skull, 0.55 * skull)],
        [ball(60.0, 50.0)],
        bulges=[1.25],
        parent=f"neck_{shape.neck_bones}" if shape.neck_bones > 1 else "neck",
        blend=0.05 * u,
    )
    jaw = row(
        Kind.JAW,
        ["jaw"],
        [0.9 * shape.beak * u],
        [-8.0],
        [(0.30 * skull, 0.20 * skull), (0.10 * skull, 0.08 * skull)],
        [hinge(-2.0, 30.0, 2.0)],
        parent="head",
        offset=(-0.2 * skull, 0.0, -0.26 * skull),
        blend=0.01 * u,
    )
    parts = [trunk, neck, head, jaw, _tail(shape), *_wing(shape), _leg(shape)]
    return BodyPlan(shape.name, tuple(parts), shape.coat, _ornaments(shape))


def _tail(shape: BirdShape) -> Part:
    u, girth = shape.length, shape.girth * shape.length
    tail = row(
        Kind.TAIL,
        ["tail_base", "tail_fan"],
        [0.3 * shape.tail * u, 0.7 * shape.tail * u],
        [176.0, 178.0],
        [(0.5 * girth, 0.4 * girth), (0.36 * girth, 0.16 * girth), (0.2 * girth, 0.05 * girth)],
        [ball(30.0, 25.0), ball(30.0, 25.0)],
        parent="hips",
        from_head=True,
        blend=0.08 * u,
    )
    feathers = []
    for angle in np.linspace(-shape.tail_fan, shape.tail_fan, 5):
        tip = 0.72 * shape.tail * u * direction(178.0, 0.0)
        turn = np.radians(angle)
        end = (tip[0] * np.cos(turn), -tip[0] * np.sin(turn), tip[2])
        feathers.append(
            Lobe(
                1,
                (0.0, 0.0, 0.0),
                end,
                (0.16 * girth, 0.05 * girth),
                (0.26 * girth, 0.035 * girth),
                (0, 1, 0),
            )
        )
    return replace(tail, lobes=tuple(feathers))


def _wing(shape: BirdShape) -> list[Part]:
    u, girth, n = shape.length, shape.girth * shape.length, shape.wing_bones
    names = ["upper_wing", "forewing", *[f"hand_{i + 1}" for i in range(n - 3)], "wing_tip"]
    shares = np.array([0.24, 0.30, *[0.22 / max(n - 3, 1)] * (n - 3), 0.24])
    lengths = shares / shares.sum() * shape.wing * u
    yaws = [104.0, 78.0, *np.linspace(92.0, 102.0, n - 2)]
    wing = row(
        Kind.WING,
        names,
        list(lengths),
        [6.0, 4.0, *[0.0] * (n - 2)],
        [
            (0.30 * girth, 0.24 * girth),
            (0.22 * girth, 0.15 * girth),
            *[(0.15 * girth, 0.09 * girth)] * (n - 2),
            (0.08 * girth, 0.05 * girth),
        ],
        [
            ((-75.0, 75.0), (-50.0, 50.0), (-60.0, 80.0)),
            ((-40.0, 40.0), (-25.0, 25.0), (-120.0, 15.0)),
            *[((-35.0, 35.0), (-25.0, 25.0), (-20.0, 90.0))] * (n - 2),
        ],
        yaws=yaws,
        parent="chest",
        from_head=True,
        offset=(0.12 * u, 0.55 * girth, 0.55 * girth),
        paired=True,
        bend_axis=(1.0, 0.0, 0.0),
        blend=0.06 * u,
    )
    return [replace(wing, lobes=tuple(_feathers(shape, lengths, yaws)))]


def _feathers(shape: BirdShape, lengths: np.ndarray, yaws: list[float]) -> list[Lobe]:
    """Flat lobes behind the wing's bones; those of the tip fan outwards."""
    u, n = shape.length, len(lengths)
    chord, thick = shape.chord * u, 0.014 * u
    lobes = []
    for bone in range(n):
        along = direction(0.0, yaws[bone])
        count = 3 if bone < n - 1 else 4
        for i in range(count):
            share = (i + 0.5) / count
            start = along * lengths[bone] * share
            reach = chord * (1.0 - 0.25 * share * (bone == 0))
            outward = 178.0 - 6.0 * bone
            if bone == n - 1:
                outward = 166.0 - 56.0 * share
                reach = chord * (1.02 - 0.15 * share)
            end = start + reach * direction(-2.0, outward)
            width = 0.62 * lengths[bone] / count + 0.03 * u
            lobes.append(
                Lobe(
                    bone,
                    (float(start[0]), float(start[1]), float(start[2])),
                    (float(end[0]), float(end[1]), float(end[2])),
                    (width, thick),
                    (0.62 * width, 0.7 * thick),
                    (0.0, 1.0, 0.0) if abs(np.sin(np.radians(outward))) < 0.9 else (1.0, 0.0, 0.0),
                )
            )
    return lobes


def _leg(shape: BirdShape) -> Part:
    u, girth = shape.length, shape.girth * shape.length
    thin = 0.028 * u
    leg = row(
        Kind.LEG,
        ["thigh", "shin", "shank", "toe"],
        [0.26, 0.40, 0.36, 0.24],
        [-35.0, -118.0, -72.0, -6.0],
        [
            (0.36 * girth, 0.42 * girth),
            (0.22 * girth, 0.26 * girth),
            (thin, thin),
            (thin, thin),
            (0.8 * thin, 0.6 * thin),
        ],
        [
            ((-60.0, 60.0), (-15.0, 15.0), (-20.0, 25.0)),
            hinge(-60.0, 60.0),
            hinge(-90.0, 60.0),
            hinge(-70.0, 90.0),
        ],
        bulges=[1.1, 1.0, 1.0, 1.0],
        parent="hips",
        offset=(-0.12 * u, shape.stance * u, -0.35 * girth),
        paired=True,
        blend=0.05 * u,
    )
    leg = standing(leg, shape.leg * u - thin)
    toe = leg.segments[-1].length
    toes = [
        Lobe(
            3,
            (0.0, 0.0, 0.0),
            (float(end[0]), float(end[1]), float(end[2])),
            (thin, thin),
            (0.6 * thin, 0.6 * thin),
            (0.0, 1.0, 0.0) if abs(end[0]) > abs(end[1]) else (1.0, 0.0, 0.0),
        )
        for end in (
            0.85 * toe * direction(-6.0, 35.0),
            0.85 * toe * direction(-6.0, -35.0),
            0.55 * toe * direction(-10.0, 180.0),
        )
    ]
    return replace(leg, lobes=tuple(toes))


def _ornaments(shape: BirdShape) -> tuple[Ornament, ...]:
    u = shape.length
    skull, beak = shape.head * u, shape.beak * u
    return (
        Ornament(
            "head",
            (0.75 * skull, 0, 0.15 * skull),
            (0.12 * skull, 0.20 * skull, 0.20 * skull),
            "eye",
            paired=True,
            yaw=74.0,
            pitch=14.0,
            on_skin=True,
        ),
        Ornament(
            "head",
            (1.55 * skull, 0, -0.05 * skull),
            (beak, 0.36 * skull, 0.30 * skull),
            "beak",
            pitch=-7.0,
            pointed=True,
        ),
        Ornament(
            "jaw",
            (0.12 * beak, 0, 0.02 * beak),
            (0.80 * beak, 0.26 * skull, 0.14 * skull),
            "beak",
            pitch=-8.0,
            pointed=True,
        ),
    )
