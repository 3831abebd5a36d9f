# SPDX-License-Identifier: GPL-3.0-or-later
"""Is the subject a body of the same kind as the rig? K kinds, see body_kinds.py.

A fit cannot tell: bent far enough, a man covers a galloping donkey nearly as well as another horse does. So
both are shown to the same network as they are: the subject as its masks have it, the rig in
its start poses from all round. What the network mistakes in one it mistakes in the other too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .body_kinds import kind_probabilities
from .outlines import Outlines, normalised
from .problem import Problem
from .start_poses import passing_poses, start_poses
from .views import draw_views

FRAMES = 12
"""In which the subject is looked at, at most."""
HEADINGS = np.arange(12) * np.pi / 6.0
ELEVATIONS = np.radians([0.0, 15.0, 35.0])
"""From which the rig is drawn, radians."""
AWAY = 3.0
"""Of the camera, body sizes."""
LEAST_SHARED = 1e-3
"""The network is never surer than that."""


def kinds_apart(problem: Problem, frames: list[int]) -> float:
    """How far apart the kinds of body are that the subject and the rig show: 0 where they are the same.

    Args:
        problem: The capture.
        frames: In which the subject is seen well.
    """
    return apart(subject_kinds(problem, frames), rig_kinds(problem))


def apart(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Bhattacharyya distance of two distributions (K,): less the natural logarithm of what they
    share."""
    return float(-np.log(np.clip(np.sqrt(first * second).sum(), LEAST_SHARED, 1.0)))


def subject_kinds(problem: Problem, frames: list[int]) -> NDArray[np.float32]:
    """(K,) probabilities, mean over frames."""
    images = []
    for frame in frames:
        level, _ = problem.frames.window(frame)
        images.append(normalised(problem.frames.mask(frame, level)))
    return np.asarray(kind_probabilities(Outlines.of(images).masks).mean(axis=0))


def rig_kinds(problem: Problem) -> NDArray[np.float32]:
    """(K,) probabilities, mean over the rig's start poses from all round."""
    body = problem.body
    poses = [*start_poses(body), *passing_poses(body)]
    views = draw_views(problem, poses, ELEVATIONS, HEADINGS, AWAY * body.size, lambda _: None)
    return np.asarray(kind_probabilities(views.outlines.masks).mean(axis=0))
