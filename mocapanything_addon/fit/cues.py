# SPDX-License-Identifier: GPL-3.0-or-later
"""What outlines cannot tell: a body and its twin, mirrored in depth, have the same outline.

Two cues tell them apart. Creatures travel along their own length, so the way the subject goes through the
scene says how its body is turned. And where the rig is painted like the subject, the colours agree on one of
the two only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..ik import rotations
from ..ik.kinematics import State
from .problem import Problem
from .start import Hypothesis

TRAVEL_WEIGHT = 0.2
FAR = 0.6
"""Body lengths travelled over the clip at which the direction has half its say."""
COLOR_WEIGHT = 0.4
UNUSUAL_WEIGHT = 0.4
"""A kneeling body looks like a standing one farther away: without need, the start is near the rest pose."""
UNLIKE, ALIKE = 0.35, 0.65
"""Best colour correlation below which the paint is not the subject's, and above which it is."""
FEWEST_PIXELS = 50


def ranked_by_cues(problem: Problem, hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
    """The hypotheses with what travel, colours and their start pose say in their scores, best first."""
    agreement = np.array([color_agreement(problem, h) for h in hypotheses])
    trust = float(np.clip((agreement.max() - UNLIKE) / (ALIKE - UNLIKE), 0.0, 1.0))
    direction = travel(problem)
    scored = [
        replace(
            h,
            score=h.score
            + COLOR_WEIGHT * trust * float(a)
            + TRAVEL_WEIGHT * _along(problem, h, direction)
            - UNUSUAL_WEIGHT * _unusual(problem, h),
        )
        for h, a in zip(hypotheses, agreement, strict=True)
    ]
    return sorted(scored, key=lambda h: -h.score)


def travel(problem: Problem) -> NDArray[np.float64]:
    """(3,) horizontal way of the subject over the clip; its length is how much it says, 0 to 1.

    Where the subject is comes from the place and area of its mask, seen by the problem's camera, which is
    taken to stand still. Straight lines are laid through both, because areas breathe with the gait.
    """
    frames, camera, body = problem.frames, problem.camera, problem.body
    known = np.flatnonzero(frames.is_whole)
    if len(known) < 3:
        return np.zeros(3)
    centers, areas = np.zeros((len(known), 2)), np.zeros(len(known))
    for row, t in enumerate(known):
        crop = frames.window(int(t))[1]
        rows, columns = np.nonzero(frames.mask(int(t)))
        centers[row] = crop.to_image(np.array([columns.mean(), rows.mean()]))
        areas[row] = len(rows) / crop.scale**2
    times = frames.clip.times[known]
    # Depth in units of a body that fills one square unit: only ratios matter.
    depth = camera.focal / np.sqrt(np.maximum(areas, 1.0))
    slope, offset = np.polyfit(times, np.log(depth), 1)
    depth = np.exp(offset + slope * times)
    places = np.concatenate(
        [(centers - camera.center) / camera.focal * depth[:, None], depth[:, None]], axis=1
    )
    way = np.array([np.polyfit(times, places[:, k], 1)[0] for k in range(3)]) * (times[-1] - times[0])
    way = camera.rotation.T @ way
    way -= body.up * (way @ body.up)
    length = float(np.linalg.norm(way))
    # The root of the side view's area is about half a body's length.
    says = length**2 / (length**2 + (2.0 * FAR) ** 2)
    return way / max(length, 1e-9) * says


def _along(problem: Problem, hypothesis: Hypothesis, direction: NDArray[np.float64]) -> float:
    """How well the body's length lies along the way, -1/2 to 1/2; either way round: some walk backwards."""
    symmetry = problem.body.symmetry
    says = float(np.linalg.norm(direction))
    if symmetry is None or says == 0.0:
        return 0.0
    rotation = hypothesis.pose.local_rotations[0, problem.body.skeleton.root]
    forward = rotation @ np.cross(problem.body.up, symmetry.axis)
    forward -= problem.body.up * (forward @ problem.body.up)
    cosine = float(forward @ direction) / max(float(np.linalg.norm(forward)) * says, 1e-9)
    return says * (cosine**2 - 0.5)


def _unusual(problem: Problem, hypothesis: Hypothesis) -> float:
    """How far the start pose is from rest, 0 to 1."""
    moving = problem.body.skeleton.moving[1:]
    if not len(moving):
        return 0.0
    angle = rotations.angle_between(np.eye(3), hypothesis.start_pose.local_rotations[moving])
    return float(np.mean(angle**2 / (1.0 + angle**2)))


def color_agreement(problem: Problem, hypothesis: Hypothesis) -> float:
    """Correlation, -1 to 1, of the rig's own colours with the video's where both show the subject."""
    body, frames, t = problem.body, problem.frames, hypothesis.frame
    vertices = body.skin.at(State(body.skeleton, hypothesis.pose), 0).vertices.astype(np.float64)
    level, crop = frames.window(t, problem.camera.project(vertices))
    drawn = body.renderer.render(vertices, problem.camera, crop, colors=_paint(problem))
    both = drawn.mask & frames.mask(t, level)
    if drawn.color is None or int(both.sum()) < FEWEST_PIXELS:
        return 0.0
    source = frames.clip.crops[t]
    to_image = np.vstack([source.affine_from_image(), [0.0, 0.0, 1.0]])
    matrix = np.vstack([crop.affine_from_image(), [0.0, 0.0, 1.0]]) @ np.linalg.inv(to_image)
    color = np.ascontiguousarray(frames.clip.color[t])
    filmed = np.asarray(cv2.warpAffine(color, matrix[:2].astype(np.float64), (crop.size, crop.size)))
    # Blurred: a pose that is only nearly right puts every patch a little beside its place.
    a, b = (cv2.GaussianBlur(image, (0, 0), 2.0)[both].astype(float) for image in (filmed, drawn.color))
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum() + 1e-9))


def _paint(problem: Problem) -> NDArray[np.float64]:
    """(V, 3) 0 to 1 colours of the light mesh, from the nearest of the rig's vertices."""
    rig, mesh = problem.body.rig, problem.body.mesh
    _, nearest = cKDTree(rig.vertices).query(mesh.vertices)
    return rig.vertex_colors[nearest] / 255.0
