# SPDX-License-Identifier: GPL-3.0-or-later
"""What outlines cannot tell: a body and its twin, mirrored in depth, have the same outline.

Two cues tell them apart. Creatures travel along their own length, so the way the subject goes through the
scene says how its body is turned. And where the rig is painted like the subject, the colours agree on one of
the two only.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..ik.kinematics import State
from .facing import facing
from .hypothesis import Hypothesis
from .problem import Problem
from .scene_motion import scene_places

FAR = 0.6
"""Body lengths travelled over the clip at which the direction has half its say."""
MOST_FRAMES = 48
"""That the way is laid through."""
UNLIKE, ALIKE = 0.35, 0.65
"""Best colour correlation below which the paint is not the subject's, and above which it is."""
FEWEST_PIXELS = 50


@dataclass(frozen=True, eq=False)
class Cues:
    """What is the same for all hypotheses of a capture."""

    problem: Problem
    way: NDArray[np.float64]
    """(3,) in camera axes: :func:`travel`."""
    facing: NDArray[np.float64]
    """(3,) see :func:`facing`."""
    paint: NDArray[np.float64]
    """(V, 3) 0 to 1 colours of the light mesh."""

    @classmethod
    def of(cls, problem: Problem) -> Cues:
        """Measure them."""
        return cls(problem, travel(problem), facing(problem.body), paint(problem))

    def ahead(self, hypothesis: Hypothesis, tilted: Problem) -> float:
        """How far the subject goes the way that the body looks, -1 (backwards) to 1."""
        up = self.problem.body.up
        way = tilted.camera.rotation.T @ self.way
        way -= up * (way @ up)
        looks = hypothesis.pose.local_rotations[0, self.problem.body.skeleton.root] @ self.facing
        looks -= up * (looks @ up)
        return float(looks @ way)


def trust_in_colors(agreement: NDArray[np.float64]) -> float:
    """How much the colours count, 0 to 1, by the best agreement of all hypotheses."""
    return float(np.clip((agreement.max(initial=0.0) - UNLIKE) / (ALIKE - UNLIKE), 0.0, 1.0))


def travel(problem: Problem) -> NDArray[np.float64]:
    """(3,) way of the subject over the clip, camera axes; its length is how much it says, 0 to 1.

    Where the subject is comes from the place of its mask before the scene (the camera may pan) and from its
    area, seen by the problem's camera. Straight lines are laid through both, because areas breathe with the
    gait.
    """
    frames, camera = problem.frames, problem.camera
    known = np.flatnonzero(frames.is_whole)
    known = known[np.unique(np.linspace(0, len(known) - 1, MOST_FRAMES).astype(int))] if len(known) else known
    if len(known) < 3:
        return np.zeros(3)
    centers, areas = np.zeros((len(known), 2)), np.zeros(len(known))
    for row, t in enumerate(known):
        crop = frames.window(int(t))[1]
        rows, columns = np.nonzero(frames.mask(int(t)))
        centers[row] = crop.to_image(np.array([columns.mean(), rows.mean()]))
        areas[row] = len(rows) / crop.scale**2
    centers -= scene_places(frames, known)
    times = frames.clip.times[known]
    # Depth in units of a body that fills one square unit: only ratios matter.
    depth = camera.focal / np.sqrt(np.maximum(areas, 1.0))
    slope, offset = np.polyfit(times, np.log(depth), 1)
    depth = np.exp(offset + slope * times)
    places = np.concatenate(
        [(centers - camera.center) / camera.focal * depth[:, None], depth[:, None]], axis=1
    )
    way = np.array([np.polyfit(times, places[:, k], 1)[0] for k in range(3)]) * (times[-1] - times[0])
    length = float(np.linalg.norm(way))
    # The root of the side view's area is about half a body's length.
    says = length**2 / (length**2 + (2.0 * FAR) ** 2)
    return way / max(length, 1e-9) * says


def color_agreement(problem: Problem, hypothesis: Hypothesis, paint: NDArray[np.float64]) -> float:
    """Correlation, -1 to 1, of the rig's own colours with the video's where both show the subject."""
    body, frames, t = problem.body, problem.frames, hypothesis.frame
    vertices = body.skin.at(State(body.skeleton, hypothesis.pose), 0).vertices.astype(np.float64)
    level, crop = frames.window(t, problem.camera.project(vertices))
    drawn = body.renderer.render(vertices, problem.camera, crop, colors=paint)
    both = drawn.mask & frames.mask(t, level)
    if drawn.color is None or int(both.sum()) < FEWEST_PIXELS:
        return 0.0
    matrix = frames.clip.crops[t].affine_to(crop)
    color = np.ascontiguousarray(frames.clip.color[t])
    filmed = np.asarray(cv2.warpAffine(color, matrix, (crop.size, crop.size)))
    # Blurred: a pose that is only nearly right puts every patch a little beside its place.
    a, b = (cv2.GaussianBlur(image, (0, 0), 2.0)[both].astype(float) for image in (filmed, drawn.color))
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum() + 1e-9))


def paint(problem: Problem) -> NDArray[np.float64]:
    """(V, 3) 0 to 1 colours of the light mesh, from the nearest of the rig's vertices."""
    rig, mesh = problem.body.rig, problem.body.mesh
    _, nearest = cKDTree(rig.vertices).query(mesh.vertices)
    return rig.vertex_colors[nearest] / 255.0
