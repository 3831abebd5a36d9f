# SPDX-License-Identifier: GPL-3.0-or-later
"""From a target to a motion the rig can do: clean the input, start from geometry, solve the clip, report."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import rotations
from .kinematics import forward
from .limits.ranges import clamped, limit_violation
from .motion import Motion
from .robust import Huber
from .skeleton import Skeleton
from .skinning import Skin
from .solve import Progress, SolveSettings, Term, solve
from .start import geometric_start
from .target import CleanTarget, Target, clean
from .terms.contacts import Contact, Contacts
from .terms.joint_positions import JointPositions
from .terms.joint_projections import JointProjections
from .terms.pins import Pins, pinned_unknowns
from .terms.precision import joint_precision
from .terms.root_acceleration import RootAcceleration
from .terms.rotation_acceleration import RotationAcceleration
from .terms.rotation_prior import RotationPrior
from .terms.surface_positions import SurfacePositions
from .terms.surface_projections import SurfaceProjections
from .terms.surface_samples import SurfaceSamples

Array = NDArray[np.float64]
REFERENCE_RATE = 24.0
"""Frames a second at which accelerations are given in the settings."""
WINDOW_VALUES = 1 << 26
"""Most numbers in the blocks of one system (512 MiB); longer clips are solved in windows."""
WINDOW_OVERLAP = 8
"""Frames at the end of a window that the next one solves again."""


@dataclass(frozen=True)
class IKSettings:
    """How far each kind of evidence may be wrong. Lengths are shares of the skeleton's size, angles
    radians.
    """

    position_sigma: float | None = None
    """None: from how much the distance of neighbouring joints changes."""
    least_position_sigma: float = 0.001
    position_loss: float = 2.5
    """Huber threshold, standard deviations."""
    projection_sigma: float = 3.0
    """Pixels, joints and surface points."""
    surface_sigma: float = 0.02
    rotation_sigma: float = 0.26
    """Of the expected rotations."""
    rest_sigma: float = 1.0
    """Of the pull to rest where no rotation is expected."""
    twist_factor: float = 0.5
    """Sigma of a bone's twist against its swing, for both pulls and for acceleration."""
    acceleration_sigma: float = 0.12
    """Radians per frame^2 at 24 frames a second."""
    root_acceleration_sigma: float = 0.01
    """Per frame^2 at 24 frames a second."""
    contact_sigma: float = 0.0005
    pin_sigma: float = 0.0001
    solver: SolveSettings = field(default_factory=SolveSettings)

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, int | float) and not value > 0.0:
                raise ValueError(f"{item.name} must be positive, found {value}")


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
    evidence = clean(target, skeleton)
    hints = rotations.matrix_from_quaternion(evidence.rotations)
    sigma = settings.position_sigma or _position_noise(skeleton, evidence)
    noise = sigma * skeleton.size if sigma > settings.least_position_sigma else 0.0
    sigma = max(sigma, settings.least_position_sigma)
    motion = geometric_start(skeleton, evidence.positions, evidence.weights, hints, noise)
    motion, fixed = pinned_unknowns(skeleton, motion, target.pins)
    iterations, converged = 0, True
    windows = _windows(evidence.frame_count, skeleton.parameter_count)
    for number, (first, last) in enumerate(windows):
        held = fixed[first:last].copy()
        if number:
            held[:2] = True
        terms = _terms(skeleton, target, evidence[first:last], first, fps, settings, sigma)
        part, report = solve(
            skeleton,
            motion[first:last],
            terms,
            settings.solver,
            held,
            _part_of(progress, number, len(windows)),
        )
        motion = Motion.concatenate([motion[:first], part, motion[last:]])
        iterations, converged = max(iterations, report.iterations), converged and report.converged
    return _solution(skeleton, motion, evidence, iterations, converged)


def _part_of(progress: Progress | None, number: int, count: int) -> Progress | None:
    if progress is None:
        return None
    return lambda done, total: progress(number * total + done, count * total)


