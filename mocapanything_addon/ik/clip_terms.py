# SPDX-License-Identifier: GPL-3.0-or-later
"""What a target asks of the motion, as terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import rotations
from .carried_points import CarriedPoints
from .kinematics import State
from .limits.ranges import clamped
from .motion import Motion
from .noise import point_noise, position_noise, robust_deviation
from .robust import GemanMcClure, Huber
from .settings import IKSettings
from .skeleton import Skeleton
from .skinning import Skin
from .solve import Term
from .target import CleanTarget, Target, clean
from .terms.contacts import Contact, Contacts
from .terms.joint_positions import JointPositions
from .terms.joint_projections import JointProjections
from .terms.joint_translations import JointTranslations
from .terms.pins import Pins
from .terms.precision import joint_precision
from .terms.root_acceleration import RootAcceleration
from .terms.rotation_acceleration import RotationAcceleration
from .terms.rotation_prior import RotationPrior
from .terms.tracked_points import TrackedDepths, TrackedPositions, TrackedProjections

Array = NDArray[np.float64]
REFERENCE_RATE = 24.0
"""Frames a second at which accelerations are given in the settings."""


@dataclass(frozen=True)
class Widths:
    """Standard deviations of what was observed."""

    position: float
    """Armature units, joints."""
    surface: float
    """Armature units, surface points in space."""
    pixel: float
    """Surface points."""
    depth: float
    """Armature units, surface points."""


@dataclass(frozen=True, eq=False)
class ClipProblem:
    """A target for a skeleton, checked."""

    skeleton: Skeleton
    target: Target
    evidence: CleanTarget
    """Of all frames, or of some of them."""
    points: CarriedPoints | None
    """The target's surface points, bound to the skeleton; None where it has none."""
    fps: float
    settings: IKSettings

    @classmethod
    def checked(cls, skeleton: Skeleton, target: Target, fps: float, settings: IKSettings) -> ClipProblem:
        """Raises ValueError where a shape does not fit."""
        evidence, points = clean(target, skeleton), None
        if target.points is not None and evidence.observed.shape[1]:
            seen = target.points
            skin = Skin(seen.rest, np.zeros((0, 3)), seen.skin_joints, seen.skin_weights, skeleton)
            points = CarriedPoints(skin)
        return cls(skeleton, target, evidence, points, fps, settings)

    def places_of_points(self) -> tuple[Array, Array]:
        """(T, N, 3) surface points in armature space and their weights (T, N), 0 where only a pixel is
        known.
        """
        evidence, camera = self.evidence, self.target.camera
        if evidence.observed.shape[-1] == 3:
            return evidence.observed, evidence.observed_weights
        assert camera is not None
        return camera.unproject(evidence.observed, evidence.depths), evidence.depth_weights


def first_widths(problem: ClipProblem) -> Widths:
    """From the settings, and where they leave it open from the evidence alone."""
    evidence, settings, points = problem.evidence, problem.settings, problem.points
    skeleton, camera = problem.skeleton, problem.target.camera
    size = skeleton.size
    if settings.position_sigma is None:
        position = position_noise(skeleton, evidence.positions, evidence.weights)
    else:
        position = settings.position_sigma * size
    found = None
    if points is not None and settings.surface_sigma is None:
        found = point_noise(points.skin, *problem.places_of_points())
    surface = (settings.surface_sigma or settings.least_surface_sigma) * size if found is None else found
    surface = max(surface, settings.least_surface_sigma * size)
    pixel = settings.projection_sigma
    if found is not None and camera is not None and (evidence.depth_weights > 0.0).any():
        distance = float(np.median(evidence.depths[evidence.depth_weights > 0.0]))
        pixel = max(pixel, surface * camera.focal / distance)
    depth = surface if settings.depth_sigma is None else settings.depth_sigma * size
    return Widths(max(position, settings.least_position_sigma * size), surface, pixel, depth)


