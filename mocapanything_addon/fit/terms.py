# SPDX-License-Identifier: GPL-3.0-or-later
"""From observations to the terms that ik/ solves.

Residuals of pixels are measured in the fit's own unit (frames.py), so that a subject weighs the same near
and far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..ik import rotations
from ..ik.kinematics import State
from ..ik.linear.normal_equations import NormalEquations
from ..ik.motion import Motion
from ..ik.robust import GemanMcClure, HeavyTail
from ..ik.solve import Term
from ..ik.terms.contacts import Contact, Contacts
from ..ik.terms.joint_projections import JointProjections
from ..ik.terms.root_acceleration import RootAcceleration
from ..ik.terms.rotation_acceleration import RotationAcceleration
from ..ik.terms.rotation_prior import RotationPrior
from ..ik.terms.rotation_velocity import RotationVelocity
from ..ik.terms.surface_displacements import SurfaceDisplacements
from ..ik.terms.surface_projections import SurfaceProjections
from ..ik.terms.surface_samples import SurfaceSamples
from ..ik.terms.upright import Upright
from .evidence.correspondence import Correspondences
from .evidence.observations import MotionObservations, PlaceObservations
from .problem import Problem
from .usual_range import usual_range_terms

EVIDENCE_SIGMA = 2.0
"""The fit's pixels: standard deviation of one observation of weight 1."""
MOTION_WIDTH = 6.0
"""Standard deviations from which on a displacement loses its say."""
CORRESPONDENCE_WIDTH = 5.0
"""The fit's pixels: a network's place farther off than this loses its say."""

FRAME_RATE = 24.0
"""Widths of changes over time below are for frames this many a second."""
NEAR_TURN = 0.15
NEAR_ROOT_TURN = 0.08
NEAR_ROOT_SHIFT = 0.03
"""From one frame to the next while tracking: radians, radians, body sizes."""
LIMB_ACCELERATION = 0.12
ROOT_ACCELERATION = 0.03
SHIFT_ACCELERATION = 0.01
LIMB_VELOCITY = 0.6
"""Over the whole clip: radians, radians and body sizes a frame^2; radians a frame."""
ACCELERATION_LOSS = HeavyTail(3, 4.0)
"""Of a joint's turning: wings and blows turn back within a frame or two, which is rare, not impossible."""
CONTACT_SIGMA = 0.001
"""Body sizes that a planted foot may slip."""


@dataclass(frozen=True, eq=False)
class RootNear:
    """Cost 1/2 sum of |p - p0|^2 / sigma^2 for the root's translation."""

    translation: NDArray[np.float64]
    """(T, 3)."""
    sigma: float
    """Armature units."""

    def cost(self, state: State) -> float:
        away = state.motion.root_translation - self.translation
        return 0.5 * float(np.square(away).sum()) / self.sigma**2

    def linearise(self, state: State, system: NormalEquations) -> float:
        system.blocks[:, 0] += np.eye(3) / self.sigma**2
        system.gradient[:, :3] += (state.motion.root_translation - self.translation) / self.sigma**2
        return self.cost(state)


def place_terms(problem: Problem, observed: Sequence[tuple[int, int, PlaceObservations]]) -> list[Term]:
    """Places of surface points.

    Args:
        problem: The capture.
        observed: Row of the state, frame of the clip and observations, rows not decreasing. Observations with
            normals and without, with roots and without, or of several widths, must come in separate calls.
    """
    observed = [o for o in observed if len(o[2].points)]
    if not observed:
        return []
    rows, _, seen = zip(*observed, strict=True)
    lengths = [len(o.points) for o in seen]
    normals = [o.normals for o in seen if o.normals is not None]
    roots = [o.roots for o in seen if o.roots is not None]
    units = np.repeat([problem.pixel[f] for _, f, _ in observed], lengths)
    return [
        SurfaceProjections(
            skin=problem.body.skin,
            camera=problem.camera,
            samples=SurfaceSamples(
                np.repeat(rows, lengths),
                np.concatenate([o.points.faces for o in seen]),
                np.concatenate([o.points.barycentric for o in seen]),
            ),
            observed=np.concatenate([o.targets for o in seen]),
            weights=np.concatenate([o.weights for o in seen]),
            sigma=EVIDENCE_SIGMA * units,
            normals=np.concatenate(normals) if normals else None,
            roots=np.concatenate(roots) if roots else None,
            # Twice the width, in units of EVIDENCE_SIGMA.
            loss=GemanMcClure(2.0 * seen[0].sigma / EVIDENCE_SIGMA),
        )
    ]


def motion_terms(problem: Problem, observed: Sequence[MotionObservations], first: int) -> list[Term]:
    """Flow between frames of a state whose row 0 is the clip's frame ``first``."""
    by_source = sorted((o for o in observed if len(o.points)), key=lambda o: o.source)
    if not by_source:
        return []
    lengths = [len(o.points) for o in by_source]
    sources = [o.source for o in by_source]
    return [
        SurfaceDisplacements(
            skin=problem.body.skin,
            camera=problem.camera,
            samples=SurfaceSamples(
                np.repeat(sources, lengths) - first,
                np.concatenate([o.points.faces for o in by_source]),
                np.concatenate([o.points.barycentric for o in by_source]),
            ),
            others=np.repeat([o.target for o in by_source], lengths) - first,
            observed=np.concatenate([o.displacements for o in by_source]),
            weights=np.concatenate([o.weights for o in by_source]),
            sigma=EVIDENCE_SIGMA * np.repeat(problem.pixel[sources], lengths),
            loss=GemanMcClure(MOTION_WIDTH),
            roots=np.concatenate([o.roots for o in by_source]),
        )
    ]


