# SPDX-License-Identifier: GPL-3.0-or-later
"""Endless kinds of creatures for training: families with other proportions, coats and limbs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np

from .families import arthropod, biped, bird, fish, quadruped, reptile, snake
from .parts import chain, row
from .plan import BodyPlan, Coat, Kind, Part, ball

Shape = TypeVar("Shape")
Maker = Callable[[np.random.Generator, float], BodyPlan]
ANGLES = ("pitch", "yaw")


def random_plan(seed: int, *, variety: float = 1.0) -> BodyPlan:
    """A creature that nobody has seen.

    Args:
        seed: Same seed, same creature.
        variety: 0 gives the families' own proportions, 1 wide variation.
    """
    rng = np.random.default_rng([seed, 20260])
    names = list(FAMILIES)
    weights = np.array([FAMILIES[n][1] for n in names])
    family = names[rng.choice(len(names), p=weights / weights.sum())]
    plan = FAMILIES[family][0](rng, variety)
    if rng.random() < 0.25 * variety:
        plan = _graft(plan, rng)
    plan = replace(plan, name=f"{family}_{seed}", coat=random_coat(plan.coat, rng))
    return plan.scaled(float(np.exp(rng.normal(0.0, 0.3) * variety)))


def vary(shape: Shape, rng: np.random.Generator, amount: float) -> Shape:
    """Other proportions: lengths by log-normal factors, angles by degrees, bone counts up to twice."""
    changed: dict[str, Any] = {}
    for f in fields(shape):  # type: ignore[arg-type]
        value = getattr(shape, f.name)
        angle = any(word in f.name for word in ANGLES)
        if isinstance(value, bool | str | Coat):
            continue
        if isinstance(value, int):
            low, high = max(min(value, 3), round(value * (1 - 0.5 * amount))), round(value * (1 + amount)) + 1
            changed[f.name] = int(rng.integers(low, max(high, low + 1)))
        elif isinstance(value, tuple):
            changed[f.name] = tuple(float(v + rng.normal(0.0, 12.0 * amount)) for v in value)
        elif angle:
            changed[f.name] = float(value + rng.normal(0.0, 7.0 * amount))
        elif value > 0:
            changed[f.name] = float(value * np.exp(np.clip(rng.normal(0.0, 0.20 * amount), -0.45, 0.45)))
    return replace(shape, **changed)  # type: ignore[type-var]


def random_coat(coat: Coat, rng: np.random.Generator) -> Coat:
    """Other colours and markings for the same regions."""
    hue = rng.random()
    palette = {}
    for name in coat.palette:
        if name == "eye":
            palette[name] = (20, 16, 14)
            continue
        palette[name] = _color(
            (hue + rng.normal(0.0, 0.12)) % 1.0, rng.uniform(0.05, 0.75), rng.uniform(0.18, 0.92)
        )
    palette.setdefault("pattern", _color(rng.random(), rng.uniform(0.0, 0.7), rng.uniform(0.1, 0.95)))
    palette.setdefault("belly", _color(hue, rng.uniform(0.0, 0.4), rng.uniform(0.5, 0.95)))
    regions = coat.regions if rng.random() < 0.5 else ()
    return replace(
        coat,
        palette=palette,
        regions=regions,
        pattern=str(rng.choice(["plain", "stripes", "rings", "spots", "patches", "saddle"])),
        pattern_scale=coat.pattern_scale * float(rng.uniform(0.6, 1.6)),
        countershade=float(rng.uniform(0.0, 1.0)),
        mottle=float(rng.uniform(0.04, 0.3)),
    )


def _color(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    """sRGB of a hue, saturation and value, each 0 to 1."""
    channel = (np.array([5.0, 3.0, 1.0]) + 6.0 * hue) % 6.0
    rgb = value * (1.0 - saturation * np.clip(np.minimum(channel, 4.0 - channel), 0.0, 1.0))
    red, green, blue = (round(255 * float(c)) for c in rgb)
    return (red, green, blue)


def _graft(plan: BodyPlan, rng: np.random.Generator) -> BodyPlan:
    """One more kind of limb than the family has: wings, a second tail, a trunk, horns."""
    kinds = {part.kind for part in plan.parts}
    trunk = next(part for part in plan.parts if part.kind is Kind.TRUNK)
    length = sum(s.length for s in trunk.segments)
    last, first = trunk.segments[-1].name, trunk.segments[0].name
    width = float(max(max(s.radius) for s in trunk.segments))
    choices: list[Part] = []
    if Kind.WING not in kinds and Kind.ARM not in kinds:
        reach = length * float(rng.uniform(0.6, 1.3))
        shape = vary(bird.BirdShape(), rng, 0.5)
        wing = next(p for p in bird.bird(shape).parts if p.kind is Kind.WING)
        span = sum(s.length for s in wing.segments)
        scaled = BodyPlan("wing", (wing,), plan.coat).scaled(reach / span).parts[0]
        choices.append(
            replace(
                scaled, parent=last, from_head=True, offset=(0.0, 0.5 * width, 0.7 * width), blend=0.3 * width
            )
        )
    if Kind.TAIL in kinds:
        choices.append(
            chain(
                Kind.TAIL,
                "second_tail",
                int(rng.integers(2, 7)),
                length * float(rng.uniform(0.3, 0.9)),
                [150.0, 130.0],
                [(0.3 * width,) * 2, (0.08 * width,) * 2],
                35.0,
                parent=first,
                from_head=True,
                offset=(0.0, 0.0, 0.5 * width),
                blend=0.3 * width,
            )
        )
    head = next((p for p in plan.parts if p.kind is Kind.HEAD), None)
    if head is not None:
        size = head.segments[0].length
        choices.append(
            row(
                Kind.FEELER,
                ["horn_1", "horn_2"],
                [0.5 * size, 0.4 * size],
                [70.0, 50.0],
                [(0.16 * size,) * 2, (0.11 * size,) * 2, (0.05 * size,) * 2],
                [ball(2.0, 2.0)] * 2,
                yaws=[70.0, 20.0],
                parent=head.segments[0].name,
                from_head=True,
                offset=(0.3 * size, 0.15 * size, 0.25 * size),
                paired=True,
                blend=0.05 * size,
                bend_axis=(0.2, 1.0, 0.3),
            )
        )
        choices.append(
            chain(
                Kind.FEELER,
                "trunk",
                int(rng.integers(3, 7)),
                size * float(rng.uniform(0.8, 1.6)),
                [-40.0, -85.0, -70.0],
                [(0.2 * size,) * 2, (0.08 * size,) * 2],
                30.0,
                parent=head.segments[0].name,
                offset=(-0.1 * size, 0.0, 0.0),
                blend=0.1 * size,
                bend_axis=(0.0, 1.0, 0.0),
            )
        )
    if not choices:
        return plan
    return replace(plan, parts=(*plan.parts, choices[rng.integers(len(choices))]))


def _quadruped(rng: np.random.Generator, amount: float) -> BodyPlan:
    kinds = sorted(QUADRUPEDS)
    base = quadruped.QuadrupedShape(**QUADRUPEDS[kinds[rng.integers(len(kinds))]])
    return quadruped.quadruped(vary(base, rng, 0.8 * amount))


def _arthropod(rng: np.random.Generator, amount: float) -> BodyPlan:
    pairs = int(rng.integers(3, 5))
    base = arthropod.ArthropodShape(claws=bool(rng.random() < 0.3), head=bool(rng.random() < 0.4))
    shape = replace(vary(base, rng, 0.7 * amount), leg_pairs=pairs)
    if rng.random() < 0.25:
        # Crabs: wide, no abdomen.
        shape = replace(shape, width=0.75 * shape.width / 0.4, abdomen=0.0, claws=True, head=False)
    return arthropod.arthropod(shape)


def _snake(rng: np.random.Generator, amount: float) -> BodyPlan:
    shape = vary(snake.SnakeShape(), rng, amount)
    bones = int(np.exp(rng.uniform(np.log(6), np.log(120))))
    return snake.snake(replace(shape, bones=bones, bend=min(75.0, 760.0 / bones)))


QUADRUPEDS: dict[str, dict[str, Any]] = {
    "dog": {},
    "horse": {
        "height": 1.3,
        "trunk": 0.86,
        "depth": 0.2,
        "width": 0.66,
        "neck": 0.55,
        "neck_pitch": 48.0,
        "neck_bones": 3,
        "snout": 0.2,
        "head": 0.18,
        "ear": 0.1,
        "leg_thickness": 0.046,
        "hoofed": True,
        "tail": 0.5,
        "tail_pitches": (215.0, 255.0),
    },
    "bear": {
        "height": 0.8,
        "trunk": 1.15,
        "depth": 0.30,
        "width": 0.85,
        "neck": 0.3,
        "neck_pitch": 15.0,
        "head": 0.26,
        "snout": 0.16,
        "ear": 0.1,
        "leg_thickness": 0.095,
        "tail": 0.12,
        "tail_bones": 2,
        "tuck": 0.95,
    },
    "cat": {
        "height": 0.32,
        "trunk": 1.25,
        "depth": 0.21,
        "width": 0.8,
        "neck": 0.3,
        "neck_pitch": 25.0,
        "head": 0.25,
        "snout": 0.08,
        "ear": 0.14,
        "tail": 1.1,
        "tail_bones": 7,
        "tail_pitches": (190.0, 170.0, 140.0),
        "leg_thickness": 0.055,
    },
    "giraffe": {
        "height": 1.5,
        "trunk": 0.7,
        "depth": 0.2,
        "neck": 1.1,
        "neck_bones": 6,
        "neck_pitch": 62.0,
        "head": 0.14,
        "snout": 0.14,
        "ear": 0.1,
        "leg_thickness": 0.04,
        "hoofed": True,
        "tail": 0.5,
        "tail_pitches": (230.0, 260.0),
    },
    "elephant": {
        "height": 1.8,
        "trunk": 0.95,
        "depth": 0.33,
        "width": 0.85,
        "neck": 0.2,
        "neck_pitch": 5.0,
        "neck_thickness": 0.2,
        "head": 0.32,
        "snout": 0.1,
        "ear": 0.3,
        "ear_pitch": 0.0,
        "leg_thickness": 0.12,
        "tail": 0.4,
        "tuck": 1.0,
        "tail_pitches": (240.0, 260.0),
    },
}
"""Where quadrupeds' proportions start from."""

FAMILIES: dict[str, tuple[Maker, float]] = {
    "quadruped": (_quadruped, 0.34),
    "biped": (lambda r, v: biped.biped(vary(biped.BipedShape(), r, 0.55 * v)), 0.14),
    "bird": (lambda r, v: bird.bird(vary(bird.BirdShape(), r, 0.8 * v)), 0.13),
    "snake": (_snake, 0.07),
    "arthropod": (_arthropod, 0.12),
    "fish": (lambda r, v: fish.fish(vary(fish.FishShape(), r, v)), 0.07),
    "lizard": (lambda r, v: reptile.lizard(vary(reptile.LizardShape(), r, 0.8 * v)), 0.07),
    "raptor": (lambda r, v: reptile.raptor(vary(reptile.RaptorShape(), r, 0.8 * v)), 0.06),
}
"""Maker of each family and how often it is drawn."""
