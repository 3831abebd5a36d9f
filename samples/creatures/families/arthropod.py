# SPDX-License-Identifier: GPL-3.0-or-later
"""Many-legged: spiders, crabs, insects."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ..parts import row, standing
from ..plan import BodyPlan, Coat, Kind, Ornament, Part, ball, direction, hinge

SPIDER_COAT = Coat(
    palette={
        "base": (112, 74, 48),
        "belly": (66, 46, 36),
        "pattern": (222, 164, 92),
        "eye": (12, 10, 12),
        "fang": (40, 18, 16),
        "body": (84, 56, 40),
    },
    pattern="rings",
    pattern_scale=0.15,
    countershade=0.5,
    mottle=0.22,
)


@dataclass(frozen=True)
class ArthropodShape:
    """Proportions in units of ``length``, the front body's, in metres."""

    name: str = "spider"
    length: float = 0.34
    width: float = 0.40
    """Half width of the front body."""
    depth: float = 0.30
    abdomen: float = 1.25
    abdomen_bones: int = 2
    abdomen_radius: float = 0.46
    abdomen_pitch: float = 166.0
    leg_pairs: int = 4
    leg_yaws: tuple[float, float] = (38.0, 142.0)
    """Direction of the first and the last pair, degrees from forward."""
    leg: float = 2.1
    """Length of the legs (before they are set on the ground)."""
    leg_thickness: float = 0.075
    knee_pitch: float = 48.0
    height: float = 0.60
    """Of the body above the ground."""
    claws: bool = False
    """Arms with pincers before the legs, as crabs have."""
    head: bool = False
    """A head of its own, as insects have."""
    coat: Coat = field(default_factory=lambda: SPIDER_COAT)


def arthropod(shape: ArthropodShape = ArthropodShape()) -> BodyPlan:
    """A plan in metres."""
    u = shape.length
    wide, deep = shape.width * u, shape.depth * u
    trunk = row(
        Kind.TRUNK,
        ["body"],
        [u],
        [0.0],
        [(0.72 * wide, 0.8 * deep), (0.62 * wide, 0.66 * deep)],
        [ball(180.0, 180.0)],
        bulges=[1.45],
    )
    parts = [trunk]
    if shape.abdomen > 0:
        radius = shape.abdomen_radius * u
        profile = np.interp(
            np.linspace(0, 1, shape.abdomen_bones + 1), [0, 0.45, 0.75, 1], [0.45, 1.0, 0.95, 0.35]
        )
        parts.append(
            row(
                Kind.TAIL,
                [f"abdomen_{i + 1}" for i in range(shape.abdomen_bones)],
                [shape.abdomen * u / shape.abdomen_bones] * shape.abdomen_bones,
                [shape.abdomen_pitch] * shape.abdomen_bones,
                [(radius * p, 0.92 * radius * p) for p in profile],
                [ball(25.0, 15.0)] * shape.abdomen_bones,
                parent="body",
                from_head=True,
                offset=(-0.1 * u, 0.0, 0.05 * u),
                blend=0.08 * u,
                curved=True,
            )
        )
    eyes_on = "body"
    if shape.head:
        eyes_on = "head"
        parts.append(
            row(
                Kind.HEAD,
                ["head"],
                [0.5 * u],
                [-8.0],
                [(0.62 * wide, 0.6 * deep), (0.5 * wide, 0.5 * deep)],
                [ball(35.0, 25.0)],
                bulges=[1.3],
                parent="body",
                offset=(0.05 * u, 0.0, 0.0),
                blend=0.05 * u,
            )
        )
    parts += [_leg(shape, i) for i in range(shape.leg_pairs)]
    parts += _front_limbs(shape)
    return BodyPlan(shape.name, tuple(parts), shape.coat, _eyes(shape, eyes_on))


def _radial(yaw: float) -> tuple[float, float, float]:
    """Level axis across a leg that points in this direction: its bones bend up and down about it."""
    angle = np.radians(yaw)
    return (-float(np.sin(angle)), float(np.cos(angle)), 0.0)


