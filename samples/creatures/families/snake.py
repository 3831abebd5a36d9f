# SPDX-License-Identifier: GPL-3.0-or-later
"""Legless, long: snakes, worms, eels."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ..parts import chain, row
from ..plan import BodyPlan, Coat, Kind, Ornament, ball, hinge

PYTHON_COAT = Coat(
    palette={
        "base": (196, 168, 96),
        "belly": (238, 226, 186),
        "pattern": (74, 50, 30),
        "eye": (20, 14, 8),
        "tongue": (190, 40, 50),
    },
    pattern="spots",
    pattern_scale=0.115,
    countershade=1.0,
    mottle=0.16,
)


@dataclass(frozen=True)
class SnakeShape:
    """``length`` in metres, everything else relative to it."""

    name: str = "python"
    length: float = 1.8
    bones: int = 24
    thickness: float = 0.021
    bend: float = 32.0
    """Degrees a joint bends."""
    head: float = 0.055
    coat: Coat = field(default_factory=lambda: PYTHON_COAT)


def snake(shape: SnakeShape = SnakeShape()) -> BodyPlan:
    """A plan in metres. The body root lies in the middle; one chain leads to the head, one to the tail."""
    length, r = shape.length, shape.thickness * shape.length
    front, back = shape.bones // 2, shape.bones - shape.bones // 2
    head = shape.head * length
    half = 0.5 * (length - head)
    trunk = chain(
        Kind.TRUNK,
        "spine",
        front,
        half,
        [0.0],
        [(r, 0.92 * r), (0.95 * r, 0.88 * r), (0.62 * r, 0.60 * r)],
        shape.bend,
    )
    first = replace(trunk.segments[0], limits=ball(180.0, 180.0))
    trunk = replace(trunk, segments=(first, *trunk.segments[1:]))
    tail = chain(
        Kind.TAIL,
        "tail",
        back,
        half,
        [180.0],
        [(r, 0.92 * r), (0.9 * r, 0.85 * r), (0.55 * r, 0.52 * r), (0.14 * r, 0.14 * r)],
        shape.bend,
        parent="spine_1",
        from_head=True,
        blend=0.3 * r,
    )
    skull = row(
        Kind.HEAD,
        ["head"],
        [head],
        [0.0],
        [(0.66 * r, 0.56 * r), (0.50 * r, 0.34 * r)],
        [ball(45.0, 30.0)],
        bulges=[1.4],
        parent=f"spine_{front}",
        blend=0.8 * r,
    )
    jaw = row(
        Kind.JAW,
        ["jaw"],
        [0.85 * head],
        [-1.0],
        [(0.60 * r, 0.24 * r), (0.42 * r, 0.18 * r)],
        [hinge(-2.0, 45.0, 2.0)],
        bulges=[1.2],
        parent="head",
        from_head=True,
        offset=(0.15 * head, 0.0, -0.38 * r),
        blend=0.25 * r,
    )
    ornaments = (
        Ornament(
            "head",
            (0.68 * head, 0, 0.12 * r),
            (0.08 * r, 0.17 * r, 0.17 * r),
            "eye",
            paired=True,
            yaw=64.0,
            pitch=30.0,
            on_skin=True,
        ),
        Ornament("jaw", (0.95 * head, 0, 0.05 * r), (0.8 * r, 0.09 * r, 0.06 * r), "tongue", pointed=True),
    )
    return BodyPlan(shape.name, (trunk, tail, skull, jaw), shape.coat, ornaments)
