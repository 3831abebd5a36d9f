# SPDX-License-Identifier: GPL-3.0-or-later
"""The committed samples: who does what, where, filmed from where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik.camera import Camera
from mocapanything_addon.ik.kinematics import forward
from mocapanything_addon.ik.skeleton import Skeleton

from .creatures.creature import Creature, build_creature
from .creatures.families.arthropod import arthropod
from .creatures.families.biped import biped
from .creatures.families.bird import bird
from .creatures.families.quadruped import quadruped
from .creatures.families.snake import snake
from .creatures.plan import BodyPlan
from .motions.animator import Clip
from .motions.repertoire import repertoire
from .render import frame_points
from .scenery import Scenery

FRAME_RATE = 24


@dataclass(frozen=True)
class Sample:
    """One creature and its clip."""

    name: str
    plan: Callable[[], BodyPlan]
    action: str
    options: dict[str, float]
    frames: int
    palette: str
    azimuth: float
    elevation: float
    seed: int
    vertex_count: int = 5500
    fov: float = 40.0
    width: int = 640
    height: int = 480

    def creature(self) -> Creature:
        """Built anew; the same each time."""
        return build_creature(self.plan(), vertex_count=self.vertex_count, seed=self.seed)

    def clip(self, creature: Creature) -> Clip:
        """The creature's performance."""
        times = np.arange(self.frames) / FRAME_RATE
        return repertoire(creature)[self.action](times, **self.options)

    def camera(self, creature: Creature, clip: Clip) -> Camera:
        """One that sees the whole performance and stands still."""
        return frame_points(
            _outline(creature, clip),
            azimuth=self.azimuth,
            elevation=self.elevation,
            fov=self.fov,
            width=self.width,
            height=self.height,
            fill=0.92,
        )

    def scenery(self, creature: Creature) -> Scenery:
        """Where it happens; the grain of the ground suits the creature's size."""
        trees = 0 if self.palette == "pond" else 12
        return Scenery(self.palette, seed=self.seed, scale=creature.rig.size / 1.2, trees=trees)


def _outline(creature: Creature, clip: Clip) -> NDArray[np.float64]:
    """(N, 3) all joints in all frames, with room for the flesh around them."""
    places = forward(Skeleton.from_rig(creature.rig), clip.motion).positions.reshape(-1, 3)
    room = np.array([0.0, 0.0, 0.06 * creature.rig.size])
    return np.concatenate([places + room, places - room])


SAMPLES: tuple[Sample, ...] = (
    Sample("quadruped", quadruped, "trot", {"heading": 0.0, "effort": 0.65}, 48, "meadow", 68.0, 8.0, seed=1),
    Sample("biped", biped, "run", {"heading": 0.25, "effort": 0.55}, 48, "yard", 48.0, 8.0, seed=3),
    Sample(
        "bird",
        bird,
        "fly",
        {"heading": 0.0, "speed": 0.35, "altitude": 0.35},
        48,
        "meadow",
        55.0,
        12.0,
        seed=4,
    ),
    Sample("snake", snake, "slither", {"heading": 0.0, "effort": 0.8}, 60, "meadow", 52.0, 26.0, seed=5),
    Sample("spider", arthropod, "scuttle", {"heading": 0.0, "turn": 0.25}, 60, "desert", 48.0, 24.0, seed=6),
)
