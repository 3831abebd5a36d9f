# SPDX-License-Identifier: GPL-3.0-or-later
"""When which foot is on the ground.

Phases and duty factors after M. Hildebrand, "The quadrupedal gaits of vertebrates", BioScience 39 (1989),
and, for six and eight legs, the alternating tripod and tetrapod of D. M. Wilson, "Insect walking", Annual
Review of Entomology 11 (1966).
"""

from __future__ import annotations

from dataclasses import dataclass

from ..creatures.anatomy import Limb


@dataclass(frozen=True)
class Gait:
    """A way of going. Lengths are in leg lengths, ``speed`` in leg lengths a stride."""

    name: str
    period: float
    """Seconds a stride, for a leg of one metre; shorter legs are quicker by the root of their length."""
    duty: float
    """Share of the stride that a foot is on the ground."""
    stride: float
    """Length of a stride."""
    pair_phases: tuple[float, ...]
    """Phase of the left leg of each pair, from front to back; the last one repeats."""
    side_phase: float = 0.5
    """By how much the right leg of a pair comes later."""
    lift: float = 0.16
    """How high a foot is raised."""
    bounce: float = 0.02
    """How far the body goes up and down."""
    bounces: int = 2
    """Ups and downs a stride."""
    lowest: float = 0.0
    """When in the stride the body is lowest."""
    trail: float = 0.0
    """How far behind their place at rest the feet stand on average."""
    crouch: float = 0.04
    """How much lower than at rest the body is carried."""
    pitch: float = 0.0
    """Radians the body rocks fore and aft, once a stride."""
    lean: float = 0.0
    """Radians the body leans forward."""
    flexion: float = 0.0
    """Radians the spine bends up and down, once a stride."""
    sway: float = 0.05
    """Radians the spine bends from side to side."""

    def phases(self, legs: tuple[Limb, ...]) -> list[float]:
        """Of each leg (front to back, left before right), in strides."""
        phases = []
        for index, leg in enumerate(legs):
            pair = index // 2
            start = self.pair_phases[min(pair, len(self.pair_phases) - 1)]
            if pair >= len(self.pair_phases):
                start += 0.5 * (pair - len(self.pair_phases) + 1)
            phases.append((start + (self.side_phase if leg.side < 0 else 0.0)) % 1.0)
        return phases


WALK = Gait("walk", 1.15, 0.66, 0.95, (0.25, 0.0), lift=0.14, bounce=0.012, crouch=0.035, sway=0.06)
TROT = Gait(
    "trot", 0.72, 0.46, 1.25, (0.5, 0.0), lift=0.20, bounce=0.030, lowest=0.23, crouch=0.05, sway=0.03
)
GALLOP = Gait(
    "gallop",
    0.60,
    0.30,
    1.9,
    (0.50, 0.0),
    side_phase=0.12,
    lift=0.30,
    bounce=0.05,
    bounces=1,
    lowest=0.35,
    crouch=0.10,
    pitch=0.07,
    flexion=0.30,
    sway=0.0,
)
STROLL = Gait(
    "walk",
    1.10,
    0.62,
    1.10,
    (0.0,),
    lift=0.12,
    bounce=0.018,
    lowest=0.06,
    trail=0.10,
    crouch=0.045,
    sway=0.07,
)
RUN = Gait(
    "run",
    0.72,
    0.36,
    1.8,
    (0.0,),
    lift=0.34,
    bounce=0.05,
    lowest=0.18,
    trail=0.12,
    crouch=0.09,
    lean=0.14,
    sway=0.10,
)
SCUTTLE = Gait("scuttle", 1.15, 0.60, 1.40, (0.0, 0.5), lift=0.55, bounce=0.03, crouch=0.05, sway=0.02)
WADDLE = Gait("walk", 0.85, 0.64, 0.95, (0.0,), lift=0.22, bounce=0.03, crouch=0.05, sway=0.10)


def gaits_for(leg_count: int, *, upright: bool = False, sprawling: bool = False) -> tuple[Gait, ...]:
    """What a creature with so many legs can do; none for one without.

    Args:
        leg_count: Even.
        upright: The trunk stands.
        sprawling: The feet stand far beside the body, as a lizard's do: it cannot gallop.
    """
    if leg_count == 0:
        return ()
    if leg_count <= 2:
        return (STROLL, RUN) if upright else (WADDLE, RUN)
    if leg_count > 4:
        return (SCUTTLE,)
    return (WALK, TROT) if sprawling else (WALK, TROT, GALLOP)