def _windows(frames: int, parameters: int) -> list[tuple[int, int]]:
    """First and end frame of the parts a clip is solved in."""
    length = max(WINDOW_VALUES // (4 * parameters**2), 4 * WINDOW_OVERLAP)
    windows = [(0, min(length, frames))]
    while windows[-1][1] < frames:
        first = windows[-1][1] - WINDOW_OVERLAP
        windows.append((first, min(first + length, frames)))
    return windows


def _position_noise(skeleton: Skeleton, evidence: CleanTarget) -> float:
    """Standard deviation of a coordinate of the positions, share of the skeleton's size.

    The distance between neighbouring joints never changes, so what it changes by is noise (robustly: the
    median).
    """
    children = np.nonzero(skeleton.parents >= 0)[0]
    parents = skeleton.parents[children]
    both = (evidence.weights[:, children] > 0.0) & (evidence.weights[:, parents] > 0.0)
    if not both.any():
        return 0.0
    lengths = np.linalg.norm(evidence.positions[:, children] - evidence.positions[:, parents], axis=-1)
    errors = np.abs(lengths - np.linalg.norm(skeleton.offsets[children], axis=-1))[both]
    return 1.4826 * float(np.median(errors)) / np.sqrt(2.0) / skeleton.size


def _terms(
    skeleton: Skeleton,
    target: Target,
    evidence: CleanTarget,
    first: int,
    fps: float,
    settings: IKSettings,
    position_sigma: float,
) -> list[Term]:
    """The terms of a window that begins at frame ``first``."""
    size = skeleton.size
    hint_trust = evidence.rotation_weights
    sigma = np.where(
        hint_trust > 0.0,
        settings.rotation_sigma / np.sqrt(np.where(hint_trust > 0.0, hint_trust, 1.0)),
        settings.rest_sigma,
    )
    centers = np.where(
        hint_trust[..., None, None] > 0.0, rotations.matrix_from_quaternion(evidence.rotations), np.eye(3)
    )
    # The same motion sampled more finely has smaller accelerations, more often.
    rate = fps / REFERENCE_RATE
    finer = rate**1.5
    smoothness = joint_precision(skeleton, settings.acceleration_sigma / finer, settings.twist_factor)
    terms: list[Term] = [
        RotationPrior(
            clamped(skeleton, np.arange(skeleton.joint_count), centers),
            joint_precision(skeleton, sigma, settings.twist_factor),
        ),
        RotationAcceleration(smoothness),
        RootAcceleration(settings.root_acceleration_sigma * size / finer),
    ]
    if (evidence.weights > 0.0).any():
        loss = Huber(settings.position_loss)
        terms.append(JointPositions(evidence.positions, evidence.weights, position_sigma * size, loss))
    if target.camera is not None and (evidence.projection_weights > 0.0).any():
        terms.append(
            JointProjections(
                target.camera, evidence.projections, evidence.projection_weights, settings.projection_sigma
            )
        )
    if target.points is not None and (evidence.observed_weights > 0.0).any():
        terms.append(_surface_term(skeleton, target, evidence, settings))
    last = first + evidence.frame_count
    contacts = [
        Contact(c.joint, max(c.first, first) - first, min(c.last, last - 1) - first, c.point)
        for c in target.contacts
        if c.first < last and c.last >= first
    ]
    if contacts:
        terms.append(Contacts(contacts, settings.contact_sigma * size))
    pins = [p for p in target.pins if first <= p.frame < last and p.position is not None]
    if pins:
        terms.append(Pins(pins, first, settings.pin_sigma * size))
    return terms


def _surface_term(skeleton: Skeleton, target: Target, evidence: CleanTarget, settings: IKSettings) -> Term:
    assert target.points is not None
    points = target.points
    count = evidence.observed.shape[1]
    # A point is a triangle with three equal corners.
    faces = np.repeat(np.arange(count)[:, None], 3, axis=1)
    skin = Skin(points.rest, faces, points.skin_joints, points.skin_weights, skeleton)
    frames, which = np.nonzero(evidence.observed_weights > 0.0)
    samples = SurfaceSamples(frames, which, np.tile([1.0, 0.0, 0.0], (len(which), 1)))
    observed, weights = evidence.observed[frames, which], evidence.observed_weights[frames, which]
    if observed.shape[-1] == 3:
        return SurfacePositions(skin, samples, observed, weights, settings.surface_sigma * skeleton.size)
    assert target.camera is not None
    return SurfaceProjections(skin, target.camera, samples, observed, weights, settings.projection_sigma)


def _solution(
    skeleton: Skeleton, motion: Motion, evidence: CleanTarget, iterations: int, converged: bool
) -> Solution:
    quaternions = motion.quaternions()
    motion = Motion.from_quaternions(motion.root_translation, quaternions)
    pose = forward(skeleton, motion)
    away = np.linalg.norm(pose.positions - evidence.positions, axis=-1)
    return Solution(
        quaternions,
        rotations.continuous_quaternions(rotations.quaternion_from_matrix(pose.global_rotations)),
        motion.root_translation,
        pose.positions,
        np.where(evidence.weights > 0.0, away, 0.0),
        iterations,
        converged,
        limit_violation(skeleton, motion),
        evidence.ignored,
    )