def _leg(shape: ArthropodShape, index: int) -> Part:
    u, thick = shape.length, shape.leg_thickness * shape.length
    share = index / max(shape.leg_pairs - 1, 1)
    yaw = float(np.interp(share, [0, 1], shape.leg_yaws))
    reach = 1.0 + 0.12 * np.cos(2 * np.pi * share)
    lengths = np.array([0.12, 0.34, 0.30, 0.24]) * shape.leg * u * reach
    leg = row(
        Kind.LEG,
        [f"{name}_{index + 1}" for name in ("coxa", "femur", "tibia", "tarsus")],
        list(lengths),
        [4.0, shape.knee_pitch, -34.0, -72.0],
        [
            (1.15 * thick,) * 2,
            (1.0 * thick,) * 2,
            (0.95 * thick,) * 2,
            (0.68 * thick,) * 2,
            (0.34 * thick,) * 2,
        ],
        [
            ((-20.0, 20.0), (-10.0, 10.0), (-45.0, 45.0)),
            ((-55.0, 55.0), (-20.0, 20.0), (-25.0, 25.0)),
            hinge(-70.0, 75.0),
            hinge(-60.0, 60.0),
        ],
        yaws=[yaw] * 4,
        bulges=[1.0, 1.15, 1.0, 1.0],
        parent="body",
        from_head=True,
        offset=(
            float(np.interp(share, [0, 1], [0.85, 0.10]) * u),
            0.66 * shape.width * u,
            -0.12 * shape.depth * u,
        ),
        paired=True,
        bend_axis=_radial(yaw),
        blend=0.05 * u,
    )
    # The last two bones reach the ground, however long the first are.
    knee = sum(s.length * s.direction[2] for s in leg.segments[:2])
    drop = shape.height * u + knee - 0.3 * thick
    lower = standing(replace(leg, segments=leg.segments[2:]), max(drop, 0.2 * u))
    return replace(leg, segments=(*leg.segments[:2], *lower.segments))


def _front_limbs(shape: ArthropodShape) -> list[Part]:
    u, thick = shape.length, shape.leg_thickness * shape.length
    if not shape.claws:
        return [
            row(
                Kind.FEELER,
                ["feeler_1", "feeler_2"],
                [0.30 * u, 0.34 * u],
                [20.0, -25.0],
                [(0.75 * thick,) * 2, (0.7 * thick,) * 2, (0.4 * thick,) * 2],
                [ball(35.0, 15.0), hinge(-50.0, 50.0, 15.0)],
                yaws=[22.0, 8.0],
                parent="head" if shape.head else "body",
                offset=(-0.12 * u, 0.30 * shape.width * u, -0.1 * u),
                paired=True,
                bend_axis=(0.0, 1.0, 0.0),
                blend=0.03 * u,
            )
        ]
    arm = row(
        Kind.ARM,
        ["claw_arm", "claw_elbow", "claw"],
        [0.42 * u, 0.40 * u, 0.42 * u],
        [8.0, 4.0, 0.0],
        [(1.4 * thick,) * 2, (1.35 * thick,) * 2, (1.6 * thick,) * 2, (0.9 * thick, 0.6 * thick)],
        [ball(45.0, 25.0), hinge(-70.0, 70.0, 10.0), ball(40.0, 30.0)],
        yaws=[60.0, 10.0, -18.0],
        bulges=[1.0, 1.1, 1.5],
        parent="body",
        from_head=True,
        offset=(0.95 * u, 0.6 * shape.width * u, -0.05 * u),
        paired=True,
        bend_axis=(0.0, 0.0, 1.0),
        blend=0.05 * u,
    )
    finger = row(
        Kind.FEELER,
        ["pincer"],
        [0.34 * u],
        [0.0],
        [(0.7 * thick, 0.6 * thick), (0.35 * thick, 0.35 * thick)],
        [hinge(-35.0, 20.0)],
        yaws=[-50.0],
        parent="claw",
        from_head=True,
        offset=(0.20 * u, -0.10 * u, 0.0),
        paired=True,
        bend_axis=(0.0, 0.0, 1.0),
        blend=0.03 * u,
    )
    return [arm, finger]


def _eyes(shape: ArthropodShape, bone: str) -> tuple[Ornament, ...]:
    u = shape.length
    size = 0.075 * u
    ahead = 0.35 * u if shape.head else 0.80 * u
    eyes = [
        Ornament(
            bone,
            (ahead, 0.10 * u, 0.08 * u),
            (0.7 * size, size, size),
            "eye",
            paired=True,
            pitch=24.0,
            yaw=20.0,
            on_skin=True,
        ),
        Ornament(
            bone,
            (ahead, 0.08 * u, 0.08 * u),
            (0.5 * size, 0.6 * size, 0.6 * size),
            "eye",
            paired=True,
            pitch=44.0,
            yaw=62.0,
            on_skin=True,
        ),
    ]
    if not shape.claws:
        down = direction(-70.0)
        eyes.append(
            Ornament(
                bone,
                (ahead + 0.22 * u + 0.08 * u * down[0], 0.07 * u, -0.14 * u),
                (0.16 * u, 0.05 * u, 0.05 * u),
                "fang",
                paired=True,
                pitch=-72.0,
                pointed=True,
            )
        )
    return tuple(eyes)
