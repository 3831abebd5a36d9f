# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rest of the body does while the legs carry it: spine, head, tail, arms, wings, ears."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..creatures.plan import Kind, Vec3
from .animator import Animator

FORWARD: Vec3 = (1.0, 0.0, 0.0)
LEFT: Vec3 = (0.0, 1.0, 0.0)
UP: Vec3 = (0.0, 0.0, 1.0)
TURN = 2.0 * np.pi


def bend(animator: Animator, kinds: tuple[Kind, ...], axis: Vec3, angle: ArrayLike) -> None:
    """Share a bend over all bones of these parts; the body root keeps its own rotation."""
    bones = [b for limb in animator.creature.limbs(*kinds) for b in limb.bones if b != 0]
    for bone in bones:
        animator.turn(bone, axis, np.asarray(angle) / len(bones))


def sway_spine(animator: Animator, phase: NDArray[np.float64], amount: float, flexion: float) -> None:
    """Bend the trunk from side to side and up and down once a stride (phase in strides)."""
    bend(animator, (Kind.TRUNK,), UP, amount * np.sin(TURN * phase))
    bend(animator, (Kind.TRUNK,), LEFT, flexion * np.sin(TURN * (phase + 0.1)))


def carry_head(animator: Animator, phase: NDArray[np.float64], *, nod: float, against: float) -> None:
    """Nod twice a stride and turn the head against the sway so that it looks ahead."""
    bend(animator, (Kind.NECK,), LEFT, nod * np.sin(2 * TURN * phase))
    bend(animator, (Kind.NECK, Kind.HEAD), UP, -against * np.sin(TURN * phase))
    for head in animator.creature.limbs(Kind.HEAD):
        animator.turn(head.bones[0], LEFT, -0.7 * nod * np.sin(2 * TURN * phase))


def swing_tail(
    animator: Animator, phase: NDArray[np.float64], *, sideways: float, lag: float = 0.11, lift: float = 0.0
) -> None:
    """A wave runs down the tail; ``sideways`` and ``lift`` are radians a bone."""
    for tail in animator.creature.limbs(Kind.TAIL):
        for i, bone in enumerate(tail.bones):
            growth = 0.6 + 0.4 * (i + 1) / len(tail.bones)
            animator.turn(bone, UP, sideways * growth * np.sin(TURN * (phase - lag * i)))
            animator.turn(bone, LEFT, lift)


def twitch(animator: Animator, amount: float) -> None:
    """Ears and feelers move a little, each side in its own time; the jaw opens and closes slightly."""
    for limb in animator.creature.limbs(Kind.EAR, Kind.FEELER):
        rate = 1.1 if limb.side > 0 else 0.83
        for bone in limb.bones:
            animator.turn(bone, LEFT, amount * np.sin(TURN * rate * animator.times + limb.side))
    for limb in animator.creature.limbs(Kind.JAW):
        animator.turn(limb.bones[0], LEFT, 0.08 - 0.08 * np.cos(TURN * 1.6 * animator.times))


def is_upright(animator: Animator) -> bool:
    """The trunk stands rather than lies."""
    trunk = animator.creature.limbs(Kind.TRUNK)[0].bones
    anatomy = animator.creature.anatomy
    along = anatomy.tails[trunk[-1]] - anatomy.heads[trunk[0]]
    return bool(along[2] > 0.7 * np.linalg.norm(along))


def swing_arms(animator: Animator, phase: NDArray[np.float64], *, swing: float, elbow: float) -> None:
    """Arms of an upright body hang and swing against the legs; others stay as they are."""
    if not is_upright(animator):
        return
    for arm in animator.creature.limbs(Kind.ARM):
        if len(arm.bones) < 3:
            continue
        upper, lower = arm.bones[-3], arm.bones[-2]
        swung = np.sin(TURN * (phase + (0.0 if arm.side > 0 else 0.5)))
        hang_arm(animator, upper, lower, elbow=elbow * (1.15 - 0.35 * swung))
        # Positive about the left axis swings what hangs backwards.
        animator.turn(upper, LEFT, swing * swung)


def hang_arm(animator: Animator, upper: int, lower: int, *, elbow: ArrayLike) -> None:
    """Let an arm hang beside the body with a bent elbow (radians)."""
    animator.aim(upper, (0.06, 0.20, -1.0))
    # The elbow bends towards negative angles.
    animator.flex(lower, -np.asarray(elbow))


def fold_wings(animator: Animator) -> None:
    """Wings lie along the body."""
    for wing in animator.creature.limbs(Kind.WING):
        for i, bone in enumerate(wing.bones):
            if i == 0:
                animator.turn(bone, UP, 1.15)
                animator.turn(bone, FORWARD, -0.25)
            else:
                animator.turn(bone, UP, -0.25 if i == 1 else 0.22)
