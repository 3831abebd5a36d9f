# SPDX-License-Identifier: GPL-3.0-or-later
"""From a target to a motion the rig can do: clean the input, start from geometry, solve the clip, report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import rotations
from .clip_problem import ClipProblem
from .clip_terms import clip_terms
from .contact_search import find_contacts
from .kinematics import State, forward
from .limits.ranges import inside_limits, limit_violation
from .motion import Motion
from .settings import IKSettings
from .skeleton import Skeleton
from .solve import Progress, SolveSettings, solve
from .starts.geometric_start import geometric_start
from .starts.stuck_frames import free_stuck_frames
from .starts.surface_start import depths_of_rigid_body, start_with_points
from .swaps import undo_swaps
from .target import Target
from .terms.contacts import Contact, placed
from .terms.pins import pinned_unknowns
from .widths import Widths, adapted_smoothness, first_widths, widths_after

Array = NDArray[np.float64]
WINDOW_VALUES = 1 << 26
"""Most numbers in memory at once (512 MiB); longer clips are solved in windows."""
ROUGH = 1e-3
"""Sizes of the skeleton a position is taken to be off at least in the first solve."""
FIRST_TOLERANCE = 10.0
"""The first of several solves ends this many times earlier."""
VALUES_PER_JOINT = 400
"""Numbers that a joint takes in each frame while a step is found."""
WINDOW_OVERLAP = 8
"""Frames at the end of a window that the next one solves again."""


class Solution(NamedTuple):
    """T frames of J joints, inside every range and lock of the skeleton."""

    local_rotations: Array
    """(T, J, 4) L_j (w, x, y, z), without jumps of sign."""
    global_rotations: Array
    """(T, J, 4) D_j."""
    root_translation: Array
    """(T, 3) from rest."""
    positions: Array
    """(T, J, 3)."""
    residual: Array
    """(T, J) distance to the target's position, armature units; 0 where there was none."""
    iterations: int
    converged: bool
    limit_violation: float
    """Largest angle by which a joint leaves its range, radians."""
    ignored: tuple[str, ...]
    """What of the target was not usable, in words."""
    joint_translations: Array
    """(T, J, 3) of joints that may leave their place, see :class:`Motion`; 0 for all others."""
    contacts: tuple[Contact, ...]
    """Given and found, each with its place."""
    swapped: NDArray[np.bool_]
    """(T, J) joints whose target was exchanged with that of their mirror image."""


def solve_clip(
    skeleton: Skeleton,
    target: Target,
    fps: float,
    settings: IKSettings | None = None,
    progress: Progress | None = None,
) -> Solution:
    """The motion that agrees best with the target.

    Args:
        skeleton: the joints and their ranges.
        target: T frames of evidence, evenly spaced.
        fps: frames a second.
        settings: None: the defaults.
        progress: called with iterations done and the most there can be; may raise to end the solve.

    Raises:
        ValueError: the target's shapes do not fit the skeleton.
    """
    settings = settings or IKSettings()
    if not fps > 0.0:
        raise ValueError(f"frames a second must be positive, found {fps}")
    problem = ClipProblem.checked(skeleton, target, fps, settings)
    swapped = np.zeros((problem.evidence.frame_count, skeleton.joint_count), bool)
    if settings.undo_swaps:
        problem, swapped = _without_swaps(problem)
    widths = first_widths(problem)
    motion, fixed = pinned_unknowns(skeleton, _best_start(problem, widths), target.pins)
    contacts = list(target.contacts)
    noisy = widths.position > settings.least_position_sigma * skeleton.size
    noisy |= problem.points is not None or bool((problem.evidence.rotation_weights > 0.0).any())
    again = noisy or settings.find_contacts or any(c.point is None for c in contacts)
    # Exact evidence is taken less seriously at first: limits and exactness together leave narrow ways.
    firm, widths = widths, replace(widths, position=max(widths.position, ROUGH * skeleton.size))
    again |= firm.position < widths.position
    rounds = (3 if noisy else 2) if again else 1
    solver = settings.solver
    if rounds > 1:
        solver = replace(solver, tolerance=FIRST_TOLERANCE * solver.tolerance)
    solved = _solved(problem, motion, fixed, widths, contacts, solver, _part_of(progress, 0, rounds))
    freed = free_stuck_frames(problem, solved.motion, fixed, widths, contacts)
    solved = solved._replace(motion=freed)
    widths = replace(widths, position=firm.position)
    for number in range(1, rounds):
        # What a solution tells of the evidence lets the next one make more of it.
        widths = widths_after(problem, widths, solved.motion)
        if noisy:
            widths = adapted_smoothness(problem, widths, solved.motion)
        if number == rounds - 1:
            contacts = _contacts(problem, solved.motion, contacts)
        part = _part_of(progress, number, rounds)
        solved = _solved(problem, solved.motion, fixed, widths, contacts, settings.solver, part)
    return _solution(problem, solved, contacts, swapped)


def _without_swaps(problem: ClipProblem) -> tuple[ClipProblem, NDArray[np.bool_]]:
    """The problem with limbs that had traded places put back, and which joints those were (T, J)."""
    evidence = problem.evidence
    undone = undo_swaps(problem.skeleton, evidence.positions, evidence.weights)
    moved = (undone.positions != evidence.positions).any(axis=-1) | (undone.weights != evidence.weights)
    if not moved.any():
        return problem, moved
    said = f"left and right limbs had traded places in {int(moved.any(axis=1).sum())} frames: put back"
    evidence = replace(
        evidence,
        positions=undone.positions,
        weights=undone.weights,
        ignored=(*evidence.ignored, said),
    )
    return replace(problem, evidence=evidence), moved


