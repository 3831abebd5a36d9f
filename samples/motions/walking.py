# SPDX-License-Identifier: GPL-3.0-or-later
"""Walk, trot, run, gallop, scuttle on any even number of legs along a path."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik.rotations import exp

from ..creatures.anatomy import Limb
from ..creatures.creature import Creature
from .animator import Animator, Clip, gentlest
from .gaits import Gait
from .limb_ik import Goal
from .path import Path
from .secondary import carry_head, fold_wings, sway_spine, swing_arms, swing_tail, twitch

Array = NDArray[np.float64]
TURN = 2.0 * np.pi


def go(
    creature: Creature,
    gait: Gait,
    times: Array,
    *,
    turn: float = 0.0,
    heading: float = 0.0,
    effort: float = 1.0,
    phase: float = 0.0,
) -> Clip:
    """Move on legs.

    Args:
        creature: One with legs.
        gait: See :mod:`.gaits`.
        times: (T,) seconds.
        turn: Radians a second to the left.
        heading: Radians to the left of -y in the middle of the clip.
        effort: Scales the stride's length; the time a stride takes stays.
        phase: Where in the stride the clip begins, 0 to 1.

    Strides are shortened where the legs would not reach.
    """

    def perform(amount: float) -> Clip:
        return _go(creature, gait, times, turn, heading, effort * amount, phase)

    return gentlest(creature, perform)


def _go(
    creature: Creature, gait: Gait, times: Array, turn: float, heading: float, effort: float, phase: float
) -> Clip:
    animator = Animator(creature, times)
    leg = animator.leg_length
    period = gait.period * np.sqrt(leg)
    stride = effort * gait.stride * leg
    path = Path(stride / period, turn=turn, middle=0.5 * float(times[0] + times[-1]), heading=heading)
    strides = times / period + phase
    legs = creature.legs
    middle = np.mean([creature.anatomy.heads[limb.bones[-1]] for limb in legs], axis=0) * [1.0, 1.0, 0.0]
    pivot = middle - np.array([0.0, gait.trail * leg, 0.0])
    _carry_body(animator, gait, path, strides, middle, leg)
    sway_spine(animator, strides + 0.25, gait.sway, gait.flexion)
    animator.limit()
    for limb, start in zip(legs, gait.phases(legs), strict=True):
        step(animator, limb, gait, path, strides + start, period, pivot, lift=gait.lift * leg)
    carry_head(animator, strides, nod=0.06 + 0.5 * gait.bounce, against=gait.sway)
    swing_tail(animator, strides, sideways=0.16)
    running = gait.duty < 0.5
    swing_arms(animator, strides + 0.1, swing=0.75 if running else 0.42, elbow=1.45 if running else 0.35)
    fold_wings(animator)
    twitch(animator, 0.12)
    return animator.finish(gait.name)


def _carry_body(animator: Animator, gait: Gait, path: Path, strides: Array, pivot: Array, leg: float) -> None:
    turned = path.rotations(animator.times)
    rock = gait.lean + gait.pitch * np.sin(TURN * (strides - 0.35))
    # Positive about the left axis (+x) brings the front (-y) down.
    tilt = exp(rock[:, None] * np.array([1.0, 0.0, 0.0]))
    roll = exp((0.4 * gait.sway * np.cos(TURN * strides))[:, None] * np.array([0.0, -1.0, 0.0]))
    root = animator.creature.rig.rest_positions[0]
    place = path.places(animator.times) + (turned @ (root - pivot))
    place[:, 2] += leg * (-gait.crouch - gait.bounce * np.cos(TURN * gait.bounces * (strides - gait.lowest)))
    animator.place_body(place - root, turned @ tilt @ roll)


def step(
    animator: Animator,
    limb: Limb,
    gait: Gait,
    path: Path,
    strides: Array,
    period: float,
    pivot: Array,
    *,
    lift: float,
) -> None:
    """Plant and lift one foot. ``strides`` (T,) counts the leg's own; it touches down at whole numbers."""
    anatomy = animator.creature.anatomy
    toe = limb.bones[-1]
    tip = animator.creature.tail_joint(toe)
    along = anatomy.tails[toe] - anatomy.heads[toe]
    flat = abs(along[2]) < 0.7 * np.linalg.norm(along)
    index = np.floor(strides)
    share = strides - index
    stance = share < gait.duty
    swing = np.clip((share - gait.duty) / (1.0 - gait.duty), 0.0, 1.0)
    ease = swing - np.sin(TURN * swing) / TURN
    raised = lift * np.sin(np.pi * swing) ** 2
    # A foothold lies where the rest pose would put the foot in the middle of its stance.
    middle = animator.times + (index + 0.5 * gait.duty - strides) * period
    joints = [(toe, anatomy.heads[toe]), (tip, anatomy.tails[toe])] if flat else [(tip, anatomy.tails[toe])]
    droop = -0.9 * np.sin(np.pi * swing) ** 2
    turned = [path.rotations(middle), path.rotations(middle + period)]
    goals = []
    base = joints[0][1]
    for joint, rest in joints:
        places = []
        for times, rotation in ((middle, turned[0]), (middle + period, turned[1])):
            places.append(path.places(times) + rotation @ (base - pivot))
        place = places[0] + ease[:, None] * (places[1] - places[0])
        place[:, 2] += raised
        if joint != joints[0][0]:
            # The toes hang while the foot is in the air.
            heading = (1 - ease)[:, None] * (turned[0] @ (rest - base)) + ease[:, None] * (
                turned[1] @ (rest - base)
            )
            level = np.linalg.norm(heading[:, :2], axis=1, keepdims=True)
            lowered = heading * np.cos(droop)[:, None]
            lowered[:, 2] += np.sin(droop) * level[:, 0]
            place = place + lowered
        goals.append(Goal(joint, place, np.where(stance, 1.0, 1.0 if joint == joints[0][0] else 0.15)))
        animator.mark_contact(joint, stance)
    animator.reach(limb, goals)
