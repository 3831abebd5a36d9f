# SPDX-License-Identifier: GPL-3.0-or-later
"""A creature of tubes walks past: what a motion of it costs, and how far it is from the truth."""

from __future__ import annotations

import numpy as np

from mocapanything_addon.fit.clip_cost import ClipCost, clip_cost
from mocapanything_addon.fit.fit import prepare
from mocapanything_addon.fit.problem import Problem
from mocapanything_addon.fit.whole_clip import FLOW_WEIGHT
from mocapanything_addon.ik.kinematics import forward
from mocapanything_addon.ik.motion import Motion
from tests.fit import filmed_tubes

RIG = filmed_tubes.long_necked_rig()
FRAMES = 26
CAMERA = filmed_tubes.camera_at(0.15)


def ignored(*_: object) -> None:
    """No one is told."""


def walking() -> Motion:
    """Seen obliquely, legs swinging, the same every ten frames."""
    return filmed_tubes.walking(RIG, np.full(FRAMES, np.radians(60.0)), period=10.0, swing=0.55)


def walk_problem() -> Problem:
    """Its film, to be captured."""
    return prepare(RIG, filmed_tubes.film(RIG, walking(), CAMERA, frame_rate=24.0), camera=CAMERA)


def cost_of(problem: Problem, motion: Motion) -> ClipCost:
    return clip_cost(problem, motion, ignored, stage="test", flow_weight=FLOW_WEIGHT)


def joints_off(problem: Problem, motion: Motion, frames: slice = slice(0, FRAMES)) -> float:
    """Mean, in body sizes."""
    true, found = (forward(problem.body.skeleton, m).positions[frames] for m in (walking(), motion))
    return float(np.linalg.norm(true - found, axis=-1).mean() / problem.body.size)
