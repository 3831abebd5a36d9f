# SPDX-License-Identifier: GPL-3.0-or-later
"""Builders of parts, from few numbers. Every family of creatures is put together from these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .plan import BodyLimits, Kind, Part, Segment, Vec3, ball

Radius = tuple[float, float]


def row(
    kind: Kind,
    names: Sequence[str],
    lengths: Sequence[float],
    pitches: Sequence[float],
    radii: Sequence[Radius],
    limits: Sequence[BodyLimits],
    *,
    yaws: Sequence[float] | None = None,
    bulges: Sequence[float] | None = None,
    parent: str = "",
    offset: Vec3 = (0.0, 0.0, 0.0),
    from_head: bool = False,
    paired: bool = False,
    bend_axis: Vec3 = (0.0, 1.0, 0.0),
    blend: float = 0.03,
    curved: bool = False,
) -> Part:
    """A part from parallel lists, one entry a bone; ``radii`` has one more, the start's."""
    yaws = yaws or [0.0] * len(names)
    bulges = bulges or [1.0] * len(names)
    segments = tuple(
        Segment(*values)
        for values in zip(names, lengths, pitches, yaws, radii[1:], bulges, limits, strict=True)
    )
    return Part(
        kind,
        segments,
        radii[0],
        parent=parent,
        offset=offset,
        from_head=from_head,
        paired=paired,
        bend_axis=bend_axis,
        blend=blend,
        curved=curved,
    )


def numbered(name: str, count: int) -> list[str]:
    """name_1, name_2, ..."""
    return [f"{name}_{i + 1}" for i in range(count)]


def interpolate(values: Sequence[float], count: int) -> list[float]:
    """``count`` numbers evenly along a polyline of the given ones."""
    return list(np.interp(np.linspace(0, len(values) - 1, count), np.arange(len(values)), values))


def interpolate_radii(values: Sequence[Radius], count: int) -> list[Radius]:
    """The same for pairs."""
    columns = [interpolate([v[k] for v in values], count) for k in range(2)]
    return list(zip(*columns, strict=True))


def chain(
    kind: Kind,
    name: str,
    count: int,
    length: float,
    pitches: Sequence[float],
    radii: Sequence[Radius],
    bend: float,
    **options: object,
) -> Part:
    """``count`` equal bones with pitch and thickness interpolated along them: necks, tails, snakes."""
    return row(
        kind,
        numbered(name, count) if count > 1 else [name],
        [length / count] * count,
        interpolate(pitches, count),
        interpolate_radii(radii, count + 1),
        [ball(bend, 0.6 * bend)] * count,
        curved=True,
        **options,  # type: ignore[arg-type]
    )


def standing(part: Part, drop: float) -> Part:
    """The part, lengthened or shortened so that its end lies ``drop`` below its start."""
    height = -sum(s.length * s.direction[2] for s in part.segments)
    if height <= 0:
        raise ValueError(f'"{part.segments[0].name}" does not lead down')
    factor = drop / height
    return replace(part, segments=tuple(replace(s, length=s.length * factor) for s in part.segments))


def reach(part: Part) -> np.ndarray:
    """(3,) from the part's start to its end, body frame."""
    return np.sum([s.length * s.direction for s in part.segments], axis=0)