def _contacts(problem: ClipProblem, motion: Motion, given: Sequence[Contact]) -> list[Contact]:
    """The contacts given and those found in a motion, each with its place."""
    target, positions = problem.target, forward(problem.skeleton, motion).positions
    contacts = list(given)
    if problem.settings.find_contacts:
        weights = np.ones(positions.shape[:2])
        contacts += find_contacts(problem.skeleton, positions, weights, problem.fps, target.ground, target.up)
    return placed(contacts, positions, target.ground)


class _Solved(NamedTuple):
    motion: Motion
    iterations: int
    converged: bool


def _best_start(problem: ClipProblem, widths: Widths) -> Motion:
    """From geometry, or from the hints where those agree better with all that is known."""
    motion = _geometric_start(problem, widths)
    hinted = problem.evidence.rotation_weights > 0.0
    if not hinted.any():
        return motion
    hints = rotations.matrix_from_quaternion(problem.evidence.rotations)
    turned = np.where(hinted[..., None, None], hints, motion.local_rotations)
    expected = inside_limits(problem.skeleton, replace(motion, local_rotations=turned))
    terms = clip_terms(problem, widths, (), slice(0, motion.frame_count))

    def cost(start: Motion) -> float:
        state = State(problem.skeleton, start)
        return sum(term.cost(state) for term in terms)

    return min(motion, expected, key=cost)


def _geometric_start(problem: ClipProblem, widths: Widths) -> Motion:
    """From geometry alone."""
    skeleton, evidence, settings = problem.skeleton, problem.evidence, problem.settings
    hints = problem.expected_rotations()
    least = settings.least_position_sigma * skeleton.size
    noise = widths.position if widths.position > least else 0.0
    if problem.points is not None:
        places, weights = _points_in_space(problem)
        if (weights > 0.0).any():
            if widths.surface > settings.least_surface_sigma * skeleton.size:
                noise = max(noise, widths.surface)
            skin = problem.points.skin
            joints = (evidence.positions, evidence.weights, hints)
            return start_with_points(skeleton, *joints, skin, places, weights, noise)
    return geometric_start(skeleton, evidence.positions, evidence.weights, hints, noise)


def _points_in_space(problem: ClipProblem) -> tuple[Array, Array]:
    """(T, N, 3) surface points, armature space, and their weights (T, N); where only pixels are known, as
    far away as on a body in rest pose.
    """
    places, weights = problem.places_of_points()
    evidence, camera = problem.evidence, problem.target.camera
    if (weights > 0.0).any() or (evidence.weights > 0.0).any() or camera is None or problem.points is None:
        return places, weights
    pixels = evidence.observed
    depths, weights = depths_of_rigid_body(problem.points.skin, camera, pixels, evidence.observed_weights)
    return camera.unproject(pixels, depths), weights


def _solved(
    problem: ClipProblem,
    motion: Motion,
    fixed: NDArray[np.bool_],
    widths: Widths,
    contacts: Sequence[Contact],
    solver: SolveSettings,
    progress: Progress | None,
) -> _Solved:
    """The clip solved in as many windows as memory asks for."""
    iterations, converged = 0, True
    windows = _windows(motion.frame_count, problem.skeleton.joint_count)
    for number, (first, last) in enumerate(windows):
        frames = slice(first, last)
        held = fixed[frames].copy()
        if number:
            held[:2] = True
        part, report = solve(
            problem.skeleton,
            motion[frames],
            clip_terms(problem, widths, contacts, frames),
            solver,
            held,
            _part_of(progress, number, len(windows)),
        )
        motion = Motion.concatenate([motion[:first], part, motion[last:]])
        iterations, converged = max(iterations, report.iterations), converged and report.converged
    return _Solved(motion, iterations, converged)


def _part_of(progress: Progress | None, number: int, count: int) -> Progress | None:
    if progress is None:
        return None
    return lambda done, total: progress(number * total + done, count * total)


def _windows(frames: int, joints: int) -> list[tuple[int, int]]:
    """First and end frame of the parts a clip is solved in."""
    length = max(WINDOW_VALUES // (VALUES_PER_JOINT * joints), 4 * WINDOW_OVERLAP)
    windows = [(0, min(length, frames))]
    while windows[-1][1] < frames:
        first = windows[-1][1] - WINDOW_OVERLAP
        windows.append((first, min(first + length, frames)))
    return windows


def _solution(
    problem: ClipProblem, solved: _Solved, contacts: Sequence[Contact], swapped: NDArray[np.bool_]
) -> Solution:
    skeleton, evidence, motion = problem.skeleton, problem.evidence, solved.motion
    quaternions = motion.quaternions()
    motion = Motion.from_quaternions(motion.root_translation, quaternions, motion.joint_translations)
    pose = forward(skeleton, motion)
    away = np.linalg.norm(pose.positions - evidence.positions, axis=-1)
    return Solution(
        quaternions,
        rotations.continuous_quaternions(rotations.quaternion_from_matrix(pose.global_rotations)),
        motion.root_translation,
        pose.positions,
        np.where(evidence.weights > 0.0, away, 0.0),
        solved.iterations,
        solved.converged,
        limit_violation(skeleton, motion),
        evidence.ignored,
        motion.all_joint_translations,
        tuple(contacts),
        swapped,
    )
