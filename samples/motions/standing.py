# SPDX-License-Identifier: GPL-3.0-or-later
"""Actions on the spot: the body moves over planted feet."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik.rotations import exp

from ..creatures.anatomy import Limb
from ..creatures.creature import Creature
from ..creatures.plan import Kind
from .animator import Animator, Clip, gentlest
from .limb_ik import Goal
from .secondary import (
    FORWARD,
    LEFT,
    UP,
    bend,
    fold_wings,
    hang_arm,
    is_upright,
    swing_arms,
    swing_tail,
    twitch,
)

Array = NDArray[np.float64]
TURN = 2.0 * np.pi


def ease(times: Array, start: float, end: float) -> Array:
    """(T,) 0 before ``start``, 1 after ``end``, smooth between."""
    t = np.clip((times - start) / (end - start), 0.0, 1.0)
    return t * t * t * (t * (6.0 * t - 15.0) + 10.0)


def graze(creature: Creature, times: Array, *, heading: float = 0.0) -> Clip:
    """Lower the head to the ground, nibble from side to side, raise it again."""
    return gentlest(creature, partial(_graze, creature, times, heading))


def _graze(creature: Creature, times: Array, heading: float, amount: float) -> Clip:
    animator = Animator(creature, times)
    length = float(times[-1])
    down = ease(times, 0.05 * length, 0.40 * length) - ease(times, 0.78 * length, 0.98 * length)
    shift = 0.05 * amount * down[:, None] * animator.leg_length
    _stand(animator, heading, shift * [0.0, 0.4, -1.6], pitch=0.14 * amount * down)
    bend(animator, (Kind.NECK,), LEFT, 1.5 * down)
    bend(animator, (Kind.NECK,), UP, 0.35 * down * np.sin(TURN * 0.5 * times))
    for head in creature.limbs(Kind.HEAD):
        animator.turn(head.bones[0], LEFT, -0.25 * down + 0.10 * down * np.sin(TURN * 2.2 * times))
    swing_tail(animator, times * 0.9, sideways=0.25)
    twitch(animator, 0.2)
    fold_wings(animator)
    return animator.finish("graze")


def sit(creature: Creature, times: Array, *, heading: float = 0.0) -> Clip:
    """Four legs: lower the haunches and rear the chest, hold, look around."""
    return gentlest(creature, partial(_sit, creature, times, heading))


def _sit(creature: Creature, times: Array, heading: float, amount: float) -> Clip:
    animator = Animator(creature, times)
    length = float(times[-1])
    down = amount * ease(times, 0.1 * length, 0.6 * length)
    leg = animator.leg_length
    _stand(animator, heading, leg * down[:, None] * np.array([0.0, -0.16, -0.38]), pitch=-0.40 * down)
    bend(animator, (Kind.TRUNK,), LEFT, 0.10 * down)
    bend(animator, (Kind.NECK, Kind.HEAD), LEFT, 0.25 * down)
    bend(animator, (Kind.NECK, Kind.HEAD), UP, 0.6 * down * np.sin(TURN * 0.45 * times))
    swing_tail(animator, times * 1.6, sideways=0.3, lift=0.0)
    twitch(animator, 0.2)
    return animator.finish("sit")


def idle(creature: Creature, times: Array, *, heading: float = 0.0) -> Clip:
    """Breathe, shift the weight, look around."""
    animator = Animator(creature, times)
    slow = np.sin(TURN * 0.35 * times)
    leg = animator.leg_length
    shift = leg * np.stack([0.03 * slow, 0.01 * np.sin(TURN * 0.5 * times), -0.02 - 0.01 * slow**2], axis=1)
    _stand(animator, heading, shift, pitch=0.02 * slow)
    bend(animator, (Kind.NECK, Kind.HEAD), UP, 0.7 * np.sin(TURN * 0.4 * times + 0.6))
    swing_arms(animator, 0.35 * times, swing=0.08, elbow=0.25)
    swing_tail(animator, times * 0.8, sideways=0.2)
    twitch(animator, 0.15)
    fold_wings(animator)
    return animator.finish("idle")


def wave(creature: Creature, times: Array, *, heading: float = 0.0) -> Clip:
    """An upright body raises its left arm and waves; the other arm hangs.

    Raises ValueError for a body that is not upright or has no arms.
    """
    animator = Animator(creature, times)
    arms = [arm for arm in creature.limbs(Kind.ARM) if len(arm.bones) >= 3]
    if not arms or not is_upright(animator):
        raise ValueError(f"{creature.plan.name} has no arms to wave with")
    length = float(times[-1])
    up = ease(times, 0.05 * length, 0.30 * length) - ease(times, 0.82 * length, 0.98 * length)
    _stand(animator, heading, np.stack([0.03 * up, 0 * up, -0.02 + 0 * up], axis=1), pitch=0.0 * up)
    swing = up * np.sin(TURN * 1.7 * times)
    for arm in arms:
        upper, lower, hand = arm.bones[-3:]
        if arm.side < 0:
            hang_arm(animator, upper, lower, elbow=0.25)
            continue
        raised = np.stack([0.06 + 0.25 * up, 0.22 + 0.9 * up, -1.0 + 1.1 * up], axis=1)
        animator.aim(upper, raised)
        animator.flex(lower, -0.25 - 1.15 * up - 0.35 * swing)
        animator.turn(lower, FORWARD, 0.25 * swing)
        animator.turn(hand, FORWARD, 0.3 * swing)
    bend(animator, (Kind.TRUNK,), FORWARD, 0.06 * up)
    bend(animator, (Kind.NECK, Kind.HEAD), UP, 0.25 * up)
    twitch(animator, 0.0)
    return animator.finish("wave")


def jump(creature: Creature, times: Array, *, heading: float = 0.0, height: float = 0.35) -> Clip:
    """Crouch, leap, land. ``height`` in leg lengths."""
    return gentlest(creature, partial(_jump, creature, times, heading, height))


def _jump(creature: Creature, times: Array, heading: float, height: float, amount: float) -> Clip:
    animator = Animator(creature, times)
    leg = animator.leg_length
    length = float(times[-1])
    takeoff = 0.45 * length
    flight = 2.0 * np.sqrt(2.0 * height * leg / 9.81)
    landing = takeoff + flight
    crouch = 0.30 * (ease(times, 0.08 * length, takeoff - 0.12) - ease(times, takeoff - 0.14, takeoff))
    crouch += 0.24 * (ease(times, landing, landing + 0.12) - ease(times, landing + 0.15, landing + 0.55))
    crouch *= amount
    airborne = np.clip((times - takeoff) / flight, 0.0, 1.0)
    rise = 4.0 * height * leg * airborne * (1.0 - airborne)
    in_air = (airborne > 0.0) & (airborne < 1.0)
    body = np.stack([0 * rise, 0 * rise, rise - leg * (0.03 + crouch)], axis=1)
    _stand(
        animator,
        heading,
        body,
        pitch=0.6 * crouch * (1.0 if is_upright(animator) else 0.2),
        feet=0.85 * rise,
        planted=~in_air,
    )
    lift = ease(times, takeoff - 0.25, takeoff) - ease(times, landing - 0.1, landing + 0.3)
    if is_upright(animator):
        for arm in (a for a in creature.limbs(Kind.ARM) if len(a.bones) >= 3):
            upper, lower = arm.bones[-3], arm.bones[-2]
            hang_arm(animator, upper, lower, elbow=0.5)
            animator.turn(upper, LEFT, 1.2 * crouch * (1 - lift) - 1.6 * lift)
    bend(animator, (Kind.NECK, Kind.HEAD), LEFT, -0.5 * crouch)
    swing_tail(animator, times, sideways=0.1, lift=0.0)
    fold_wings(animator)
    return animator.finish("jump")


def _stand(
    animator: Animator,
    heading: float,
    shift: Array,
    *,
    pitch: Array,
    feet: Array | None = None,
    planted: NDArray[np.bool_] | None = None,
) -> None:
    """Move the body by ``shift`` (T, 3), in its own axes, and pitch it (T,), front down, over feet at rest.

    ``feet`` (T,) raises them; they count as on the ground where ``planted``.
    """
    turned = exp(np.array([0.0, 0.0, heading]))
    root = animator.creature.rig.rest_positions[0]
    front = exp(np.asarray(pitch)[:, None] * np.array([1.0, 0.0, 0.0]))
    animator.place_body((root + shift) @ turned.T - root, turned @ front)
    height = np.zeros(animator.frame_count) if feet is None else feet
    on_ground = np.ones(animator.frame_count, bool) if planted is None else planted
    animator.limit()
    for leg in animator.creature.legs:
        _plant(animator, leg, turned, height, on_ground)


def _plant(animator: Animator, leg: Limb, turned: Array, height: Array, on_ground: NDArray[np.bool_]) -> None:
    anatomy = animator.creature.anatomy
    toe = leg.bones[-1]
    tip = animator.creature.tail_joint(toe)
    along = anatomy.tails[toe] - anatomy.heads[toe]
    flat = abs(along[2]) < 0.7 * np.linalg.norm(along)
    goals = []
    ball = [(toe, anatomy.heads[toe])] if flat else []
    for joint, place in [*ball, (tip, anatomy.tails[toe])]:
        raised = (turned @ place) + height[:, None] * np.array([0.0, 0.0, 1.0])
        goals.append(Goal(joint, raised, np.ones(animator.frame_count)))
        animator.mark_contact(joint, on_ground)
    animator.reach(leg, goals)
