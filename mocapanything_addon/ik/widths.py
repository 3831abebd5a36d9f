# SPDX-License-Identifier: GPL-3.0-or-later
"""Standard deviations of what was observed: from the settings, or told from the evidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .clip_problem import ClipProblem
from .kinematics import State
from .motion import Motion
from .noise import point_noise, position_noise, robust_deviation


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