def widths_after(problem: ClipProblem, widths: Widths, motion: Motion) -> Widths:
    """The widths, with those the settings leave open told from how far off the points of a solution are."""
    if problem.points is None:
        return widths
    evidence, settings, skeleton = problem.evidence, problem.settings, problem.skeleton
    camera = problem.target.camera
    least = settings.least_surface_sigma * skeleton.size
    places = problem.points.positions(State(skeleton, motion))
    seen = evidence.observed_weights > 0.0
    surface, pixel, depth = widths.surface, widths.pixel, widths.depth
    if evidence.observed.shape[-1] == 3:
        if settings.surface_sigma is None:
            surface = max(robust_deviation((places - evidence.observed)[seen].reshape(-1)) or 0.0, least)
    elif camera is not None:
        away = (camera.project(places) - evidence.observed)[seen]
        pixel = max(robust_deviation(away.reshape(-1)) or 0.0, settings.projection_sigma)
        if settings.depth_sigma is None:
            behind = camera.to_camera(places)[..., 2] - evidence.depths
            depth = max(robust_deviation(behind[evidence.depth_weights > 0.0]) or 0.0, least)
    return Widths(widths.position, surface, pixel, depth)


def clip_terms(
    problem: ClipProblem, widths: Widths, contacts: Sequence[Contact], frames: slice
) -> list[Term]:
    """The terms of some frames of a clip, those from ``frames.start`` on, before ``frames.stop``."""
    skeleton, target, settings = problem.skeleton, problem.target, problem.settings
    evidence, first, last = problem.evidence[frames], frames.start, frames.stop
    size = skeleton.size
    # The same motion sampled more finely has smaller accelerations, more often.
    finer = (problem.fps / REFERENCE_RATE) ** 1.5
    smoothness = joint_precision(skeleton, settings.acceleration_sigma / finer, settings.twist_factor)
    terms: list[Term] = [
        _expected_rotations(skeleton, evidence, settings),
        RotationAcceleration(smoothness),
        RootAcceleration(settings.root_acceleration_sigma * size / finer),
    ]
    if len(skeleton.translating):
        acceleration = settings.root_acceleration_sigma * size / finer
        terms.append(JointTranslations(settings.stretch_sigma * size, acceleration))
    if (evidence.weights > 0.0).any():
        loss = Huber(settings.position_loss)
        terms.append(JointPositions(evidence.positions, evidence.weights, widths.position, loss))
    if target.camera is not None and (evidence.projection_weights > 0.0).any():
        terms.append(
            JointProjections(
                target.camera, evidence.projections, evidence.projection_weights, settings.projection_sigma
            )
        )
    if problem.points is not None:
        terms += _surface_terms(problem.points, target, evidence, settings, widths)
    held = [
        Contact(c.joint, max(c.first, first) - first, min(c.last, last - 1) - first, c.point)
        for c in contacts
        if c.first < last and c.last >= first
    ]
    if held:
        terms.append(Contacts(held, settings.contact_sigma * size))
    pins = [p for p in target.pins if first <= p.frame < last and p.position is not None]
    if pins:
        terms.append(Pins(pins, first, settings.pin_sigma * size))
    return terms


def _expected_rotations(skeleton: Skeleton, evidence: CleanTarget, settings: IKSettings) -> Term:
    """Near the expected rotation, near rest where none is."""
    trust = evidence.rotation_weights
    hinted = trust > 0.0
    sigma = np.where(
        hinted, settings.rotation_sigma / np.sqrt(np.where(hinted, trust, 1.0)), settings.rest_sigma
    )
    centers = rotations.matrix_from_quaternion(evidence.rotations)
    centers = np.where(hinted[..., None, None], centers, np.eye(3))
    return RotationPrior(
        clamped(skeleton, np.arange(skeleton.joint_count), centers),
        joint_precision(skeleton, sigma, settings.twist_factor),
    )


def _surface_terms(
    points: CarriedPoints, target: Target, evidence: CleanTarget, settings: IKSettings, widths: Widths
) -> list[Term]:
    weights, depth_weights = evidence.observed_weights, evidence.depth_weights
    if not (weights > 0.0).any():
        return []
    loss = GemanMcClure(settings.surface_loss)
    if evidence.observed.shape[-1] == 3:
        return [TrackedPositions(points, evidence.observed, weights, widths.surface, loss)]
    assert target.camera is not None
    terms: list[Term] = [
        TrackedProjections(points, target.camera, evidence.observed, weights, widths.pixel, loss)
    ]
    if (depth_weights > 0.0).any():
        terms.append(TrackedDepths(points, target.camera, evidence.depths, depth_weights, widths.depth, loss))
    return terms
