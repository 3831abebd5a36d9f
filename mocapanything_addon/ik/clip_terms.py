# SPDX-License-Identifier: GPL-3.0-or-later
"""What a target asks of the motion, as terms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .carried_points import CarriedPoints
from .clip_problem import ClipProblem
from .limits.ranges import clamped
from .robust import GemanMcClure, Huber
from .settings import IKSettings
from .solve import Term
from .target import CleanTarget, Target
from .terms.bone_directions import BoneDirections
from .terms.contacts import Contact, Contacts
from .terms.ground import AboveGround
from .terms.joint_positions import JointPositions
from .terms.joint_projections import JointProjections
from .terms.joint_translations import JointTranslations
from .terms.pins import Pins
from .terms.precision import joint_precision
from .terms.root_acceleration import RootAcceleration
from .terms.rotation_acceleration import RotationAcceleration
from .terms.rotation_prior import RotationPrior
from .terms.tracked_points import TrackedDepths, TrackedPositions, TrackedProjections
from .widths import REFERENCE_RATE, Widths


def clip_terms(
    problem: ClipProblem, widths: Widths, contacts: Sequence[Contact], frames: slice
) -> list[Term]:
    """The terms of some frames of a clip, those from ``frames.start`` on, before ``frames.stop``."""
    skeleton, target, settings = problem.skeleton, problem.target, problem.settings
    evidence, first, last = problem.evidence[frames], frames.start, frames.stop
    size = skeleton.size
    changes = slice(first, last - 2)
    smoothness = joint_precision(skeleton, widths.turn_acceleration[changes], settings.twist_factor)
    terms: list[Term] = [
        _expected_rotations(problem, frames),
        RotationAcceleration(smoothness),
        RootAcceleration(widths.root_acceleration[changes]),
    ]
    if len(skeleton.translating):
        usual = settings.root_acceleration_sigma * size / (problem.fps / REFERENCE_RATE) ** 1.5
        terms.append(JointTranslations(settings.stretch_sigma * size, usual))
    if (evidence.weights > 0.0).any():
        loss = Huber(settings.position_loss)
        terms.append(JointPositions(evidence.positions, evidence.weights, widths.position, loss))
    if (evidence.direction_weights > 0.0).any():
        terms.append(
            BoneDirections(evidence.directions, evidence.direction_weights, settings.direction_sigma)
        )
    if target.ground is not None:
        terms.append(AboveGround(target.ground, settings.ground_sigma * size))
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
        if c.first < last and c.last >= first and c.point is not None
    ]
    if held:
        terms.append(Contacts(held, settings.contact_sigma * size))
    pins = [p for p in target.pins if first <= p.frame < last and p.position is not None]
    if pins:
        terms.append(Pins(pins, first, settings.pin_sigma * size))
    return terms


def _expected_rotations(problem: ClipProblem, frames: slice) -> Term:
    """Near the expected rotation: a hint, else what the rig's poses have, else rest."""
    skeleton, settings = problem.skeleton, problem.settings
    trust = problem.evidence.rotation_weights[frames]
    hinted = trust > 0.0
    # Hints are as sure about one axis as about another.
    expected = trust[..., None, None] * np.eye(3) / settings.rotation_sigma**2
    rest = joint_precision(skeleton, settings.rest_sigma, settings.twist_factor, settings.hinge_factor)
    precision = np.where(hinted[..., None, None], expected, rest)
    if problem.usual is not None:
        known = ~hinted
        known[:, skeleton.roots] = False
        precision = np.where(known[..., None, None], problem.usual.precision, precision)
    centers = problem.expected_rotations()[frames]
    return RotationPrior(clamped(skeleton, np.arange(skeleton.joint_count), centers), precision)


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
