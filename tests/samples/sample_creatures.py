# SPDX-License-Identifier: GPL-3.0-or-later
"""Creatures that several tests look at, built once."""

from __future__ import annotations

import functools
from collections.abc import Callable

from samples.creatures.creature import Creature, build_creature
from samples.creatures.families import arthropod, biped, bird, fish, quadruped, reptile, snake
from samples.creatures.plan import BodyPlan

PLANS: dict[str, Callable[[], BodyPlan]] = {
    "quadruped": quadruped.quadruped,
    "biped": biped.biped,
    "bird": bird.bird,
    "snake": snake.snake,
    "spider": arthropod.arthropod,
    "fish": fish.fish,
    "lizard": reptile.lizard,
    "raptor": reptile.raptor,
}


@functools.cache
def creature(name: str) -> Creature:
    """A small version of a known kind."""
    return build_creature(PLANS[name](), vertex_count=1500, seed=2)
