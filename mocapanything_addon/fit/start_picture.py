# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture of one start: what was filmed with the rig's outline over it, and beside it the rig itself.

Outlines alone do not tell front from back, so the second half shows the rig in its own colours, and both
halves have an arrow the way it faces.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..ik.kinematics import State
from .crop import Crop
from .cues import paint
from .facing import facing
from .hypothesis import Hypothesis
from .overlay import OUTLINE, SUBPIXEL
from .problem import Problem

SIDE = 320
"""Pixels a side of each of the two halves."""
DIMMED = 0.35
"""Brightness of the frame behind the drawn rig."""
ARROW = 0.5
"""Length in body sizes."""
ARROW_COLOR = (255, 120, 60)
TEXT_COLOR = (255, 255, 255)


def start_picture(problem: Problem, hypothesis: Hypothesis) -> NDArray[np.uint8]:
    """RGB image (SIDE, 2 SIDE, 3) of a hypothesis in its frame.

    Args:
        problem: In whose world the hypothesis is.
        hypothesis: The best of its start.
    """
    body, clip, t = problem.body, problem.frames.clip, hypothesis.frame
    source = clip.crops[t]
    crop = Crop(source.left, source.top, source.side, SIDE)
    color = np.ascontiguousarray(clip.color[t])
    filmed = np.asarray(cv2.resize(color, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR), np.uint8)
    state = State(body.skeleton, hypothesis.pose)
    vertices = body.skin.at(state, 0).vertices.astype(np.float64)
    drawn = body.renderer.render(vertices, problem.camera, crop, colors=paint(problem))
    curves, _ = cv2.findContours(drawn.mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    outlined, shown = filmed.copy(), (filmed * DIMMED).astype(np.uint8)
    if drawn.color is not None:
        shown[drawn.mask] = drawn.color[drawn.mask]
    middle = 0.5 * (vertices.min(0) + vertices.max(0))
    ahead = hypothesis.pose.local_rotations[0, body.skeleton.root] @ facing(body) * ARROW * body.size
    ends = crop.to_crop(problem.camera.project(np.stack([middle, middle + ahead])))
    for half in (outlined, shown):
        cv2.drawContours(half, curves, -1, OUTLINE, 1, cv2.LINE_AA)
        _draw_arrow(half, ends)
    picture = np.concatenate([outlined, shown], axis=1)
    _write(picture, f"{hypothesis.start}: {hypothesis.probability:.0%}")
    return picture


def _draw_arrow(image: NDArray[np.uint8], ends: NDArray[np.float64]) -> None:
    """From the first of two points (2, 2) to the second; a dot where it points along the view."""
    if not np.isfinite(ends).all():
        return
    first, last = np.round(np.clip(ends, -4 * SIDE, 4 * SIDE) * (1 << SUBPIXEL)).astype(int).tolist()
    cv2.arrowedLine(image, first, last, ARROW_COLOR, 2, cv2.LINE_AA, SUBPIXEL, 0.25)


def _write(image: NDArray[np.uint8], text: str) -> None:
    """In the top left corner, readable on any ground."""
    for color, width in (((0, 0, 0), 4), (TEXT_COLOR, 1)):
        cv2.putText(image, text, (8, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.6, color, width, cv2.LINE_AA)
