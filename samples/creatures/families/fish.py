# SPDX-License-Identifier: GPL-3.0-or-later
"""Fish."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ..parts import chain, row
from ..plan import BodyPlan, Coat, Kind, Lobe, Ornament, Part, ball, direction, hinge

CARP_COAT = Coat(
    palette={
        "base": (232, 122, 48),
        "belly": (250, 226, 190),
        "pattern": (250, 244, 236),
        "eye": (16, 16, 18),
        "fin": (214, 92, 40),
    },
    pattern="patches",
    pattern_scale=0.14,
    countershade=0.7,
    mottle=0.14,
    regions=(("fin", "fin"),),
)


@dataclass(frozen=True)
class FishShape:
    """``length`` in metres without the tail fin, everything else relative to it."""

    name: str = "carp"
    length: float = 0.6
    depth: float = 0.15
    """Half height at the thickest."""
    width: float = 0.085
    tail_bones: int = 5
    caudal: float = 0.26
    dorsal: float = 0.12
    pectoral: float = 0.22
    coat: Coat = field(default_factory=lambda: CARP_COAT)


def fish(shape: FishShape = FishShape()) -> BodyPlan:
    """A plan in metres."""
    u, wide, deep = shape.length, shape.width * shape.length, shape.depth * shape.length
    trunk = row(
        Kind.TRUNK,
        ["body", "chest"],
        [0.16 * u, 0.14 * u],
        [0.0, 0.0],
        [(wide, deep), (wide, 0.96 * deep), (0.88 * wide, 0.78 * deep)],
        [ball(180.0, 180.0), ball(12.0, 10.0)],
        curved=True,
    )
    trunk = replace(trunk, lobes=_dorsal_fin(shape))
    head = row(
        Kind.HEAD,
        ["head"],
        [0.16 * u],
        [-4.0],
        [(0.86 * wide, 0.76 * deep), (0.34 * wide, 0.26 * deep)],
        [ball(15.0, 10.0)],
        bulges=[1.12],
        parent="chest",
        blend=0.05 * u,
    )
    jaw = row(
        Kind.JAW,
        ["jaw"],
        [0.07 * u],
        [-6.0],
        [(0.34 * wide, 0.2 * deep), (0.24 * wide, 0.12 * deep)],
        [hinge(-2.0, 35.0, 2.0)],
        parent="head",
        from_head=True,
        offset=(0.10 * u, 0.0, -0.34 * deep),
        blend=0.02 * u,
    )
    tail = chain(
        Kind.TAIL,
        "tail",
        shape.tail_bones,
        0.54 * u,
        [180.0],
        [(wide, deep), (0.82 * wide, 0.78 * deep), (0.5 * wide, 0.42 * deep), (0.2 * wide, 0.26 * deep)],
        28.0,
        parent="body",
        from_head=True,
        blend=0.02 * u,
        bend_axis=(0.0, 0.0, 1.0),
    )
    # About a level axis the width lies across; these bones bend about an upright one.
    tail = replace(
        tail,
        start_radius=tail.start_radius[::-1],
        segments=tuple(replace(s, radius=s.radius[::-1]) for s in tail.segments),
    )
    parts = [trunk, head, jaw, tail, _caudal_fin(shape), *_pectoral_fins(shape)]
    ornaments = (
        Ornament(
            "head",
            (0.085 * u, 0, 0.20 * deep),
            (0.006 * u, 0.024 * u, 0.024 * u),
            "eye",
            paired=True,
            yaw=80.0,
            pitch=8.0,
            on_skin=True,
        ),
    )
    return BodyPlan(shape.name, tuple(parts), shape.coat, ornaments)


def _blade(segment: int, start: np.ndarray, end: np.ndarray, width: float, thick: float, wide: tuple) -> Lobe:
    return Lobe(
        segment,
        tuple(float(x) for x in start),  # type: ignore[arg-type]
        tuple(float(x) for x in end),  # type: ignore[arg-type]
        (width, thick),
        (0.7 * width, 0.7 * thick),
        wide,
    )


def _dorsal_fin(shape: FishShape) -> tuple[Lobe, ...]:
    u, deep = shape.length, shape.depth * shape.length
    if shape.dorsal <= 0:
        return ()
    lobes = []
    for i in range(4):
        start = np.array([(0.14 - 0.075 * i) * u, 0.0, 0.6 * deep])
        height = 0.4 * deep + shape.dorsal * u * (1.0 - 0.16 * i)
        lobes.append(
            _blade(0, start, start + height * direction(122.0), 0.042 * u, 0.012 * u, (1.0, 0.0, 0.0))
        )
    return tuple(lobes)


def _caudal_fin(shape: FishShape) -> Part:
    u, reach = shape.length, shape.caudal * shape.length
    fin = row(
        Kind.TAIL,
        ["fin_tail"],
        [0.75 * reach],
        [180.0],
        [(0.034 * u, 0.016 * u), (0.03 * u, 0.010 * u)],
        [((-35.0, 35.0), (-10.0, 10.0), (-10.0, 10.0))],
        parent=f"tail_{shape.tail_bones}",
        bend_axis=(0.0, 0.0, 1.0),
        blend=0.03 * u,
    )
    blades = tuple(
        _blade(
            0,
            np.zeros(3),
            reach * (1.0 - 0.25 * (abs(p - 180.0) < 15)) * direction(p),
            0.035 * u,
            0.012 * u,
            (0, 0, 1),
        )
        for p in (132.0, 156.0, 180.0, 204.0, 228.0)
    )
    return replace(fin, lobes=blades)


def _pectoral_fins(shape: FishShape) -> list[Part]:
    u, wide, deep = shape.length, shape.width * shape.length, shape.depth * shape.length
    if shape.pectoral <= 0:
        return []
    fins = []
    for name, parent, ahead, reach in (
        ("fin_front", "chest", 0.10, 1.0),
        ("fin_belly", "body", -0.02, 0.75),
    ):
        length = shape.pectoral * reach * u
        fins.append(
            row(
                Kind.FIN,
                [f"{name}_1", f"{name}_2"],
                [0.5 * length, 0.5 * length],
                [-32.0, -24.0],
                [(0.05 * u, 0.016 * u), (0.055 * u, 0.012 * u), (0.03 * u, 0.010 * u)],
                [((-50.0, 50.0), (-30.0, 30.0), (-30.0, 30.0)), ball(30.0, 15.0)],
                yaws=[122.0, 132.0],
                parent=parent,
                from_head=True,
                offset=(ahead * u, 0.75 * wide, -0.55 * deep),
                paired=True,
                bend_axis=(1.0, 0.5, 0.0),
                blend=0.02 * u,
            )
        )
    return fins
