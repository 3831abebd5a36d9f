# SPDX-License-Identifier: GPL-3.0-or-later
"""Marks over a picture, in pixels of its region."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import bpy
import gpu
from gpu_extras.batch import batch_for_shader

SUBJECT_COLOR = (1.0, 0.6, 0.0, 1.0)
OTHER_COLOR = (0.95, 0.15, 0.15, 1.0)
SHADOW = (0.0, 0.0, 0.0, 0.7)
ARM = 9.0
"""Of a cross, pixels at scale 1."""

Place = tuple[float, float]


def draw_cross(at: Place, *, is_other: bool) -> None:
    """A click: upright on the subject, lying (x) on something else."""
    arm = ARM * bpy.context.preferences.system.ui_scale
    x, y = at
    ends = [(x - arm, y), (x + arm, y), (x, y - arm), (x, y + arm)]
    if is_other:
        ends = [(x - arm, y - arm), (x + arm, y + arm), (x - arm, y + arm), (x + arm, y - arm)]
    _draw_lines(ends, OTHER_COLOR if is_other else SUBJECT_COLOR)


def draw_box(first: Place, second: Place) -> None:
    """A box between two opposite corners."""
    (x0, y0), (x1, y1) = first, second
    corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]
    lines = [corner for pair in pairwise(corners) for corner in pair]
    _draw_lines(lines, SUBJECT_COLOR)


def _draw_lines(places: Sequence[Place], color: tuple[float, ...]) -> None:
    """Pairs of places, joined, on a dark shadow so that they show on any picture."""
    scale = bpy.context.preferences.system.ui_scale
    shader = gpu.shader.from_builtin("POLYLINE_UNIFORM_COLOR")
    batch = batch_for_shader(shader, "LINES", {"pos": [(x, y, 0.0) for x, y in places]})
    gpu.state.blend_set("ALPHA")
    for width, ink in ((5.0, SHADOW), (2.0, color)):
        shader.uniform_float("viewportSize", gpu.state.viewport_get()[2:])
        shader.uniform_float("lineWidth", width * scale)
        shader.uniform_float("color", ink)
        batch.draw(shader)
    gpu.state.blend_set("NONE")