def correspondence_terms(problem: Problem, frames: NDArray[np.intp]) -> list[Term]:
    """What a network knows of the given frames of the clip, which are the rows of the state."""
    row_of = {int(f): row for row, f in enumerate(frames)}
    given = sorted((c for c in problem.correspondences if c.frame in row_of), key=lambda c: c.frame)
    if not given:
        return []
    loss = GemanMcClure(2.0 * CORRESPONDENCE_WIDTH / EVIDENCE_SIGMA)
    return [*_joint_terms(problem, given, row_of, loss), *_surface_terms(problem, given, row_of)]


def _joint_terms(
    problem: Problem, given: Sequence[Correspondences], row_of: dict[int, int], loss: GemanMcClure
) -> list[Term]:
    joints = problem.body.skeleton.joint_count
    terms: list[Term] = []
    observed = np.zeros((len(row_of), joints, 2))
    weights = np.zeros((len(row_of), joints))
    unit = float(np.median(problem.pixel))
    for c in given:
        use = c.joints >= 0
        row = row_of[c.frame]
        # One width for all frames: a frame's own unit goes into its weights.
        weights[row, c.joints[use]] = (
            c.weights(problem.pixel[c.frame])[use] * (unit / problem.pixel[c.frame]) ** 2
        )
        observed[row, c.joints[use]] = np.nan_to_num(c.places[use])
    if weights.any():
        terms.append(JointProjections(problem.camera, observed, weights, EVIDENCE_SIGMA * unit, loss))
    return terms


def _surface_terms(problem: Problem, given: Sequence[Correspondences], row_of: dict[int, int]) -> list[Term]:
    observed = []
    for c in given:
        use = c.joints < 0
        if use.any():
            points = c.points[use]
            weights = c.weights(problem.pixel[c.frame])[use]
            places = np.nan_to_num(c.places[use])
            observed.append(
                (
                    row_of[c.frame],
                    c.frame,
                    PlaceObservations(points, places, weights, None, CORRESPONDENCE_WIDTH),
                )
            )
    return place_terms(problem, observed)


def expected_pose_terms(problem: Problem, frames: NDArray[np.intp], *, stiffer: float = 1.0) -> list[Term]:
    """The pull to the expected pose, ``stiffer`` times as strong, the farthest that joints turn, and the
    upright body."""
    return [
        problem.expected.term(frames, problem.body.skeleton.moving[1:], stiffer),
        *usual_range_terms(problem, frames),
        Upright(problem.body.up, problem.upright_sigma),
    ]


def near_terms(problem: Problem, motion: Motion, seconds: float) -> list[Term]:
    """Stay near a motion (of as many frames as the state) that is ``seconds`` away in time."""
    body = problem.body
    slack = max(seconds * FRAME_RATE, 0.2)
    sigma = NEAR_TURN * body.stiffness.temporal * slack
    sigma[body.skeleton.root] = NEAR_ROOT_TURN * slack
    precision = np.eye(3) / np.square(sigma)[:, None, None]
    return [
        RotationPrior(motion.local_rotations, precision),
        RootNear(motion.root_translation, NEAR_ROOT_SHIFT * body.size * slack),
    ]


def smooth_terms(problem: Problem, frames: NDArray[np.intp]) -> list[Term]:
    """Small accelerations over consecutive frames, and joint velocities that are not large."""
    if len(frames) < 2:
        return []
    body = problem.body
    times = problem.frames.clip.times[frames]
    slack = max(float(np.median(np.diff(times))) * FRAME_RATE, 0.05)
    root = body.skeleton.root
    bend = LIMB_ACCELERATION * body.stiffness.temporal * slack**2
    bend[root] = ROOT_ACCELERATION * slack**2
    slow = LIMB_VELOCITY * body.stiffness.temporal * slack
    slow[root] = np.inf
    eye = np.eye(3)
    return [
        RotationAcceleration(eye / np.square(bend)[:, None, None], times, ACCELERATION_LOSS),
        RotationVelocity(eye / np.square(slow)[:, None, None], times),
        RootAcceleration(SHIFT_ACCELERATION * body.size * slack**2, times),
    ]


def contact_terms(problem: Problem, contacts: Sequence[Contact], frames: NDArray[np.intp]) -> list[Term]:
    """What stands still on the given consecutive frames of the clip, which are the rows of the state."""
    first, last = int(frames[0]), int(frames[-1])
    here = [
        replace(c, first=max(c.first, first) - first, last=min(c.last, last) - first)
        for c in contacts
        if c.first <= last and c.last >= first
    ]
    return [Contacts(here, CONTACT_SIGMA * problem.body.size)] if here else []


def turned_on(motion: Motion, before: Motion, amount: float) -> Motion:
    """One frame later at ``amount`` of the velocity between two frames (motions of one frame)."""
    turn = rotations.log(np.swapaxes(before.local_rotations, -1, -2) @ motion.local_rotations)
    return Motion(
        motion.root_translation + amount * (motion.root_translation - before.root_translation),
        motion.local_rotations @ rotations.exp(amount * turn),
    )
