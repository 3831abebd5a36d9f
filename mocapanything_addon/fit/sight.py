# SPDX-License-Identifier: GPL-3.0-or-later
"""One look: the body drawn as posed in one frame, compared with the video."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..ik.kinematics import State
from ..ik.skinning import PosedSkin
from .evidence.flow import flow_observations
from .evidence.observations import MotionObservations, PlaceObservations
from .evidence.silhouette import silhouette_observations
from .lost_limbs import LostJoints, find_lost_limbs
from .parts import PartMap
from .problem import Problem
from .renderer import Rendering
from .sampling import MeshPoints, draw_visible, to_source

FAR = 24.0
"""Window pixels from which on outlines are just far apart."""


@dataclass(frozen=True, eq=False)
class Sight:
    """What one look at one frame gave."""

    frame: int
    points: MeshPoints
    """S surface points that are visible and lie on the subject."""
    pixels: NDArray[np.float64]
    """(S, 2) where, source pixels."""
    silhouette: PlaceObservations | None
    overlap: float
    """Intersection over union of the posed mesh and the mask, inside the image; 0 without a subject."""
    lost: LostJoints | None
    """Joints of limbs that should be elsewhere; None where nothing is missing, or was not looked for."""
    visible_area: NDArray[np.float64]
    """(J,) how much of each joint's own surface is visible and on the subject, the fit's pixels squared."""
    hidden_share: NDArray[np.float64]
    """(J,) share of each joint's own drawn surface before which something stands; of joints without any, that
    of the whole body."""
    parts: PartMap


def look(problem: Problem, posed: PosedSkin, frame: int, *, sigma: float, lost_limbs: bool = False) -> Sight:
    """Draw the body and gather what can be compared.

    Args:
        problem: The capture.
        posed: The skin in the pose to look at.
        frame: Which frame of the clip it is compared with.
        sigma: Robust width of the silhouette, the fit's pixels.
        lost_limbs: Look for these too.
    """
    body, frames = problem.body, problem.frames
    vertices = posed.vertices.astype(np.float64)
    level, crop = frames.window(frame, problem.camera.project(vertices))
    rendering = body.render(vertices, problem.camera, crop)
    parts = PartMap.of(rendering, body.mesh.face_joints, crop)
    points, at = draw_visible(rendering, body.mesh.face_joints, problem.samples, problem.rng)
    if not frames.has_subject[frame]:
        nothing = np.zeros(body.skeleton.joint_count)
        return Sight(frame, points[:0], np.zeros((0, 2)), None, 0.0, None, nothing, nothing, parts)
    mask, trusted = frames.mask(frame, level), frames.trusted(frame, level)
    on = mask[at[:, 1], at[:, 0]]
    drawn = frames.seen_of(rendering.mask, frame, crop)
    silhouette = silhouette_observations(
        rendering,
        drawn,
        crop,
        frames.contour(frame, level),
        trusted,
        sigma=sigma,
        count=problem.outline_samples,
        rng=problem.rng,
    )
    area = _visible_area(problem, rendering, mask)
    lost = None
    if lost_limbs:
        lost = find_lost_limbs(problem, posed.positions, rendering, crop, mask, trusted, area)
    return Sight(
        frame=frame,
        points=points[on],
        pixels=to_source(at[on], crop),
        silhouette=silhouette,
        overlap=outline_overlap(drawn, mask, trusted),
        lost=lost,
        visible_area=area / (crop.scale * problem.pixel[frame]) ** 2,
        hidden_share=_hidden_share(problem, rendering, frames.hidden(frame, crop) & ~mask),
        parts=parts,
    )


def motion_between(
    problem: Problem, state: State, here: Sight, frame: int, row: int, *, total_weight: float
) -> MotionObservations:
    """Where the points of a look went in another frame.

    Args:
        problem: The capture.
        state: A motion that says where they are expected.
        here: The look.
        frame: The other frame of the clip.
        row: Its row in the motion.
        total_weight: Of all points together.
    """
    vertices = problem.body.skin.at(state, row).vertices.astype(np.float64)
    expected = problem.camera.project(here.points.on(vertices, problem.body.mesh.faces)) - here.pixels
    return flow_observations(
        problem.frames,
        problem.flow,
        here.frame,
        frame,
        here.points,
        here.pixels,
        here.parts,
        total_weight=total_weight,
        expected=expected,
    )


def overlap_at(problem: Problem, posed: PosedSkin, frame: int) -> float:
    """Overlap of the outlines alone, as :class:`Sight` has it."""
    frames = problem.frames
    if not frames.has_subject[frame]:
        return 0.0
    vertices = posed.vertices.astype(np.float64)
    level, crop = frames.window(frame, problem.camera.project(vertices))
    drawn = frames.seen_of(problem.body.render(vertices, problem.camera, crop).mask, frame, crop)
    return outline_overlap(drawn, frames.mask(frame, level), frames.trusted(frame, level))


def outline_overlap(
    posed: NDArray[np.bool_], subject: NDArray[np.bool_], trusted: NDArray[np.bool_]
) -> float:
    """Intersection over union of two masks (n, n) where the image shows something."""
    union = int(((posed | subject) & trusted).sum())
    return int((posed & subject & trusted).sum()) / union if union else 0.0


def compare_outlines(problem: Problem, posed: PosedSkin, frame: int) -> tuple[float, float]:
    """Overlap of the outlines, and how far they run from each other.

    Returns:
        Intersection over union, and the mean distance from each outline to the other, both ways, in the fit's
        pixels; where nothing is drawn or seen, 0 and the greatest distance.
    """
    drawn, mask, trusted, unit = _drawn_and_seen(problem, posed, frame)
    distances = [
        np.mean(np.minimum(_distance_to(a)[b & trusted], FAR))
        for a, b in ((_edge(drawn), _edge(mask)), (_edge(mask), _edge(drawn)))
        if a.any() and (b & trusted).any()
    ]
    apart = float(np.mean(distances)) if distances else FAR
    return outline_overlap(drawn, mask, trusted), apart / unit


def beyond_subject(problem: Problem, posed: PosedSkin, frame: int) -> tuple[float, float]:
    """What the body shows and the subject does not.

    Returns:
        Mean distance from the body's outline to the subject's, the fit's pixels, and the share of the body
        that lies outside the subject; where nothing is drawn or seen, the greatest distance and 1.
    """
    drawn, mask, trusted, unit = _drawn_and_seen(problem, posed, frame)
    subject, outline = _edge(mask), _edge(drawn) & trusted
    if not subject.any() or not outline.any():
        return FAR / unit, 1.0
    away = np.minimum(_distance_to(subject)[outline], FAR).mean() / unit
    body = drawn & trusted
    return float(away), int((body & ~mask).sum()) / int(body.sum())


def _drawn_and_seen(
    problem: Problem, posed: PosedSkin, frame: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_], float]:
    """Body, subject and where the image shows something (n, n), and the window's pixels in a fit's pixel."""
    frames = problem.frames
    vertices = posed.vertices.astype(np.float64)
    level, crop = frames.window(frame, problem.camera.project(vertices))
    drawn = frames.seen_of(problem.body.render(vertices, problem.camera, crop).mask, frame, crop)
    unit = float(crop.scale * problem.pixel[frame])
    return drawn, frames.mask(frame, level), frames.trusted(frame, level), unit


def _edge(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    solid = mask.astype(np.uint8)
    return (solid - cv2.erode(solid, np.ones((3, 3), np.uint8))) > 0


def _distance_to(edge: NDArray[np.bool_]) -> NDArray[np.float32]:
    return np.asarray(cv2.distanceTransform(1 - edge.astype(np.uint8), cv2.DIST_L2, 3), np.float32)


def _visible_area(problem: Problem, rendering: Rendering, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(J,) window pixels of each joint's own surface that are seen on the subject."""
    return _drawn_area(problem, rendering, rendering.mask & mask)


def _hidden_share(problem: Problem, rendering: Rendering, hidden: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(J,) of each joint's own drawn surface, what lies in a place (n, n)."""
    drawn = _drawn_area(problem, rendering, rendering.mask)
    covered = _drawn_area(problem, rendering, rendering.mask & hidden)
    of_body = covered.sum() / max(float(drawn.sum()), 1.0)
    return np.where(drawn > 0.0, covered / np.maximum(drawn, 1.0), of_body)


def _drawn_area(problem: Problem, rendering: Rendering, where: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(J,) window pixels (n, n) on which each joint's own surface is drawn."""
    body = problem.body
    faces = rendering.triangles[where]
    counts = np.bincount(body.mesh.face_joints[faces], minlength=body.skeleton.joint_count)
    return counts.astype(np.float64)
