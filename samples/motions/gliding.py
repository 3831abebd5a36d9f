# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways to go without legs: flying, swimming, slithering."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mocapanything_addon.ik.rotations import exp

from ..creatures.creature import Creature
from ..creatures.plan import Kind
from .animator import Animator, Clip
from .path import Path
from .secondary import FORWARD, LEFT, UP, bend, swing_tail, twitch

Array = NDArray[np.float64]
TURN = 2.0 * np.pi


def fly(
    creature: Creature,
    times: Array,
    *,
    turn: float = 0.0,
    heading: float = 0.0,
    effort: float = 1.0,
    altitude: float = 0.5,
    speed: float = 1.1,
    phase: float = 0.0,
) -> Clip:
    """Flap along a path.

    Args:
        creature: One with wings.
        times: (T,) seconds.
        turn: Radians a second to the left; the body banks into it.
        heading: Radians to the left of -y in the middle of the clip.
        effort: Scales the beat.
        altitude: Height of the lowest point at rest above the ground, in body sizes.
        speed: Body sizes a second.
        phase: Where in the beat the clip begins.
    """
    animator = Animator(creature, times)
    size = creature.rig.size
    rate = 2.1 / np.sqrt(size)
    beats = rate * times + phase
    path = Path(speed * size, turn=turn, middle=0.5 * float(times[0] + times[-1]), heading=heading)
    bank = exp((-0.5 * turn) * np.array([0.0, -1.0, 0.0]))
    pitch = exp((-0.10 + 0.05 * np.sin(TURN * beats))[:, None] * np.array([1.0, 0.0, 0.0]))
    translation = path.places(times)
    # The body rises while the wings go down.
    translation[:, 2] += altitude * size + 0.035 * effort * size * np.sin(TURN * (beats + 0.30))
    animator.place_body(translation, path.rotations(times) @ bank @ pitch)
    stroke = np.sin(TURN * beats)
    rising = np.maximum(np.cos(TURN * beats), 0.0)
    for wing in creature.limbs(Kind.WING):
        for i, bone in enumerate(wing.bones):
            late = np.sin(TURN * (beats - 0.07 * i))
            beat = 0.62 if i == 0 else 0.20
            animator.turn(bone, FORWARD, effort * (beat * late + (0.10 if i == 0 else 0.0)))
            # On the way up the wing is half folded and twisted, on the way down it is spread.
            fold = (0.15, -0.35, 0.25)[min(i, 2)]
            animator.turn(bone, UP, effort * fold * rising)
        animator.turn(wing.bones[0], LEFT, -0.22 * effort * np.cos(TURN * beats))
    _tuck_legs(animator)
    bend(animator, (Kind.NECK,), LEFT, 0.35 - 0.06 * stroke)
    for head in creature.limbs(Kind.HEAD):
        animator.turn(head.bones[0], LEFT, -0.15 + 0.06 * stroke)
    swing_tail(animator, beats, sideways=0.03, lift=0.03)
    return animator.finish("fly")


def _tuck_legs(animator: Animator) -> None:
    for leg in animator.creature.legs:
        for i, bone in enumerate(leg.bones):
            animator.turn(bone, LEFT, (0.5, 0.45, -0.6, 0.9)[min(i, 3)])


def swim(
    creature: Creature,
    times: Array,
    *,
    turn: float = 0.0,
    heading: float = 0.0,
    effort: float = 1.0,
    altitude: float = 0.4,
    phase: float = 0.0,
) -> Clip:
    """A wave runs from head to tail and grows (Lighthill's carangiform swimming); fins scull.

    Arguments as for :func:`fly`; ``effort`` also scales the speed.
    """
    animator = Animator(creature, times)
    size = creature.rig.size
    beats = 1.3 / np.sqrt(size) * times + phase
    path = Path(0.7 * effort * size, turn=turn, middle=0.5 * float(times[0] + times[-1]), heading=heading)
    yaw = exp((0.10 * effort * np.sin(TURN * (beats + 0.1)))[:, None] * np.array([0.0, 0.0, 1.0]))
    roll = exp((-0.3 * turn + 0.03 * np.sin(TURN * beats))[:, None] * np.array([0.0, -1.0, 0.0]))
    translation = path.places(times)
    translation[:, 2] += altitude * size + 0.02 * size * np.sin(TURN * 0.4 * times)
    animator.place_body(translation, path.rotations(times) @ yaw @ roll)
    bend(animator, (Kind.TRUNK, Kind.NECK, Kind.HEAD), UP, -0.16 * effort * np.sin(TURN * (beats + 0.2)))
    chain = [bone for tail in creature.limbs(Kind.TAIL) for bone in tail.bones]
    for i, bone in enumerate(chain):
        grown = 0.25 + 0.75 * (i + 1) / len(chain)
        lag = 0.55 * (i + 1) / len(chain)
        animator.turn(bone, UP, effort * (1.5 / len(chain)) * grown * np.sin(TURN * (beats - lag)))
    for fin in creature.limbs(Kind.FIN, Kind.WING):
        for i, bone in enumerate(fin.bones):
            animator.turn(bone, FORWARD, 0.28 * np.sin(TURN * (0.8 * beats - 0.15 * i)))
            animator.turn(bone, LEFT, 0.18 * np.cos(TURN * (0.8 * beats - 0.15 * i)))
    _tuck_legs(animator)
    twitch(animator, 0.1)
    return animator.finish("swim")


