# SPDX-License-Identifier: GPL-3.0-or-later
"""What a creature can do, by its limbs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..creatures.creature import Creature
from ..creatures.plan import Kind
from .animator import Animator, Clip
from .gaits import gaits_for
from .gliding import fly, slither, swim
from .secondary import is_upright
from .standing import graze, idle, jump, sit, wave
from .walking import go

Array = NDArray[np.float64]
Action = Callable[..., Clip]
ALOFT = ("fly", "swim")
"""Motions that never touch the ground."""


def repertoire(creature: Creature) -> dict[str, Action]:
    """Every motion that suits the creature: ``action(times, heading=...)`` gives the clip."""
    actions: dict[str, Action] = {}
    legs = len(creature.legs)
    upright = is_upright(Animator(creature, [0.0]))
    for gait in gaits_for(legs, upright=upright, sprawling=_is_sprawling(creature)):
        actions[gait.name] = partial(_go, creature, gait)
    if legs:
        actions["idle"] = partial(idle, creature)
    if 2 <= legs <= 4:
        actions["jump"] = partial(jump, creature)
    if legs == 4 and creature.limbs(Kind.NECK):
        actions["graze"] = partial(graze, creature)
        actions["sit"] = partial(sit, creature)
    if upright and any(len(arm.bones) >= 3 for arm in creature.limbs(Kind.ARM)):
        actions["wave"] = partial(wave, creature)
    if creature.limbs(Kind.WING):
        actions["fly"] = partial(fly, creature)
    if not legs and creature.limbs(Kind.FIN):
        actions["swim"] = partial(swim, creature)
    if not legs and not creature.limbs(Kind.FIN, Kind.WING):
        actions["slither"] = partial(slither, creature)
        actions["swim"] = partial(swim, creature)
    return actions


def _is_sprawling(creature: Creature) -> bool:
    """The feet stand more to the side of the hips than half of what they stand below them."""
    anatomy = creature.anatomy
    legs = [anatomy.tails[leg.bones[-1]] - anatomy.heads[leg.bones[0]] for leg in creature.legs]
    return bool(legs) and float(np.mean([abs(leg[0]) / max(-leg[2], 1e-6) for leg in legs])) > 0.5


def _go(creature: Creature, gait: object, times: Array, **options: float) -> Clip:
    return go(creature, gait, times, **options)  # type: ignore[arg-type]


def random_clip(
    creature: Creature, times: Array, rng: np.random.Generator, *, name: str | None = None
) -> Clip:
    """One of them, or that one, with another heading, effort, turn and phase where it has such."""
    actions = repertoire(creature)
    name = name or str(rng.choice(sorted(actions)))
    options: dict[str, float] = {"heading": float(rng.uniform(-np.pi, np.pi))}
    moving = name not in ("idle", "jump", "graze", "sit", "wave")
    if moving:
        options["effort"] = float(rng.uniform(0.7, 1.1))
        options["phase"] = float(rng.random())
        if name != "slither":
            options["turn"] = float(rng.normal(0.0, 0.4))
    return actions[name](times, **options)
