# SPDX-License-Identifier: GPL-3.0-or-later
"""Find how the filmed creature is built from the outlines of many frames.

Where an outline is off, the pose may be wrong or the build. Gauss-Newton on both together tells: the pose of
every frame is eliminated (Schur complement, as bundle adjustment eliminates its points: Triggs et al. 2000,
"Bundle Adjustment, a Modern Synthesis", section 6), so that only what no pose explains, in frame after frame,
moves the build. Steps of the build and rounds of the whole clip's fit alternate.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..ik.kinematics import State
from ..ik.motion import Motion
from ..ik.robust import GemanMcClure
from ..ik.solve import SolveSettings, linearise
from .clip_cost import clip_cost
from .evidence.observations import PlaceObservations
from .problem import Problem, Progress
from .shape import BodyParts
from .shape_derivatives import ShapeDerivatives
from .sight import look
from .terms import EVIDENCE_SIGMA, place_terms
from .track import Track
from .whole_clip import FLOW_WEIGHT, solve_whole_clip

Array = NDArray[np.float64]
STAGE = "build"
STEPS = 2
ROUNDS = 3
"""Of the fit after each step, the first of them with wide outlines."""
FRAMES = 16
"""Most that a step looks at. All frames of a clip resemble each other: more would only make it too sure."""
LEAST_OVERLAP = 0.7
"""Frames whose outlines overlap less are lost, and say nothing of the build."""
SIGMA = 5.0
"""Robust width of the silhouette, the fit's pixels: an ill-fitting limb must not lose its say."""
LOOSE = 0.1
"""Of the usual pull to the expected pose, and of the solver's damping: what a pose that is merely unlikely
explains is no evidence of another build."""
PRIOR_SIGMA = 0.1
"""Of a part's length or girth, as a logarithm."""
COMMON = 0.3
"""Of that variance, what all parts share: the trunk's length is the measure, and is itself not known."""
LARGEST = float(np.log(4.0 / 3.0))
"""Of a parameter, either way."""
NOTEWORTHY = 0.06
"""A build that the first step changes by less, in every parameter, is the rig's: with the right rig, errors
of the pose make up as much."""
CLEARLY_BETTER = 0.94
"""Of the clip's cost: a little is gained by the rounds of the fit alone."""


def find_shape(problem: Problem, found: Track, progress: Progress) -> tuple[Problem, Track]:
    """The problem with its body built like the filmed creature, and the motion on it.

    Both come back as they were where the clip does not clearly ask for another build.

    Args:
        problem: The capture, its body as the user built it.
        found: The fitted motion.
        progress: Told several times a second.
    """
    frames = _telling_frames(problem, found)
    if not len(frames):
        return problem, found
    parts = BodyParts.of_body(problem.body)
    shape, here, motion = np.zeros(parts.parameter_count), problem, found.motion
    for number in range(STEPS):
        shape = _step(here, parts, shape, motion, frames, progress)
        if number == 0 and np.abs(shape).max() < NOTEWORTHY:
            return problem, found
        here = replace(problem, body=parts.reshaped(shape))
        motion = solve_whole_clip(here, motion, progress, rounds=ROUNDS)
    before, after = (
        clip_cost(p, m, progress, stage=STAGE, flow_weight=FLOW_WEIGHT)
        for p, m in ((problem, found.motion), (here, motion))
    )
    if after.total < CLEARLY_BETTER * before.total:
        return here, Track(motion, after.overlap)
    return problem, found


def _telling_frames(problem: Problem, found: Track) -> NDArray[np.intp]:
    """Frames that show the whole subject, followed well."""
    good = np.nonzero(problem.frames.is_whole & (found.overlap >= LEAST_OVERLAP))[0]
    return good[np.unique(np.linspace(0, len(good) - 1, min(FRAMES, len(good))).astype(int))]


def _step(
    problem: Problem,
    parts: BodyParts,
    shape: Array,
    motion: Motion,
    frames: NDArray[np.intp],
    progress: Progress,
) -> Array:
    """(K,) the shape after one Gauss-Newton step on it and the poses of the frames together."""
    body = problem.body
    state = State(body.skeleton, motion[frames])
    seen: list[tuple[int, int, PlaceObservations]] = []
    for row, frame in enumerate(frames):
        progress(STAGE, row, len(frames))
        silhouette = look(problem, body.skin.at(state, row), int(frame), sigma=SIGMA).silhouette
        if silhouette is not None:
            seen.append((row, int(frame), silhouette))
    expected = problem.expected.term(frames, body.skeleton.moving[1:], LOOSE)
    system, _ = linearise(state, [*place_terms(problem, seen), expected])
    free = ~body.skeleton.locked_parameters
    blocks = system.frame_blocks()[:, free][:, :, free] + np.diag(_damping(problem)[free])
    derivatives = ShapeDerivatives(parts, shape, state)
    count = parts.parameter_count
    information, gradient = np.zeros((count, count)), np.zeros(count)
    for row, frame, observed in seen:
        by_pose, by_shape, away = _rows(problem, state, row, frame, observed, derivatives)
        cross = by_pose[:, free].T @ by_shape
        solved = np.linalg.solve(blocks[row], np.column_stack([cross, system.gradient[row, free]]))
        information += by_shape.T @ by_shape - cross.T @ solved[:, :-1]
        gradient += by_shape.T @ away - cross.T @ solved[:, -1]
    prior = np.linalg.inv(PRIOR_SIGMA**2 * (np.eye(count) + COMMON))
    change = -np.linalg.solve(information + prior, gradient + prior @ shape)
    return np.asarray(np.clip(shape + change, -LARGEST, LARGEST))


def _damping(problem: Problem) -> Array:
    """(P,) added to the diagonal of a frame's pose, with the scales of the solver's own steps."""
    skeleton, settings = problem.body.skeleton, SolveSettings()
    moves = skeleton.block_translates
    scales = np.where(moves, settings.translation_scale * skeleton.size, settings.turn_scale).repeat(3)
    return LOOSE * settings.damping / np.square(scales)


def _rows(
    problem: Problem,
    state: State,
    row: int,
    frame: int,
    observed: PlaceObservations,
    derivatives: ShapeDerivatives,
) -> tuple[Array, Array, Array]:
    """Derivatives of a frame's outline by pose (S, P) and shape (S, K), and the residuals (S,), weighted."""
    assert observed.normals is not None
    faces, barycentric = observed.points.faces, observed.points.barycentric
    surface = problem.body.skin.at(state, row)
    pixels, slopes = problem.camera.project_with_jacobian(surface.points(faces, barycentric))
    sigma = EVIDENCE_SIGMA * problem.pixel[frame]
    away = ((pixels - observed.targets) * observed.normals).sum(axis=1) / sigma
    loss = GemanMcClure(2.0 * observed.sigma / EVIDENCE_SIGMA)
    trust = np.sqrt(observed.weights * loss.weight(away**2))
    directions = trust[:, None] * np.einsum("sr,srd->sd", observed.normals, slopes) / sigma
    by_pose = surface.jacobian(faces, barycentric, directions[:, None])[:, 0].astype(np.float64)
    corners = derivatives.vertices(row)[:, problem.body.mesh.faces[faces]]
    by_shape = np.einsum("sc,kscd,sd->sk", barycentric, corners, directions, optimize=True)
    return by_pose, by_shape, trust * away