def slither(
    creature: Creature,
    times: Array,
    *,
    heading: float = 0.0,
    effort: float = 1.0,
    waves: float = 1.6,
    phase: float = 0.0,
) -> Clip:
    """Lateral undulation: every bone follows the same serpenoid curve over the ground (Hirose 1993).

    Args:
        creature: One with trunk bones in a row and no legs.
        times: (T,) seconds.
        heading: Radians to the left of -y.
        effort: Scales the speed.
        waves: Waves along the body.
        phase: Where on the curve the clip begins, in waves.
    """
    animator = Animator(creature, times)
    anatomy = creature.anatomy
    lengths = np.linalg.norm(anatomy.tails - anatomy.heads, axis=1)
    front = [b for limb in creature.limbs(Kind.TRUNK, Kind.NECK, Kind.HEAD) for b in limb.bones]
    back = [b for limb in creature.limbs(Kind.TAIL) for b in limb.bones]
    body = float(lengths[front].sum() + lengths[back].sum())
    wave = body / waves
    # The angle between neighbours is largest at the crests; it must stay in reach of the joints.
    longest = float(lengths[[*front, *back]].max())
    reach = np.degrees(min(_smallest_bend(creature, bone) for bone in [*front[1:], *back]))
    amplitude = min(0.95, 0.8 * np.radians(reach) * wave / (TURN * longest))
    speed = 0.30 * effort * body
    middle = 0.5 * float(times[0] + times[-1])
    start = speed * (times - middle) + phase * wave

    def heading_at(arc: Array) -> Array:
        return amplitude * np.sin(TURN * arc / wave)

    samples = np.linspace(-2.5, 2.5, 8001) * max(body, speed * float(times[-1]) + body)
    samples += phase * wave
    steps = np.diff(samples)
    centres = heading_at(samples[:-1] + 0.5 * steps)
    curve = np.zeros((len(samples), 2))
    curve[1:, 0] = np.cumsum(np.sin(centres) * steps)
    curve[1:, 1] = np.cumsum(-np.cos(centres) * steps)

    def place(arc: Array) -> Array:
        return np.stack([np.interp(arc, samples, curve[:, k]) for k in range(2)], axis=-1)

    origin = place(np.array([phase * wave]))[0]
    yaws: dict[int, Array] = {}
    for bones, direction in ((front, 1.0), (back, -1.0)):
        arc = start
        for bone in bones:
            ahead = arc + direction * lengths[bone]
            chord = direction * (place(ahead) - place(arc))
            yaws[bone] = np.unwrap(np.arctan2(chord[:, 0], -chord[:, 1]))
            arc = ahead
    root = np.zeros((len(times), 3))
    root[:, :2] = place(start) - origin
    turned = exp(np.array([0.0, 0.0, heading]))
    animator.place_body(root @ turned.T, turned @ exp(yaws[0][:, None] * np.array([0.0, 0.0, 1.0])))
    for bone in [*front, *back]:
        parent = int(anatomy.parents[bone])
        if parent >= 0:
            animator.turn(bone, UP, yaws[bone] - yaws[parent])
    for i, bone in enumerate(front[-5:-1]):
        animator.turn(bone, LEFT, -0.10 if i < 3 else 0.12)
    twitch(animator, 0.1)
    return animator.finish("slither")


def _smallest_bend(creature: Creature, bone: int) -> float:
    """Radians a bone may turn sideways either way."""
    limits = np.abs(creature.anatomy.limits[bone])
    return float(min(limits[0].min(), limits[2].min()))
